/**
 * Uniformity (WGSL section 15.2): all invocations of a workgroup must reach a barrier together, or none.
 *
 * A value is not uniform if it depends on what differs between invocations. A condition that is not uniform makes the control
 * flow under it not uniform, and what follows, too, if some invocations leave by it. The flow joins again behind an `if`, loop or
 * switch that nothing leaves, and behind a call. The analysis is sound and coarser than WGSL's: a variable that one
 * assignment makes not uniform counts so everywhere in its function.
 */

import { fail } from './error.ts';
import { rootOf } from './references.ts';
import { isSubgroupBuiltin } from './subgroupBuiltins.ts';
import type {
  BuiltinValue,
  EntryPoint,
  Expression,
  Place,
  ShaderFunction,
  Statement,
  Variable,
} from './tree.ts';
import { usesOf } from './uses.ts';
import { indicesOf, operandsOf, visit } from './visit.ts';

/** The source of a value that is not uniform, in words; undefined for a uniform value. */
type Source = string | undefined;

/** The condition that made the control flow not uniform. */
interface Divergence {
  readonly at: Place;
  readonly source: string;
}
type Flow = Divergence | undefined;

/** Control flow behind statements, and the ways by which invocations may leave them. */
interface After {
  readonly flow: Flow;
  readonly breaks: boolean;
  readonly continues: boolean;
  readonly returns: boolean;
}

const UNIFORM_BUILTINS: ReadonlySet<BuiltinValue> = new Set<BuiltinValue>([
  'workgroup_id',
  'num_workgroups',
  'subgroup_size',
]);

/** Throw a `WgslError` if a barrier stands where the control flow is not uniform. No function may call itself. */
export function checkUniformity({ function: entry, builtins }: EntryPoint): void {
  const sources = builtins.map((name) => (UNIFORM_BUILTINS.has(name) ? undefined : name));
  analyze(entry, sources, undefined, new Summaries());
}

/** Facts about a function that its callers need. */
interface Summary {
  /** True if it has a barrier, or calls a function that has one. */
  readonly barrier: boolean;
  /** The source of its result, or of something in it, if its arguments are uniform. */
  readonly source: Source;
}

class Summaries {
  readonly #known = new Map<ShaderFunction, Summary>();

  of(called: ShaderFunction): Summary {
    let summary = this.#known.get(called);
    if (!summary) {
      summary = this.#summarize(called);
      this.#known.set(called, summary);
    }
    return summary;
  }

  #summarize(called: ShaderFunction): Summary {
    const { callees, barrier } = usesOf(called);
    const summaries = [...callees].map((callee) => this.of(callee));
    let source = summaries.find((callee) => callee.source !== undefined)?.source;
    visit(called.body, {
      expression: (expression) => {
        source ??= memorySource(expression);
      },
    });
    return { barrier: barrier || summaries.some((callee) => callee.barrier), source };
  }
}

/** Return the source of a value that differs between invocations whatever its operands are: writable memory and subgroups. */
function memorySource(expression: Expression): Source {
  if (expression.kind === 'builtin') return isSubgroupBuiltin(expression.name) ? expression.name : undefined;
  if (expression.kind !== 'load' && expression.kind !== 'atomic') return undefined;
  const { name, space, writable } = rootOf(expression.kind === 'load' ? expression.from : expression.on);
  const varies = space === 'workgroup' || space === 'private' || (space === 'storage' && writable);
  return varies ? name : undefined;
}

/** Analyze a call of a function that has a barrier; return the source of its result. */
function analyze(
  called: ShaderFunction,
  values: readonly Source[],
  flow: Flow,
  summaries: Summaries,
): Source {
  const analysis = new FunctionAnalysis(called, values, summaries);
  do analysis.run(flow);
  while (analysis.changed);
  return analysis.result;
}

const STAY = { breaks: false, continues: false, returns: false };

/** Return what follows branches; behind them the flow is `flow`. */
function join(branches: readonly After[], flow: Flow): After {
  return {
    flow,
    breaks: branches.some(({ breaks }) => breaks),
    continues: branches.some(({ continues }) => continues),
    returns: branches.some(({ returns }) => returns),
  };
}

/** Return the first divergence of branches. */
const divergenceOf = (branches: readonly After[]): Flow => branches.find(({ flow }) => flow)?.flow;

class FunctionAnalysis {
  readonly #body: readonly Statement[];
  readonly #summaries: Summaries;
  readonly #sources = new Map<Variable, string>();
  /** Place of the statement that is analyzed now. */
  #at: Place;
  /** True if the last run found a variable that is not uniform and was not known to be. */
  changed = false;
  result: Source;

  constructor({ body, parameters, at }: ShaderFunction, values: readonly Source[], summaries: Summaries) {
    this.#body = body;
    this.#at = at;
    this.#summaries = summaries;
    parameters.forEach((parameter, i) => {
      this.#mark(parameter, values[i]);
    });
  }

