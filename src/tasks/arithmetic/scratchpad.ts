/**
 * The scratchpad: an expression worked bottom-up in reading order, steps separated by `, `. Each operator's steps
 * end with the operator on its operands' values and the result: `max(8,5)=8`. Every equation is true as written
 * under the expression grammar extended by gcd(a,b) and lcm(a,b); `carry 1` and `borrow 1` stand alone.
 */

import { applyUnary, divisionByZero, type Expression, isNumber } from '../expressions/expression.ts';
import type { UnaryFunction } from '../expressions/operators.ts';
import { Rational } from '../expressions/rational.ts';
import { addOrSubtract, neighbour, type Steps } from './integerSteps.ts';
import { workBinary } from './rationalSteps.ts';

export const STEP_SEPARATOR = ', ';

/** next or prev: that of a fraction works on the numerator: `1+2=3, next(1/2)=3/2`. */
function workNeighbour(operator: 'next' | 'prev', x: Rational, steps: Steps): Rational {
  if (x.isInteger) return Rational.integer(neighbour(operator, x.numerator, steps));
  const value = applyUnary(operator, x);
  addOrSubtract(x.numerator, operator === 'next' ? '+' : '-', x.denominator, steps);
  steps.push(`${operator}(${x})=${value}`);
  return value;
}

function workUnary(operator: '-' | UnaryFunction, x: Rational, steps: Steps): Rational {
  if (operator === 'next' || operator === 'prev') return workNeighbour(operator, x, steps);
  const value = applyUnary(operator, x);
  steps.push(`${operator}(${x})=${value}`);
  return value;
}

function work(tree: Expression, steps: Steps): Rational {
  if (tree.kind === 'integer') return Rational.integer(tree.value);
  if (tree.kind === 'unary') {
    // A signed number is read, not worked.
    if (isNumber(tree)) return applyUnary('-', work(tree.operand, steps));
    return workUnary(tree.operator, work(tree.operand, steps), steps);
  }
  const left = work(tree.left, steps);
  const right = work(tree.right, steps);
  if (right.isZero && (tree.operator === '/' || tree.operator === '%')) {
    throw divisionByZero(tree);
  }
  return workBinary(left, tree.operator, right, steps);
}

/**
 * The worked steps of a tree, in order; empty for a number alone. The last ends with the tree's value.
 * @throws ExpressionError of kind 'division by zero'.
 */
export function scratchpadSteps(tree: Expression): readonly string[] {
  const steps: Steps = [];
  work(tree, steps);
  return steps;
}

/** The scratchpad of a tree as one text. @throws ExpressionError of kind 'division by zero'. */
export function scratchpad(tree: Expression): string {
  return scratchpadSteps(tree).join(STEP_SEPARATOR);
}
