/** Facts about loops that the translation needs. All loops of a function are looked at in one walk. */
import { bodiesOf, expressionsOf, rootOf, visitExpression } from '../../wgsl/index.ts';
import type { Expression, Reference, ShaderFunction, Statement, Variable } from '../../wgsl/tree.ts';

export type Loop = Extract<Statement, { kind: 'loop' }>;

export interface LoopFacts {
  /** Variables from outside of the loop that it assigns. */
  readonly assigned: ReadonlySet<Variable>;
  /** True if a `continue` goes to this loop. */
  readonly continues: boolean;
  readonly counter: Counter | undefined;
  /** Number of statements inside. */
  readonly statements: number;
  /** Variables of functions, arrays of which are indexed by other than constants. */
  readonly indexed: ReadonlySet<Variable>;
  /** True if no loop inside, or inside the functions that it calls, indexes anything. */
  readonly isInnermost: boolean;
}

/** `variable` < `limit` before each turn, and `variable` += `step` at its end, and nothing else assigns it. */
export interface Counter {
  readonly variable: Variable;
  readonly operator: '<' | '<=';
  readonly limit: Expression;
  readonly step: Expression;
  /** True if the loop does not change what the limit reads. */
  readonly limitIsFixed: boolean;
}

/** Effects of some statements. */
class Summary {
  /** Number of assignments to each variable. */
  readonly assignments = new Map<Variable, number>();
  readonly declared = new Set<Variable>();
  readonly indexed = new Set<Variable>();
  statements = 0;
  continues = false;
  /** True if something is indexed. */
  indexes = false;
  hasIndexingLoop = false;

  assign(variable: Variable, times = 1): void {
    this.assignments.set(variable, (this.assignments.get(variable) ?? 0) + times);
  }

  add(other: Summary): void {
    for (const [variable, times] of other.assignments) this.assign(variable, times);
    for (const variable of other.declared) this.declared.add(variable);
    for (const variable of other.indexed) this.indexed.add(variable);
    this.statements += other.statements;
    this.continues ||= other.continues;
    this.indexes ||= other.indexes;
    this.hasIndexingLoop ||= other.hasIndexingLoop;
  }

  addCall(callee: ShaderFunction): void {
    const { indexes, hasIndexingLoop, assignments } = functionSummary(callee);
    this.indexes ||= indexes;
    this.hasIndexingLoop ||= hasIndexingLoop;
    for (const variable of assignments.keys()) if (variable.space === 'private') this.assign(variable);
  }

  addReference(reference: Reference): void {
    if (reference.kind === 'variable') return;
    this.indexes = true;
    const root = rootOf(reference);
    if ((root.space === 'function' || root.space === 'private') && indexesArray(reference))
      this.indexed.add(root);
  }
}

const loops = new WeakMap<Loop, LoopFacts>();
const functions = new WeakMap<ShaderFunction, Summary>();

export function factsOf(loop: Loop): LoopFacts {
  if (!loops.has(loop)) summaryOf(loop);
  const facts = loops.get(loop);
  if (!facts) throw new Error('a summary of a loop notes its facts');
  return facts;
}

function functionSummary(callee: ShaderFunction): Summary {
  let summary = functions.get(callee);
  if (!summary) {
    summary = summaryOfList(callee.body);
    functions.set(callee, summary);
  }
  return summary;
}

function summaryOfList(statements: readonly Statement[]): Summary {
  const summary = new Summary();
  for (const statement of statements) summary.add(summaryOf(statement));
  return summary;
}

function summaryOf(statement: Statement): Summary {
  const summary = new Summary();
  for (const body of bodiesOf(statement)) summary.add(summaryOfList(body));
  summary.statements++;
  if (statement.kind === 'continue') summary.continues = true;
  if (statement.kind === 'declare') summary.declared.add(statement.variable);
  if (statement.kind === 'assign') {
    summary.assign(rootOf(statement.to));
    summary.addReference(statement.to);
  }
  for (const expression of expressionsOf(statement)) {
    visitExpression(expression, {
      reference: (reference) => summary.addReference(reference),
      expression: (part) => {
        if (part.kind === 'call') summary.addCall(part.function);
      },
    });
  }
  if (statement.kind === 'loop') {
    loops.set(statement, loopFacts(statement, summary));
    summary.continues = false;
    summary.hasIndexingLoop ||= summary.indexes;
  }
  return summary;
}

function loopFacts(
  loop: Loop,
  { assignments, declared, continues, statements, indexed, hasIndexingLoop }: Summary,
): LoopFacts {
  const assigned = new Set([...assignments.keys()].filter((variable) => !declared.has(variable)));
  const counter = counterOf(loop, assignments, continues);
  return {
    assigned,
    continues,
    counter,
    statements,
    indexed: new Set(indexed),
    isInnermost: !hasIndexingLoop,
  };
}

function indexesArray(reference: Reference): boolean {
  for (let part = reference; part.kind !== 'variable'; part = part.base) {
    if (part.kind === 'index' && part.index.kind !== 'literal' && part.base.type.kind === 'array')
      return true;
  }
  return false;
}

function counterOf(
  { condition, body, continuing, breakIf }: Loop,
  assignments: ReadonlyMap<Variable, number>,
  continues: boolean,
): Counter | undefined {
  if (condition?.kind !== 'binary' || breakIf) return undefined;
  const { operator, left, right } = condition;
  const isLess = operator === '<' || operator === '<=';
  if (!isLess && operator !== '>' && operator !== '>=') return undefined;
  const variable = variableOf(isLess ? left : right);
  // `while` has its step at the end of the body.
  const last = continuing.length === 0 && !continues ? body.at(-1) : continuing.at(-1);
  const step = last && variable && stepOf(last, variable);
  if (!variable || !step || assignments.get(variable) !== 1) return undefined;
  const limit = isLess ? right : left;
  const strict = operator === '<' || operator === '>';
  return { variable, operator: strict ? '<' : '<=', limit, step, limitIsFixed: !changes(limit, assignments) };
}

function stepOf(statement: Statement, variable: Variable): Expression | undefined {
  if (statement.kind !== 'assign' || statement.to.kind !== 'variable') return undefined;
  const { value, to } = statement;
  if (to.variable !== variable || value.kind !== 'binary' || value.operator !== '+') return undefined;
  return variableOf(value.left) === variable ? value.right : undefined;
}

/** Return the variable that an expression reads, if it is nothing else. */
const variableOf = (expression: Expression): Variable | undefined =>
  expression.kind === 'load' && expression.from.kind === 'variable' ? expression.from.variable : undefined;

/** True if an expression reads one of the variables, or has an effect. */
function changes(expression: Expression, assignments: ReadonlyMap<Variable, number>): boolean {
  let found = false;
  visitExpression(expression, {
    expression: ({ kind }) => {
      if (kind === 'call' || kind === 'atomic') found = true;
    },
    reference: (reference) => {
      if (assignments.has(rootOf(reference))) found = true;
    },
  });
  return found;
}
