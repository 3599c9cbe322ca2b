/**
 * Operators and conversions on registers, element by element, as WGSL defines them: integers wrap, x / 0 = x, x % 0 = 0, shifts
 * take their distance modulo 32, conversions of floats saturate. f32 results are rounded once for each operation.
 *
 * The commonest operators have loops of their own, which the JavaScript engine specialises.
 */
import type { BinaryOperator, ScalarName } from '../wgsl/tree.ts';
import type { Register } from './register.ts';

/** An operation on the first `count` elements of registers. */
export type Unary = (out: Register, x: Register, count: number) => void;
export type Binary = (out: Register, x: Register, y: Register, count: number) => void;
export type Ternary = (out: Register, x: Register, y: Register, z: Register, count: number) => void;

/** The view of a register that has the values of a type. */
export const viewOf = (type: ScalarName): 'f' | 'i' | 'u' =>
  type === 'f32' ? 'f' : type === 'i32' ? 'i' : 'u';

/** Return the operation that applies `f` to each element. */
export const unary =
  (from: ScalarName, to: ScalarName, f: (x: number) => number): Unary =>
  (out, x, count) => {
    const a = x[viewOf(from)];
    const c = out[viewOf(to)];
    for (let i = 0; i < count; i++) c[i] = f(a[i]);
  };

/** Return the operation that applies `f` to each pair of elements. */
export const binary =
  (from: ScalarName, to: ScalarName, f: (x: number, y: number) => number): Binary =>
  (out, x, y, count) => {
    const a = x[viewOf(from)];
    const b = y[viewOf(from)];
    const c = out[viewOf(to)];
    for (let i = 0; i < count; i++) c[i] = f(a[i], b[i]);
  };

const addFloats: Binary = ({ f: out }, { f: x }, { f: y }, count) => {
  for (let i = 0; i < count; i++) out[i] = x[i] + y[i];
};
const subtractFloats: Binary = ({ f: out }, { f: x }, { f: y }, count) => {
  for (let i = 0; i < count; i++) out[i] = x[i] - y[i];
};
const multiplyFloats: Binary = ({ f: out }, { f: x }, { f: y }, count) => {
  for (let i = 0; i < count; i++) out[i] = x[i] * y[i];
};
const divideFloats: Binary = ({ f: out }, { f: x }, { f: y }, count) => {
  for (let i = 0; i < count; i++) out[i] = x[i] / y[i];
};
const addIntegers: Binary = ({ i: out }, { i: x }, { i: y }, count) => {
  for (let i = 0; i < count; i++) out[i] = (x[i] + y[i]) | 0;
};
const subtractIntegers: Binary = ({ i: out }, { i: x }, { i: y }, count) => {
  for (let i = 0; i < count; i++) out[i] = (x[i] - y[i]) | 0;
};
const multiplyIntegers: Binary = ({ i: out }, { i: x }, { i: y }, count) => {
  for (let i = 0; i < count; i++) out[i] = Math.imul(x[i], y[i]);
};
const and: Binary = ({ i: out }, { i: x }, { i: y }, count) => {
  for (let i = 0; i < count; i++) out[i] = x[i] & y[i];
};
const lessUnsigned: Binary = ({ u: out }, { u: x }, { u: y }, count) => {
  for (let i = 0; i < count; i++) out[i] = x[i] < y[i] ? 1 : 0;
};
const equalWords: Binary = ({ u: out }, { u: x }, { u: y }, count) => {
  for (let i = 0; i < count; i++) out[i] = x[i] === y[i] ? 1 : 0;
};

const { fround, trunc } = Math;

/** Operations of a type; those that are absent are comparisons without a loop of their own. */
type Operations = Readonly<Partial<Record<BinaryOperator, Binary | undefined>>>;

const FLOATS: Operations = {
  '+': addFloats,
  '-': subtractFloats,
  '*': multiplyFloats,
  '/': divideFloats,
  '%': binary('f32', 'f32', (x, y) => x - fround(y * trunc(fround(x / y)))),
};
const UNSIGNED: Operations = {
  '+': addIntegers,
  '-': subtractIntegers,
  '*': multiplyIntegers,
  '/': binary('u32', 'u32', (x, y) => (y === 0 ? x : x / y)),
  '%': binary('u32', 'u32', (x, y) => (y === 0 ? 0 : x % y)),
  '&': and,
  '|': binary('u32', 'u32', (x, y) => x | y),
  '^': binary('u32', 'u32', (x, y) => x ^ y),
  '<<': binary('u32', 'u32', (x, y) => x << y),
  '>>': binary('u32', 'u32', (x, y) => x >>> y),
  '<': lessUnsigned,
  '==': equalWords,
};
const SIGNED: Operations = {
  ...UNSIGNED,
  '/': binary('i32', 'i32', (x, y) => (y === 0 ? x : x / y)),
  '%': binary('i32', 'i32', (x, y) => (y === 0 ? 0 : x % y)),
  '>>': binary('i32', 'i32', (x, y) => x >> y),
  '<': undefined,
};
const BOOLS: Operations = {
  '&': and,
  '|': UNSIGNED['|'],
  '==': equalWords,
};
const OPERATORS = { f32: FLOATS, u32: UNSIGNED, i32: SIGNED, bool: BOOLS };

const COMPARISONS: Partial<Record<BinaryOperator, (x: number, y: number) => number>> = {
  '==': (x, y) => (x === y ? 1 : 0),
  '!=': (x, y) => (x !== y ? 1 : 0),
  '<': (x, y) => (x < y ? 1 : 0),
  '<=': (x, y) => (x <= y ? 1 : 0),
  '>': (x, y) => (x > y ? 1 : 0),
  '>=': (x, y) => (x >= y ? 1 : 0),
};

/** Return the operation of an operator on operands of a type. */
export function binaryOperation(operator: BinaryOperator, type: ScalarName): Binary {
  const own = OPERATORS[type][operator];
  if (own) return own;
  const compare = COMPARISONS[operator];
  if (compare) return binary(type, 'bool', compare);
  throw new Error(`there is no operator ${operator} of ${type}`);
}

/** Return the operation of a prefix operator. */
export function unaryOperation(operator: '-' | '!' | '~', type: ScalarName): Unary {
  if (operator === '!') return unary('bool', 'bool', (x) => x ^ 1);
  if (operator === '~') return unary('i32', 'i32', (x) => ~x);
  // A float is negated by its sign bit, so that a NaN keeps its other bits.
  return type === 'f32' ? unary('u32', 'u32', (x) => x ^ 0x8000_0000) : unary('i32', 'i32', (x) => -x);
}

/** Convert a float by truncation; numbers out of range become the nearest integer, a NaN 0. */
const saturated =
  (least: number, most: number) =>
  (x: number): number =>
    x >= least ? Math.min(trunc(x), most) : x < least ? least : 0;

/** Return the operation of a conversion of values. */
export function conversion(from: ScalarName, to: ScalarName): Unary {
  if (to === 'bool') return unary(from, 'bool', (x) => (x === 0 ? 0 : 1));
  if (to === 'f32') return from === 'f32' ? copy : unary(from, 'f32', (x) => x);
  if (from !== 'f32') return copy;
  return to === 'u32'
    ? unary('f32', 'u32', saturated(0, 2 ** 32 - 1))
    : unary('f32', 'i32', saturated(-(2 ** 31), 2 ** 31 - 1));
}

/** Copy bits. */
export const copy: Unary = ({ u: out }, { u: x }, count) => {
  if (out === x) return;
  for (let i = 0; i < count; i++) out[i] = x[i];
};
