/** Random statements. */

import { hasValidConstants } from '../expressions.ts';
import {
  type Arithmetic,
  type Bitwise,
  BOOL,
  type Case,
  type Expression,
  I32,
  isConstant,
  type Reference,
  rootOf,
  type Size,
  type Statement,
  type Type,
  U32,
  type ValueType,
  type Variable,
  value,
} from '../program.ts';
import type { Choices } from './choices.ts';
import { expression, type Need, typed } from './expressions.ts';
import { literal, read, reference } from './references.ts';
import type { Scope, World } from './scope.ts';

/** Levels of operators in an expression of a statement. */
const DEPTH = 3;

const SIZES: readonly Size[] = [1, 1, 1, 2, 3, 4, 4];

/** Choose a scalar or vector type. */
export const valueType = ({ choices, scalars }: World): ValueType =>
  value(choices.pick(scalars), choices.pick(SIZES));

/** Choose a type of a variable. */
export function variableType(world: World): Type {
  const { choices } = world;
  const of = valueType(world);
  return choices.bool(0.2) ? { kind: 'array', of, length: choices.integer(1, 5) } : of;
}

const needOf = (choices: Choices): Need => ({ depth: choices.integer(0, DEPTH) });

/** Make the statements of a block. `levels` bounds how deep blocks stand in blocks. */
export function statements(scope: Scope, count: number, levels: number): Statement[] {
  return scope.choices.list(count, () => statement(scope, levels));
}

function statement(scope: Scope, levels: number): Statement {
  const { choices } = scope;
  const nested = levels > 0 ? 1 : 0;
  const { inside, maker } = scope;
  const leaves = inside.loop || inside.switch || maker.returnsEarly;
  return choices.weighted<() => Statement>([
    [6, () => declaration(scope)],
    [6, () => assignment(scope) ?? declaration(scope)],
    [4, () => compound(scope) ?? declaration(scope)],
    [1, () => increment(scope) ?? declaration(scope)],
    [1, () => ({ kind: 'drop', value: expression(scope, valueType(scope.world), needOf(choices)) })],
    [2, () => procedureCall(scope) ?? declaration(scope)],
    [leaves ? 2 : 0, () => leaving(scope)],
    [4 * nested, () => branch(scope, levels)],
    [2 * nested, () => forLoop(scope, levels)],
    [nested, () => whileLoop(scope, levels)],
    [2 * nested, () => plainLoop(scope, levels)],
    [2 * nested, () => switching(scope, levels)],
    [nested, () => ({ kind: 'block', body: block(scope.inner(), levels) })],
  ])();
}

const block = (scope: Scope, levels: number): Statement[] =>
  statements(scope, scope.choices.integer(0, 3), levels - 1);

function declaration(scope: Scope): Statement {
  const { choices, world } = scope;
  const type = variableType(world);
  const space = choices.weighted([
    [4, 'let' as const],
    [4, 'var' as const],
    [1, 'const' as const],
  ]);
  const constant = space === 'const';
  const initial =
    space === 'var' && choices.bool(0.2)
      ? undefined
      : expression(scope, type, { ...needOf(choices), constant, pure: constant });
  const name = scope.name();
  const variable: Variable = { name, type, space, ...(constant && initial ? { initial } : {}) };
  scope.declare({ variable });
  return { kind: 'declare', variable, value: initial };
}

/** Return true if values of a type have one size. */
const isConstructible = (type: Type): boolean =>
  type.kind === 'struct'
    ? type.members.every((member) => isConstructible(member.type))
    : type.kind === 'value' || type.length !== undefined;

const hasIndex = (of: Reference): boolean =>
  of.kind === 'index' || (of.kind !== 'variable' && hasIndex(of.base));

/** Choose a place to write to. */
function target(scope: Scope, fits: (type: Type) => boolean): Reference | undefined {
  const to = reference(scope, fits, {
    writes: true,
    index: (type) => typed(scope, type, { depth: 1, pure: true }),
  });
  if (to) scope.noteChange(to);
  return to;
}

/** The value may change what the place depends on only if the place depends on nothing. */
function assignment(scope: Scope): Statement | undefined {
  const to = target(scope, isConstructible);
  if (!to) return undefined;
  return {
    kind: 'assign',
    to,
    value: expression(scope, to.type, { ...needOf(scope.choices), pure: hasIndex(to) }),
  };
}

const OPERATORS = ['+', '-', '*', '/', '%', '&', '|', '^', '<<', '>>'] as const;

