/**
 * Operators and builtin functions of scalars, by the rules of the WGSL specification. Where it allows several results, the one of
 * WebAssembly: f32 arithmetic is rounded to nearest after each operation, and subnormal numbers are kept.
 */

import type { BinaryOperator, BuiltinName, ScalarName } from './program.ts';

export type ScalarValue = number | boolean;

const words = new DataView(new ArrayBuffer(4));

/** Interpret a number of 32 bits as a value of another type. */
export function bitcast(value: number, from: ScalarName, to: ScalarName): number {
  if (from === 'f32') words.setFloat32(0, value);
  else words.setUint32(0, value);
  if (to === 'f32') return words.getFloat32(0);
  return to === 'i32' ? words.getInt32(0) : words.getUint32(0);
}

/** Wrap an integer to 32 bits. */
const wrap = (value: number, of: ScalarName): number => (of === 'i32' ? value | 0 : value >>> 0);

/** Convert a value: to an integer with truncation and saturation; NaN becomes 0. */
export function convert(value: ScalarValue, from: ScalarName, to: ScalarName): ScalarValue {
  if (to === 'bool') return typeof value === 'boolean' ? value : value !== 0;
  const number = Number(value);
  if (to === 'f32') return Math.fround(number);
  if (from !== 'f32') return wrap(number, to);
  if (Number.isNaN(number)) return 0;
  const [least, most] = to === 'i32' ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  // `+ 0` makes 0 of -0.
  return Math.min(Math.max(Math.trunc(number), least), most) + 0;
}

export function unary(operator: '-' | '!' | '~', value: ScalarValue, of: ScalarName): ScalarValue {
  if (operator === '!') return !value;
  if (operator === '~') return wrap(~Number(value), of);
  return of === 'f32' ? -Number(value) : wrap(-Number(value), of);
}

/** Apply a binary operator. Both operands have type `of`; the right operand of a shift is u32. */
export function binary(
  operator: BinaryOperator,
  left: ScalarValue,
  right: ScalarValue,
  of: ScalarName,
): ScalarValue {
  switch (operator) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    default:
  }
  if (typeof left === 'boolean' || typeof right === 'boolean') return logic(operator, left, right);
  return of === 'f32' ? floating(operator, left, right) : integral(operator, left, right, of);
}

function logic(operator: string, left: ScalarValue, right: ScalarValue): boolean {
  return operator === '&' ? Boolean(left) && Boolean(right) : Boolean(left) || Boolean(right);
}

function floating(operator: string, left: number, right: number): number {
  switch (operator) {
    case '+':
      return Math.fround(left + right);
    case '-':
      return Math.fround(left - right);
    case '*':
      return Math.fround(left * right);
    case '/':
      return Math.fround(left / right);
    default: {
      // Defined as x - y·trunc(x/y).
      const quotient = Math.trunc(Math.fround(left / right));
      return Math.fround(left - Math.fround(right * quotient));
    }
  }
}

function integral(operator: string, left: number, right: number, of: ScalarName): number {
  switch (operator) {
    case '+':
      return wrap(left + right, of);
    case '-':
      return wrap(left - right, of);
    case '*':
      return wrap(Math.imul(left, right), of);
    case '/':
      return right === 0 ? left : wrap(Math.trunc(left / right), of);
    case '%':
      return right === 0 ? 0 : wrap(left % right, of);
    case '&':
      return wrap(left & right, of);
    case '|':
      return wrap(left | right, of);
    case '^':
      return wrap(left ^ right, of);
    case '<<':
      return wrap(left << (right & 31), of);
    default:
      return of === 'i32' ? left >> (right & 31) : left >>> (right & 31);
  }
}

const minimum = <T extends ScalarValue>(a: T, b: T): T => (b < a ? b : a);
const maximum = <T extends ScalarValue>(a: T, b: T): T => (a < b ? b : a);

/** Round to the nearest integer, ties to even; the sign of zero stays. */
function roundEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  if (!Number.isFinite(value) || rest === 0) return value;
  const up = rest > 0.5 || (rest === 0.5 && low % 2 !== 0);
  const rounded = up ? low + 1 : low;
  return rounded === 0 && value < 0 ? -0 : rounded;
}

function countOneBits(value: number): number {
  let count = 0;
  for (let bits = value >>> 0; bits !== 0; bits >>>= 1) count += bits & 1;
  return count;
}

function reverseBits(value: number): number {
  let out = 0;
  for (let i = 0; i < 32; i++) out |= ((value >>> i) & 1) << (31 - i);
  return out;
}

const countTrailingZeros = (value: number): number => {
  const bits = value | 0;
  return bits === 0 ? 32 : 31 - Math.clz32(bits & -bits);
};

type Componentwise = Exclude<BuiltinName, 'all' | 'any' | 'dot' | 'select'>;

/** Apply a builtin function that works component by component. */
export function builtin(name: Componentwise, [x, y = 0, z = 0]: readonly number[], of: ScalarName): number {
  switch (name) {
    case 'abs':
      return of === 'f32' ? Math.abs(x) : wrap(Math.abs(x), of);
    case 'ceil':
      return Math.ceil(x);
    case 'floor':
      return Math.floor(x);
    case 'trunc':
      return Math.trunc(x);
    case 'round':
      return roundEven(x);
    case 'fract':
      return Math.fround(x - Math.floor(x));
    case 'sqrt':
      return Math.fround(Math.sqrt(x));
    case 'sign':
      return x > 0 ? 1 : x < 0 ? -1 : x;
    case 'min':
      return minimum(x, y);
    case 'max':
      return maximum(x, y);
    case 'clamp':
      return minimum(maximum(x, y), z);
    case 'countOneBits':
      return countOneBits(x);
    case 'countLeadingZeros':
      return Math.clz32(x);
    case 'countTrailingZeros':
      return countTrailingZeros(x);
    case 'reverseBits':
      return wrap(reverseBits(x), of);
  }
}

/** Return ((x·x + y·y) + z·z) + w·w of two vectors, rounded after each operation. */
export function dot(left: readonly number[], right: readonly number[], of: ScalarName): number {
  const products = left.map((x, i) => Number(binary('*', x, right[i], of)));
  return products.reduce((sum, product) => Number(binary('+', sum, product, of)));
}
