/** Rules that a smaller program may break: names in scope, constants that WGSL accepts, functions and loops that end. */

import { hasValidConstants } from './expressions.ts';
import type { Expression, Procedure, Program, Reference, Statement, Variable } from './program.ts';

class Invalid extends Error {}

/** Names in scope, the innermost last. */
type Names = readonly ReadonlyMap<string, Variable>[];

/** Return true if a program obeys the rules. */
export function isValid(program: Program): boolean {
  try {
    checkProgram(program);
    return true;
  } catch (error) {
    if (error instanceof Invalid) return false;
    throw error;
  }
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Invalid(what);
}

const mapOf = (variables: Iterable<Variable>): Map<string, Variable> =>
  new Map([...variables].map((variable) => [variable.name, variable]));

function checkProgram({ variables, functions, builtins, main }: Program): void {
  const known = new Set<string>();
  const module = new Map<string, Variable>();
  for (const variable of variables) {
    if (variable.initial) new Checker(known).expression(variable.initial, [module]);
    module.set(variable.name, variable);
  }
  for (const called of functions) {
    checkPlaces(called.body);
    new Checker(known).body(called.body, [module, mapOf(called.parameters)]);
    check(!called.returns || called.body.at(-1)?.kind === 'return', `${called.name} may not return`);
    known.add(called.name);
  }
  checkPlaces(main);
  new Checker(known).body(main, [module, mapOf(builtins.values())]);
}

/** Check that `break` stands in loops and switches, and `continue` in loops. */
function checkPlaces(body: readonly Statement[], breaks = false, continues = false): void {
  for (const statement of body) {
    check(statement.kind !== 'break' || breaks, 'break outside of loops');
    check(statement.kind !== 'continue' || continues, 'continue outside of loops');
    if (statement.kind === 'for' || statement.kind === 'while') checkPlaces(statement.body, true, true);
    else if (statement.kind === 'loop') {
      checkPlaces(statement.body, true, true);
      checkPlaces(statement.continuing);
    } else checkPlaces(insideOf(statement), breaks || statement.kind === 'switch', continues);
  }
}

class Checker {
  constructor(private readonly functions: ReadonlySet<string>) {}

  /** Check a block. Return the names that are visible at its end. */
  body(body: readonly Statement[], names: Names): Names {
    const own = new Map<string, Variable>(names.at(-1));
    const inner = [...names.slice(0, -1), own];
    for (const statement of body) this.statement(statement, inner, own);
    return inner;
  }

  block(body: readonly Statement[], names: Names): Names {
    return this.body(body, [...names, new Map()]);
  }

  statement(of: Statement, names: Names, own: Map<string, Variable>): void {
    switch (of.kind) {
      case 'declare':
        if (of.value) this.expression(of.value, names);
        own.set(of.variable.name, of.variable);
        return;
      case 'assign':
        this.reference(of.to, names);
        this.expression(of.value, names);
        return;
      case 'compound': {
        const { operator, to, value: right } = of;
        const { type } = to;
        check(type.kind === 'value', 'arithmetic of an aggregate');
        if (type.kind !== 'value') return;
        const left: Expression = { kind: 'read', from: to, type };
        this.expression({ kind: 'binary', operator, left, right, type }, names);
        return;
      }
      case 'step':
        this.reference(of.to, names);
        return;
      case 'drop':
        this.expression(of.value, names);
        return;
      case 'call':
        this.call(of.function, of.arguments, names);
        return;
      case 'return':
        if (of.value) this.expression(of.value, names);
        return;
      case 'barrier':
      case 'break':
      case 'continue':
        return;
      default:
        this.compound(of, names);
    }
  }

  compound(
    of: Extract<Statement, { kind: 'block' | 'if' | 'for' | 'while' | 'loop' | 'switch' }>,
    names: Names,
  ): void {
    switch (of.kind) {
      case 'block':
        this.block(of.body, names);
        return;
      case 'if':
        this.expression(of.condition, names);
        this.block(of.yes, names);
        this.block(of.no, names);
        return;
      case 'for': {
        const head = this.block([of.first], names);
        this.expression(of.condition, head);
        this.block([of.next], head);
        this.block(of.body, head);
        return;
      }
      case 'while':
        this.expression(of.condition, names);
        this.block(of.body, names);
        return;
      case 'loop': {
        const end = this.block(of.body, names);
        // What `continue` passes by is not declared in `continuing`.
        const after = this.block(of.continuing, continues(of.body) ? hiding(names, end) : end);
        if (of.breakIf) this.expression(of.breakIf, after);
        check(of.breakIf !== undefined || leaves(of.body), 'a loop without an end');
        return;
      }
      case 'switch': {
        this.expression(of.on, names);
        for (const { body } of of.cases) this.block(body, names);
        const defaults = of.cases.filter(({ values }) => values.includes(undefined));
        check(defaults.length === 1, 'a switch without one default');
      }
    }
  }

  call(called: Procedure, list: readonly Expression[], names: Names): void {
    check(this.functions.has(called.name), `${called.name} is not declared`);
    for (const argument of list) this.expression(argument, names);
  }

  reference(of: Reference, names: Names): void {
    if (of.kind === 'variable') {
      const found = [...names].reverse().find((frame) => frame.has(of.variable.name));
      check(found?.get(of.variable.name) === of.variable, `${of.variable.name} is not declared`);
      return;
    }
    this.reference(of.base, names);
    if (of.kind === 'index') this.expression(of.index, names);
  }

  expression(of: Expression, names: Names): void {
    switch (of.kind) {
      case 'literal':
      case 'abstract':
        break;
      case 'read':
        this.reference(of.from, names);
        break;
      case 'arrayLength':
        this.reference(of.of, names);
        break;
      case 'unary':
      case 'convert':
      case 'bitcast':
      case 'swizzle':
        this.expression(of.of, names);
        break;
      case 'element':
        this.expression(of.of, names);
        this.expression(of.index, names);
        break;
      case 'binary':
      case 'logical':
        this.expression(of.left, names);
        this.expression(of.right, names);
        break;
      case 'call':
        this.call(of.function, of.arguments, names);
        break;
      case 'builtin':
        for (const argument of of.arguments) this.expression(argument, names);
        break;
      case 'construct':
        for (const part of of.parts) this.expression(part, names);
        break;
    }
    check(hasValidConstants(of), 'a constant that WGSL refuses');
  }
}

/** Hide the names that a block declares. */
function hiding(names: Names, end: Names): Names {
  const hidden: Variable = { name: '', type: { kind: 'value', of: 'bool', size: 1 }, space: 'let' };
  return [...names, new Map([...(end.at(-1)?.keys() ?? [])].map((name) => [name, hidden]))];
}

/** Return the statements directly inside of one, apart from those of inner loops. */
function insideOf(of: Statement): readonly Statement[] {
  switch (of.kind) {
    case 'block':
      return of.body;
    case 'if':
      return [...of.yes, ...of.no];
    case 'switch':
      return of.cases.flatMap(({ body }) => body);
    default:
      return [];
  }
}

const continues = (body: readonly Statement[]): boolean =>
  body.some((statement) => statement.kind === 'continue' || continues(insideOf(statement)));

/** Return true if a loop with this body may end by `break` or `return`. A `break` in a switch ends the switch. */
function leaves(body: readonly Statement[], breaks = true): boolean {
  return body.some(
    (statement) =>
      statement.kind === 'return' ||
      (breaks && statement.kind === 'break') ||
      leaves(insideOf(statement), breaks && statement.kind !== 'switch'),
  );
}