function compound(scope: Scope): Statement | undefined {
  const { choices } = scope;
  const to = target(scope, (type) => type.kind === 'value');
  if (to?.type.kind !== 'value') return undefined;
  const { type } = to;
  const operator = choices.pick(
    OPERATORS.filter((of) => {
      if (type.of === 'bool') return of === '&' || of === '|';
      return type.of !== 'f32' || '+-*/%'.includes(of);
    }),
  );
  const pure = hasIndex(to) || rootOf(to).space !== 'var';
  const right = typed(scope, rightType(choices, operator, type), { ...needOf(choices), pure });
  const left: Expression = { kind: 'read', from: to, type };
  return hasValidConstants({ kind: 'binary', operator, left, right, type })
    ? { kind: 'compound', operator, to, value: right }
    : { kind: 'assign', to, value: right.type.kind === 'value' && sameSize(right.type, type) ? right : left };
}

const sameSize = (a: ValueType, b: ValueType): boolean => a.of === b.of && a.size === b.size;

function rightType(
  choices: Choices,
  operator: Arithmetic | Bitwise | '<<' | '>>',
  type: ValueType,
): ValueType {
  if (operator === '<<' || operator === '>>') return value('u32', type.size);
  const scalar = '+-*/%'.includes(operator) && choices.bool(0.2);
  return scalar ? value(type.of) : type;
}

function increment(scope: Scope): Statement | undefined {
  const to = target(
    scope,
    (type) => type.kind === 'value' && type.size === 1 && /32$/.test(type.of) && type.of !== 'f32',
  );
  return to && { kind: 'step', operator: scope.choices.pick(['++', '--']), to };
}

function procedureCall(scope: Scope): Statement | undefined {
  const { choices, world, maker } = scope;
  const found = world.functions.filter(({ returns, barriers }) => returns === undefined && !barriers);
  if (found.length === 0) return undefined;
  const called = choices.pick(found);
  maker.impure ||= called.impure;
  const list = called.parameters.map(({ type }) => expression(scope, type, { depth: 2 }));
  return { kind: 'call', function: called, arguments: list };
}

/** Leave a loop, a switch or the function, on a condition. */
function leaving(scope: Scope): Statement {
  const { inside, maker } = scope;
  const { choices } = scope;
  const kind = choices.weighted([
    [inside.loop || inside.switch ? 2 : 0, 'break' as const],
    [inside.loop && inside.continues ? 2 : 0, 'continue' as const],
    [maker.returnsEarly ? 1 : 0, 'return' as const],
  ]);
  const condition = typed(scope, BOOL, { depth: 2 });
  const leave: Statement = kind === 'return' ? returning(scope) : { kind };
  return { kind: 'if', condition, yes: [leave], no: [] };
}

/** Return from the function, with a value if it has one. */
export function returning(scope: Scope): Statement {
  const { returns } = scope.maker;
  return { kind: 'return', value: returns && expression(scope, returns, { depth: 2 }) };
}

function branch(scope: Scope, levels: number): Statement {
  const { choices } = scope;
  const condition = typed(scope, BOOL, needOf(choices));
  const body = block(scope.inner(), levels);
  const other = choices.bool()
    ? []
    : choices.bool(0.3)
      ? [branch(scope.inner(), levels - 1)]
      : block(scope.inner(), levels);
  return { kind: 'if', condition, yes: body, no: levels > 0 ? other : [] };
}

/** A counter of a loop, which no other statement changes. */
function counter(scope: Scope): Variable {
  const type = scope.choices.bool() ? U32 : I32;
  return { name: `turn${scope.world.names++}`, type, space: 'var' };
}

/** A number of turns, at most 5; it may depend on variables. */
function turns(scope: Scope, type: ValueType): Expression {
  const { choices } = scope;
  const most = literal(choices.integer(1, 5), type);
  if (choices.bool(0.6)) return most;
  const of = typed(scope, type, { depth: 1, pure: true });
  return isConstant(of) ? most : { kind: 'builtin', name: 'min', arguments: [of, most], type };
}

const to = (variable: Variable): Reference => ({ kind: 'variable', variable, type: variable.type });

