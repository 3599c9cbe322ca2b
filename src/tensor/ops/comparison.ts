/**
 * Comparisons, which give bool, logic on bool, and what selects by it. None but `where` and `maskedFill` has a gradient.
 *
 * NaN is told by its bits: it equals nothing, itself included, and is neither less nor greater than anything, where
 * compilers that know no NaN would make x == x true.
 */
import { NUMBERS, WORDS } from '../operands.ts';
import type { Tensor } from '../tensor.ts';
import { applyRow, type Operand, type Row } from './expression.ts';

const ordered = (value: string): Row => ({
  value: `(${value}) & !(nan(a) | nan(b))`,
  integerValue: value,
  dtypes: NUMBERS,
  result: 'bool',
});

const TABLE = {
  equal: { ...ordered('a == b'), dtypes: WORDS },
  notEqual: {
    value: '(a != b) | nan(a) | nan(b)',
    integerValue: 'a != b',
    dtypes: WORDS,
    result: 'bool',
  },
  less: ordered('a < b'),
  lessEqual: ordered('a <= b'),
  greater: ordered('a > b'),
  greaterEqual: ordered('a >= b'),
  logicalAnd: { value: 'a & b', dtypes: ['bool'], result: 'bool' },
  logicalOr: { value: 'a | b', dtypes: ['bool'], result: 'bool' },
  logicalNot: { value: '!a', dtypes: ['bool'], result: 'bool' },
  isNaN: { value: 'nan(a)', result: 'bool' },
  isFinite: { value: 'finite(a)', result: 'bool' },
  where: {
    value: 'select(c, b, a)',
    gradients: [undefined, 'select(T(0.0), dy, a)', 'select(dy, T(0.0), a)'],
    dtypes: WORDS,
    conditions: [0],
    names: ['condition', 'a', 'b'],
  },
} as const satisfies Record<string, Row>;

const binary = (name: keyof typeof TABLE) => (a: Operand, b: Operand) => applyRow(name, TABLE[name], [a, b]);
const unary = (name: keyof typeof TABLE) => (x: Tensor) => applyRow(name, TABLE[name], [x]);

/** a = b; a NaN equals nothing. */
export const equal = binary('equal');
/** a ≠ b; a NaN differs from everything. */
export const notEqual = binary('notEqual');
/** a < b. */
export const less = binary('less');
/** a ≤ b. */
export const lessEqual = binary('lessEqual');
/** a > b. */
export const greater = binary('greater');
/** a ≥ b. */
export const greaterEqual = binary('greaterEqual');

/** Both of two bool tensors. */
export const logicalAnd = (a: Tensor, b: Tensor): Tensor => applyRow('logicalAnd', TABLE.logicalAnd, [a, b]);
/** Either of two bool tensors. */
export const logicalOr = (a: Tensor, b: Tensor): Tensor => applyRow('logicalOr', TABLE.logicalOr, [a, b]);
/** False where a bool tensor is true. */
export const logicalNot = unary('logicalNot');

/** Where x is not a number. */
const nan = unary('isNaN');
/** Where x is neither infinite nor NaN. */
const finite = unary('isFinite');

export { finite as isFinite, nan as isNaN };

/**
 * `a` where the bool condition holds, else `b`; all three broadcast, and a and b may be numbers. The gradient goes to
 * what was selected.
 */
export const where = (condition: Tensor, a: Operand, b: Operand): Tensor =>
  applyRow('where', TABLE.where, [condition, a, b]);

/** x with `value` wherever the bool mask holds; x and mask broadcast. */
export const maskedFill = (x: Tensor, mask: Tensor, value: Operand): Tensor =>
  applyRow('maskedFill', { ...TABLE.where, names: ['mask', 'value', 'x'] }, [mask, value, x]);
