/** What the translation asks about a loop, found in one walk and kept: a loop is translated more than once. */
import { rootOf, visit } from '../../wgsl/index.ts';
import type { Expression, Reference, ShaderFunction, Statement, Variable } from '../../wgsl/tree.ts';
import { assignedVariables, continues } from './assigned.ts';

export type Loop = Extract<Statement, { kind: 'loop' }>;

export interface LoopFacts {
  /** Variables from outside of the loop that it assigns. */
  readonly assigned: ReadonlySet<Variable>;
  /** True if a `continue` in the body goes to this loop. */
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

const cache = new WeakMap<Loop, LoopFacts>();

export function factsOf(loop: Loop): LoopFacts {
  let facts = cache.get(loop);
  if (!facts) {
    facts = findFacts(loop);
    cache.set(loop, facts);
  }
  return facts;
}

function findFacts(loop: Loop): LoopFacts {
  const indexed = new Set<Variable>();
  let statements = 0;
  visit([loop], {
    statement: () => {
      statements++;
    },
    reference: (reference) => {
      const root = rootOf(reference);
      if ((root.space === 'function' || root.space === 'private') && indexesArray(reference))
        indexed.add(root);
    },
  });
  const assigned = assignedVariables([loop]);
  return {
    assigned,
    continues: continues(loop.body),
    counter: counterOf(loop, assigned),
    statements,
    indexed,
    isInnermost: !hasIndexingLoop([...loop.body, ...loop.continuing]),
  };
}

function indexesArray(reference: Reference): boolean {
  for (let part = reference; part.kind !== 'variable'; part = part.base) {
    if (part.kind === 'index' && part.index.kind !== 'literal' && part.base.type.kind === 'array')
      return true;
  }
  return false;
}

function counterOf(loop: Loop, assigned: ReadonlySet<Variable>): Counter | undefined {
  const { condition, body, continuing, breakIf } = loop;
  if (condition?.kind !== 'binary' || breakIf) return undefined;
  const { operator, left, right } = condition;
  const isLess = operator === '<' || operator === '<=';
  const isGreater = operator === '>' || operator === '>=';
  if (!isLess && !isGreater) return undefined;
  const variable = variableOf(isLess ? left : right);
  if (!variable) return undefined;
  // `while` has its step at the end of the body.
  const inBody = continuing.length === 0 && !continues(body);
  const last = inBody ? body.at(-1) : continuing.at(-1);
  const others = inBody ? body.slice(0, -1) : [...body, ...continuing.slice(0, -1)];
  const step = last && stepOf(last, variable);
  if (!step || assignedVariables(others).has(variable)) return undefined;
  const strict = operator === '<' || operator === '>';
  const limit = isLess ? right : left;
  const limitIsFixed = !changes(limit, assigned);
  return { variable, operator: strict ? '<' : '<=', limit, step, limitIsFixed };
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
function changes(expression: Expression, assigned: ReadonlySet<Variable>): boolean {
  let found = false;
  visit([{ kind: 'evaluate', value: expression, at: { line: 0, column: 0 } }], {
    expression: ({ kind }) => {
      if (kind === 'call' || kind === 'atomic') found = true;
    },
    reference: (reference) => {
      if (assigned.has(rootOf(reference))) found = true;
    },
  });
  return found;
}

const functions = new WeakMap<
  ShaderFunction,
  { readonly hasIndexingLoop: boolean; readonly indexes: boolean }
>();

function functionFacts(callee: ShaderFunction): {
  readonly hasIndexingLoop: boolean;
  readonly indexes: boolean;
} {
  let facts = functions.get(callee);
  if (!facts) {
    facts = { hasIndexingLoop: hasIndexingLoop(callee.body), indexes: indexes(callee.body) };
    functions.set(callee, facts);
  }
  return facts;
}

function hasIndexingLoop(statements: readonly Statement[]): boolean {
  let found = false;
  visit(statements, {
    statement: (statement) => {
      if (statement.kind === 'loop' && !found && indexes(statement.body)) found = true;
    },
    expression: (expression) => {
      if (expression.kind === 'call' && functionFacts(expression.function).hasIndexingLoop) found = true;
    },
  });
  return found;
}

function indexes(statements: readonly Statement[]): boolean {
  let found = false;
  visit(statements, {
    reference: ({ kind }) => {
      if (kind !== 'variable') found = true;
    },
    expression: (expression) => {
      if (expression.kind === 'call' && functionFacts(expression.function).indexes) found = true;
    },
  });
  return found;
}