function forLoop(scope: Scope, levels: number): Statement {
  const { choices } = scope;
  const variable = counter(scope);
  const type = variable.type.kind === 'value' ? variable.type : U32;
  const head = scope.inner();
  const condition: Expression = {
    kind: 'binary',
    operator: '<',
    left: read(variable),
    right: turns(scope, type),
    type: BOOL,
  };
  head.declare({ variable, assignable: false, kept: true });
  const next: Statement = choices.bool()
    ? { kind: 'step', operator: '++', to: to(variable) }
    : { kind: 'compound', operator: '+', to: to(variable), value: literal(choices.integer(1, 2), type) };
  const body = block(head.inner({ loop: true, continues: true, switch: false }), levels);
  const first: Statement = { kind: 'declare', variable, value: literal(choices.integer(0, 1), type) };
  return { kind: 'for', first, condition, next, body };
}

/** Declare a counter, and loop while it is above 0; it falls before the rest of the body. */
function whileLoop(scope: Scope, levels: number): Statement {
  const outer = scope.inner();
  const variable = counter(scope);
  const type = variable.type.kind === 'value' ? variable.type : U32;
  const declare: Statement = { kind: 'declare', variable, value: turns(scope, type) };
  outer.declare({ variable, assignable: false, kept: true });
  const above: Expression = {
    kind: 'binary',
    operator: '>',
    left: read(variable),
    right: literal(0, type),
    type: BOOL,
  };
  const condition: Expression = outer.choices.bool()
    ? above
    : { kind: 'logical', operator: '&&', left: above, right: typed(outer, BOOL, { depth: 2 }), type: BOOL };
  const body = outer.inner({ loop: true, continues: true, switch: false });
  const fall: Statement = { kind: 'step', operator: '--', to: to(variable) };
  return {
    kind: 'block',
    body: [declare, { kind: 'while', condition, body: [fall, ...block(body, levels)] }],
  };
}

/** A `loop`: it ends by `break if`, or by `break` in its body. */
function plainLoop(scope: Scope, levels: number): Statement {
  const { choices } = scope;
  const outer = scope.inner();
  const variable = counter(scope);
  const type = variable.type.kind === 'value' ? variable.type : U32;
  const declare: Statement = { kind: 'declare', variable, value: literal(0, type) };
  outer.declare({ variable, assignable: false, kept: true });
  const last: Expression = {
    kind: 'binary',
    operator: '>=',
    left: read(variable),
    right: literal(choices.integer(1, 5), type),
    type: BOOL,
  };
  const inContinuing = choices.bool();
  const rise: Statement = { kind: 'step', operator: '++', to: to(variable) };
  const end: Statement = { kind: 'if', condition: last, yes: [{ kind: 'break' }], no: [] };
  // What `continue` may pass by, `continuing` does not see.
  const continues = choices.bool();
  const inner = outer.inner({ loop: true, continues, switch: false });
  const start: Statement[] = inContinuing && choices.bool() ? [] : [end];
  const body = [...start, ...(inContinuing ? [] : [rise]), ...block(inner, levels)];
  const after = continues ? outer.hiding(inner) : inner.inner();
  const continuing = statementsWithoutControl(after, choices.integer(0, 2));
  const breakIf: Expression | undefined =
    start.length === 0 || choices.bool(0.3) ? breakCondition(after, last) : undefined;
  const loop: Statement = {
    kind: 'loop',
    body,
    continuing: inContinuing ? [rise, ...continuing] : continuing,
    breakIf,
  };
  return { kind: 'block', body: [declare, loop] };
}

function breakCondition(scope: Scope, last: Expression): Expression {
  if (scope.choices.bool()) return last;
  return { kind: 'logical', operator: '||', left: last, right: typed(scope, BOOL, { depth: 2 }), type: BOOL };
}

function statementsWithoutControl(scope: Scope, count: number): Statement[] {
  return scope.choices.list(count, () => compound(scope) ?? declaration(scope));
}

function switching(scope: Scope, levels: number): Statement {
  const { choices } = scope;
  const type = choices.bool() ? U32 : I32;
  const on = typed(scope, type, { depth: 2 });
  const selectors = [0, 1, 2, 3, type === I32 ? -1 : 4, 7].filter(() => choices.bool());
  const cases: Case[] = [];
  const inner = (): Scope => scope.inner({ switch: true });
  while (selectors.length > 0) {
    const values = selectors.splice(0, choices.integer(1, 2));
    cases.push({ values, body: block(inner(), levels) });
  }
  const withDefault: Case = { values: [undefined], body: block(inner(), levels) };
  const at = choices.integer(0, cases.length);
  if (cases[at] && choices.bool(0.4)) cases[at] = { ...cases[at], values: [...cases[at].values, undefined] };
  else cases.splice(at, 0, withDefault);
  return { kind: 'switch', on, cases };
}
