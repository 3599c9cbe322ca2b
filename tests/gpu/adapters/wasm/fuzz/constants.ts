/** Errors of constant expressions: what WGSL refuses when a shader is made, where it would give a value at run time. */

import { binary, convert, type ScalarValue } from './arithmetic.ts';
import type { Abstract, BinaryOperator, ScalarName } from './program.ts';

/** An expression that WGSL refuses as a constant. */
export class ConstantError extends Error {}

/** Operators of numbers, in f64. */
const EXACT = {
  '+': (a: number, b: number): number => a + b,
  '-': (a: number, b: number): number => a - b,
  '*': (a: number, b: number): number => a * b,
  '/': (a: number, b: number): number => a / b,
};

function check(holds: boolean, what: string): void {
  if (!holds) throw new ConstantError(what);
}

/** Check the result of a constant f32 expression. @throws ConstantError */
export function checkFinite(value: ScalarValue): void {
  check(typeof value === 'boolean' || Number.isFinite(value), 'a constant that is not finite');
}

/** Check the right operand of `/`, `%` and shifts, which may be constant beside one that is not. @throws ConstantError */
export function checkRight(operator: BinaryOperator, right: ScalarValue, of: ScalarName): void {
  if (operator === '/' || operator === '%') check(of === 'f32' || right !== 0, 'division by a constant 0');
  if (operator === '<<' || operator === '>>') check(Number(right) < 32, 'a shift by 32 or more');
}

/** Check the operands and the result of a binary operator of constants. @throws ConstantError */
export function checkBinary(
  operator: BinaryOperator,
  left: ScalarValue,
  right: ScalarValue,
  of: ScalarName,
): void {
  checkRight(operator, right, of);
  if (operator === '/' || operator === '%') {
    check(right !== 0, 'division by a constant 0');
    check(!(of === 'i32' && left === -(2 ** 31) && right === -1), 'a quotient that does not fit');
  }
  if (of === 'i32' && (operator === '+' || operator === '-' || operator === '*')) {
    const exact = EXACT[operator](Number(left), Number(right)) + 0;
    check(binary(operator, left, right, of) === exact, 'an i32 constant that does not fit');
  }
  if (operator === '<<') {
    const shifted = binary('<<', left, right, of);
    check(binary('>>', shifted, right, of) === left, 'a shift that loses bits');
  }
}

/** Check a constant conversion. @throws ConstantError */
export function checkConvert(value: ScalarValue, from: ScalarName, to: ScalarName): void {
  if (from === 'f32' && to !== 'bool' && to !== 'f32')
    check(convert(value, from, to) === Math.trunc(Number(value)), 'a number outside of the integers');
}

/** An untyped constant: integers stay integers. */
export interface AbstractValue {
  readonly value: number;
  readonly integer: boolean;
}

/** Compute an untyped constant. @throws ConstantError if it is not finite, or an integer divided by 0. */
export function abstractValue(of: Abstract): AbstractValue {
  if (of.kind !== 'operation') return { value: of.value, integer: of.kind === 'integer' };
  const left = abstractValue(of.left);
  const right = abstractValue(of.right);
  const integer = left.integer && right.integer;
  const result = EXACT[of.operator](left.value, right.value);
  check(Number.isFinite(result), 'an untyped constant that is not finite');
  if (!integer) return { value: result, integer };
  const whole = Math.trunc(result) + 0;
  check(Number.isSafeInteger(whole), 'an untyped integer that is too large');
  return { value: whole, integer };
}

/** Convert an untyped constant to a type. @throws ConstantError if it does not fit. */
export function typedAbstract(of: Abstract, to: ScalarName): number {
  const { value, integer } = abstractValue(of);
  if (to === 'f32') {
    checkFinite(Math.fround(value));
    return Math.fround(value);
  }
  check(integer, 'a fraction as an integer');
  check(binary('+', value, 0, to) === value, 'an untyped integer that does not fit');
  return value;
}
