/**
 * Comparisons and logic, which give bool, and selection by bool. Only `where` and `maskedFill` have gradients. The operands
 * of a comparison have one dtype, or are u32 and i32.
 *
 * NaN equals nothing, not even itself, and is neither less nor greater than anything. It is recognised by its bits, since
 * compilers may assume that x == x.
 */
import { EVERY_DTYPE, expectOperands, INDICES, NUMBERS, WORDS } from '../operands.ts';
import { Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
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
  logicalXor: { value: 'a != b', dtypes: ['bool'], result: 'bool' },
  logicalNot: { value: '!a', dtypes: ['bool'], result: 'bool' },
  isNaN: { value: 'nan(a)', result: 'bool' },
  isInf: { value: '(bitcast<U>(a) & U(0x7fffffffu)) == U(0x7f800000u)', result: 'bool' },
  isFinite: { value: 'finite(a)', result: 'bool' },
  where: {
    value: 'select(c, b, a)',
    gradients: [undefined, 'select(T(0.0), dy, a)', 'select(dy, T(0.0), a)'],
    dtypes: WORDS,
    conditions: [0],
    names: ['condition', 'a', 'b'],
  },
} as const satisfies Record<string, Row>;

type Comparison = 'equal' | 'notEqual' | 'less' | 'lessEqual' | 'greater' | 'greaterEqual';

const binary = (name: Comparison) => (a: Operand, b: Operand) =>
  applyRow(name, mixesIntegers(a, b) ? mixedRow(name, a) : TABLE[name], [a, b]);

/** Return true if one operand is u32, such as the result of `argmax`, and the other i32, as targets often are. */
function mixesIntegers(a: Operand, b: Operand): boolean {
  const dtypes = [a, b].map((operand) => (operand instanceof Tensor ? operand.dtype : undefined));
  return dtypes.includes('u32') && dtypes.includes('i32');
}

/** Compare u32 and i32 by value: negative values are below every u32, and others have the bits of a u32. */
function mixedRow(name: Comparison, a: Operand): Row {
  const [signed, other] = a instanceof Tensor && a.dtype === 'i32' ? ['a', 'b'] : ['b', 'a'];
  const bits = `bitcast<U>(${signed})`;
  const below = `((${signed} < I(0)) | (${bits} < ${other}))`;
  const same = `((${signed} >= I(0)) & (${bits} == ${other}))`;
  const above = `!(${below} | ${same})`;
  const [less, greater] = signed === 'a' ? [below, above] : [above, below];
  const values = {
    equal: same,
    notEqual: `!${same}`,
    less,
    lessEqual: `${less} | ${same}`,
    greater,
    greaterEqual: `${greater} | ${same}`,
  };
  return { value: values[name], dtypes: INDICES, mixed: true, result: 'bool' };
}

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

const logical = (name: 'logicalAnd' | 'logicalOr' | 'logicalXor') => (a: Tensor, b: Tensor) => {
  expectOperands(name, { a: [a, EVERY_DTYPE], b: [b, EVERY_DTYPE] });
  return applyRow(name, TABLE[name], [cast(a, 'bool'), cast(b, 'bool')]);
};

/** a and b: true where both are true. Numbers other than 0 are true, also NaN. The dtypes may differ. */
export const logicalAnd = logical('logicalAnd');
/** a or b: true where at least one is true. */
export const logicalOr = logical('logicalOr');
/** a xor b: true where exactly one is true. */
export const logicalXor = logical('logicalXor');
/** not x: true where x is false or 0. */
export function logicalNot(x: Tensor): Tensor {
  expectOperands('logicalNot', { x: [x, EVERY_DTYPE] });
  return applyRow('logicalNot', TABLE.logicalNot, [cast(x, 'bool')]);
}

/** True where x is NaN. */
const nan = unary('isNaN');
/** True where x is +∞ or −∞. */
export const isInf = unary('isInf');
/** True where x is neither infinite nor NaN. */
const finite = unary('isFinite');

export { finite as isFinite, nan as isNaN };

/**
 * Return `a` where the bool condition is true, otherwise `b`. All three broadcast; a and b may be numbers. The gradient goes
 * to the selected values.
 */
export const where = (condition: Tensor, a: Operand, b: Operand): Tensor =>
  applyRow('where', TABLE.where, [condition, a, b]);

/** Return x with `value` where the bool mask is true. x and mask broadcast. */
export const maskedFill = (x: Tensor, mask: Tensor, value: Operand): Tensor =>
  applyRow('maskedFill', { ...TABLE.where, names: ['mask', 'value', 'x'] }, [mask, value, x]);