  run(flow: Flow): void {
    this.changed = false;
    this.#list(this.#body, flow);
  }

  #mark(variable: Variable, source: Source): void {
    if (source === undefined || this.#sources.has(variable)) return;
    this.#sources.set(variable, source);
    this.changed = true;
  }

  #list(statements: readonly Statement[], flow: Flow): After {
    let after: After = { flow, ...STAY };
    for (const statement of statements) {
      const next = this.#statement(statement, after.flow);
      after = join([after, next], next.flow);
    }
    return after;
  }

  #statement(statement: Statement, flow: Flow): After {
    if ('at' in statement) this.#at = statement.at;
    const after: After = { flow, ...STAY };
    switch (statement.kind) {
      case 'declare':
        if (statement.value)
          this.#mark(statement.variable, this.#source(statement.value, flow) ?? flow?.source);
        return after;
      case 'assign':
        for (const value of [...indicesOf(statement.to), statement.value])
          this.#mark(rootOf(statement.to), this.#source(value, flow) ?? flow?.source);
        return after;
      case 'evaluate':
        this.#source(statement.value, flow);
        return after;
      case 'block':
        return this.#list(statement.body, flow);
      case 'if':
        return this.#if(statement, flow);
      case 'loop':
        return this.#loop(statement, flow);
      case 'switch':
        return this.#switch(statement, flow);
      case 'break':
        return { ...after, breaks: true };
      case 'continue':
        return { ...after, continues: true };
      case 'return':
        if (statement.value) this.result ??= this.#source(statement.value, flow) ?? flow?.source;
        return { ...after, returns: true };
      case 'barrier':
        if (flow) refuse(statement.name, statement.at, flow);
        return after;
      default:
        return statement satisfies never;
    }
  }

  #if(statement: Extract<Statement, { kind: 'if' }>, flow: Flow): After {
    const under = this.#under(statement.condition, flow);
    const branches = [this.#list(statement.then, under), this.#list(statement.else, under)];
    const leaves = branches.some(({ breaks, continues, returns }) => breaks || continues || returns);
    return join(branches, leaves ? divergenceOf(branches) : flow);
  }

  #switch(statement: Extract<Statement, { kind: 'switch' }>, flow: Flow): After {
    const under = this.#under(statement.on, flow);
    const cases = statement.cases.map(({ body }) => this.#list(body, under));
    const leaves = cases.some(({ continues, returns }) => continues || returns);
    return { ...join(cases, leaves ? divergenceOf(cases) : flow), breaks: false };
  }

  #loop(statement: Extract<Statement, { kind: 'loop' }>, flow: Flow): After {
    const first = this.#turn(statement, flow);
    const last = first.flow && !flow ? this.#turn(statement, first.flow) : first;
    return { ...STAY, flow: last.returns ? last.flow : flow, returns: last.returns };
  }

  /** Analyze one turn of a loop. */
  #turn(statement: Extract<Statement, { kind: 'loop' }>, flow: Flow): After {
    this.#at = statement.at;
    const inside = statement.condition ? this.#under(statement.condition, flow) : flow;
    const body = this.#list(statement.body, inside);
    const end = this.#list(statement.continuing, body.flow).flow;
    this.#at = statement.at;
    return { ...body, flow: statement.breakIf ? this.#under(statement.breakIf, end) : end };
  }

  /** Return the control flow under a condition of the statement that is analyzed now. */
  #under(condition: Expression, flow: Flow): Flow {
    return flow ?? this.#divergence(this.#source(condition, flow));
  }

  #divergence(source: Source): Flow {
    return source === undefined ? undefined : { at: this.#at, source };
  }

  /** Return the source of an expression's value. Calls in it are analyzed under the control flow there. */
  #source(expression: Expression, flow: Flow): Source {
    if (expression.kind === 'call') return this.#call(expression, flow);
    if (expression.kind === 'logical') {
      const left = this.#source(expression.left, flow);
      const right = this.#source(expression.right, flow ?? this.#divergence(left));
      return left ?? right;
    }
    const sources = operandsOf(expression).map((operand) => this.#source(operand, flow));
    const variable = expression.kind === 'load' ? this.#sources.get(rootOf(expression.from)) : undefined;
    return variable ?? memorySource(expression) ?? sources.find((source) => source !== undefined);
  }

  #call(call: Extract<Expression, { kind: 'call' }>, flow: Flow): Source {
    const values = call.arguments.map((argument) => this.#source(argument, flow));
    const { barrier, source } = this.#summaries.of(call.function);
    if (barrier) return analyze(call.function, values, flow, this.#summaries);
    return source ?? values.find((value) => value !== undefined);
  }
}

function refuse(name: string, at: Place, { at: { line, column }, source }: Divergence): never {
  return fail(
    at,
    `not all invocations of a workgroup reach this ${name}: the condition at line ${line}, column ${column} depends on ${source}`,
  );
}
