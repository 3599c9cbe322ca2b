/**
 * Check a scratchpad by evaluating both sides of every equation. It shares no code with scratchpad.ts, which makes scratchpads,
 * only the grammar of expressions.
 */

import { ExpressionError } from '../expressions/expression.ts';
import { evaluateText } from '../expressions/parser.ts';
import { Rational } from '../expressions/rational.ts';

/** An equation that does not hold. */
export interface FalseStep {
  /** Index of the step among those separated by `, `. */
  readonly index: number;
  readonly step: string;
  readonly reason: string;
}

const REMARKS = ['carry 1', 'borrow 1'];
const NOTATION = /^(gcd|lcm)\(([0-9]+),([0-9]+)\)$/;

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestCommonDivisor(b, a % b);
}

function sideValue(text: string): Rational {
  const notation = NOTATION.exec(text);
  if (notation === null) return evaluateText(text);
  const a = BigInt(notation[2]);
  const b = BigInt(notation[3]);
  const common = greatestCommonDivisor(a, b);
  if (notation[1] === 'gcd') return Rational.integer(common);
  return Rational.integer(common === 0n ? 0n : (a * b) / common);
}

/** Return the reason why a step is wrong, or null if it is a true equation or one of the two remarks. */
function whatIsWrong(step: string): string | null {
  if (REMARKS.includes(step)) return null;
  const sides = step.split('=');
  if (sides.length !== 2) return 'neither one equation nor "carry 1" or "borrow 1"';
  try {
    const [left, right] = sides.map(sideValue);
    return left.equals(right) ? null : `the left side is ${left}, the right side ${right}`;
  } catch (error) {
    if (error instanceof ExpressionError) return error.message;
    throw error;
  }
}

/** Return the first false step, or null if all are true. An empty text has no steps. */
export function firstFalseStep(text: string): FalseStep | null {
  if (text === '') return null;
  for (const [index, step] of text.split(', ').entries()) {
    const reason = whatIsWrong(step);
    if (reason !== null) return { index, step, reason };
  }
  return null;
}
