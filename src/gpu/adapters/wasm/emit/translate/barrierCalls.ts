/** Statements that contain barriers; and calls with barriers as statements of their own. */

import { fail } from '../../wgsl/error.ts';
import { operandsOf, visit, visitExpression } from '../../wgsl/index.ts';
import type { Expression, ShaderFunction, Statement, Type, Variable } from '../../wgsl/tree.ts';

const functions = new WeakMap<ShaderFunction, boolean>();

/** Return true if a function, or one that it calls, contains a barrier. */
export function functionHasBarrier(callee: ShaderFunction): boolean {
  let has = functions.get(callee);
  if (has === undefined) {
    has = hasBarrier(callee.body);
    functions.set(callee, has);
  }
  return has;
}

export function hasBarrier(statements: readonly Statement[]): boolean {
  let found = false;
  visit(statements, {
    statement: ({ kind }) => {
      if (kind === 'barrier') found = true;
    },
    expression: (expression) => {
      if (isBarrierCall(expression)) found = true;
    },
  });
  return found;
}

/** A call of a function with barriers. */
export type BarrierCall = Extract<Expression, { kind: 'call' }>;

const isBarrierCall = (expression: Expression): expression is BarrierCall =>
  expression.kind === 'call' && functionHasBarrier(expression.function);

function containsBarrier(expression: Expression): boolean {
  let found = false;
  visitExpression(expression, {
    expression: (part) => {
      if (isBarrierCall(part)) found = true;
    },
  });
  return found;
}

/** A step of a statement: a value for a new variable, or a call with barriers whose result is the value of one. */
export type Step =
  | { readonly kind: 'statement'; readonly statement: Statement }
  | { readonly kind: 'call'; readonly call: BarrierCall; readonly result: Variable | undefined };

/**
 * Take a statement whose own expressions contain barriers apart: what is evaluated before the last barrier becomes variables.
 * Return the steps before it, and the statement without barriers.
 */
export function withoutBarrierCalls(statement: Statement): {
  before: readonly Step[];
  rest: Statement | undefined;
} {
  const before: Step[] = [];
  const take = (expression: Expression): Expression => extract(expression, before);
  switch (statement.kind) {
    case 'declare':
    case 'return':
      return { before, rest: statement.value ? { ...statement, value: take(statement.value) } : statement };
    case 'assign':
      return { before, rest: { ...statement, value: take(statement.value) } };
    case 'evaluate': {
      const value = take(statement.value);
      const isDone = value.kind === 'load' && before.length > 0;
      return { before, rest: isDone ? undefined : { ...statement, value } };
    }
    case 'if':
      return { before, rest: { ...statement, condition: take(statement.condition) } };
    default:
      return { before, rest: statement };
  }
}

/** True if the statement's own expressions contain a barrier. */
export function callsBarrier(statement: Statement): boolean {
  switch (statement.kind) {
    case 'declare':
    case 'return':
      return statement.value !== undefined && containsBarrier(statement.value);
    case 'assign':
    case 'evaluate':
      return containsBarrier(statement.value);
    case 'if':
      return containsBarrier(statement.condition);
    default:
      return false;
  }
}

/** True if a statement contains a barrier anywhere. */
export const isBarrier = (statement: Statement): boolean => hasBarrier([statement]);

function extract(expression: Expression, before: Step[]): Expression {
  if (!containsBarrier(expression)) return expression;
  if (expression.kind === 'logical') {
    return fail({ line: 0, column: 0 }, 'a barrier in an operand of && or || is not supported');
  }
  const operands = operandsOf(expression);
  const last = operands.findLastIndex(containsBarrier);
  const replaced = operands.map((operand, i) => {
    if (i > last) return operand;
    const value = extract(operand, before);
    return value.kind === 'literal' || containsBarrier(operand) ? value : named(value, before);
  });
  const rebuilt = withOperands(expression, replaced);
  if (!isBarrierCall(rebuilt)) return rebuilt;
  const result = rebuilt.type && variableOf(rebuilt.type, 'function');
  before.push({ kind: 'call', call: rebuilt, result });
  // Of a call without a result this is never read.
  return result
    ? loadOf(result)
    : { kind: 'load', from: { kind: 'variable', variable: NOTHING, type: NOTHING.type }, type: NOTHING.type };
}

const variableOf = (type: Type, space: 'value' | 'function'): Variable => ({ name: 'result', type, space });
const NOTHING = variableOf({ kind: 'scalar', of: 'bool' }, 'value');

const loadOf = (variable: Variable): Expression => ({
  kind: 'load',
  from: { kind: 'variable', variable, type: variable.type },
  type: variable.type,
});

/** Evaluate an expression into a new variable. */
function named(value: Expression, before: Step[]): Expression {
  if (!value.type) return value;
  const variable = variableOf(value.type, 'value');
  before.push({
    kind: 'statement',
    statement: { kind: 'declare', variable, value, at: { line: 0, column: 0 } },
  });
  return loadOf(variable);
}

function withOperands(expression: Expression, operands: readonly Expression[]): Expression {
  const [first, second] = operands;
  switch (expression.kind) {
    case 'field':
    case 'swizzle':
    case 'unary':
    case 'splat':
    case 'convert':
    case 'bitcast':
      return first ? { ...expression, of: first } : expression;
    case 'element':
      return first && second ? { ...expression, of: first, index: second } : expression;
    case 'binary':
      return first && second ? { ...expression, left: first, right: second } : expression;
    case 'construct':
      return { ...expression, parts: operands };
    case 'builtin':
    case 'call':
      return { ...expression, arguments: operands };
    default:
      return expression;
  }
}
