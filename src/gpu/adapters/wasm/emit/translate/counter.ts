/** Loops that count: `i < limit` before each turn, and `i += step` at its end. */

import { visit } from '../../wgsl/index.ts';
import type { Expression, Statement, Variable } from '../../wgsl/tree.ts';
import { assignedVariables, continues } from './assigned.ts';

export type Loop = Extract<Statement, { kind: 'loop' }>;

export interface Counter {
  readonly variable: Variable;
  readonly operator: '<' | '<=';
  readonly limit: Expression;
  readonly step: Expression;
}

const cache = new WeakMap<Loop, { readonly counter: Counter | undefined }>();

/** Return the counter of a loop, if it has one that nothing else in it assigns. */
export function counterOf(loop: Loop): Counter | undefined {
  let known = cache.get(loop);
  if (!known) {
    known = { counter: findCounter(loop) };
    cache.set(loop, known);
  }
  return known.counter;
}

function findCounter({ condition, body, continuing, breakIf }: Loop): Counter | undefined {
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
  return { variable, operator: strict ? '<' : '<=', limit: isLess ? right : left, step };
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

const innermost = new WeakMap<Loop, boolean>();

/** Return true if no loop inside, or inside the functions that it calls, indexes memory. */
export function isInnermost(loop: Loop): boolean {
  let known = innermost.get(loop);
  if (known === undefined) {
    known = !hasIndexingLoop([...loop.body, ...loop.continuing]);
    innermost.set(loop, known);
  }
  return known;
}

function hasIndexingLoop(statements: readonly Statement[]): boolean {
  let found = false;
  visit(statements, {
    statement: (statement) => {
      if (statement.kind === 'loop' && indexes(statement.body)) found = true;
    },
    expression: (expression) => {
      if (expression.kind === 'call' && !found && hasIndexingLoop(expression.function.body)) found = true;
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
      if (expression.kind === 'call' && !found && indexes(expression.function.body)) found = true;
    },
  });
  return found;
}
