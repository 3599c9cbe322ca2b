/**
 * Elementwise ops with NumPy broadcasting and PyTorch's subgradients: |x|′ = 0 at 0, relu′ = 0 at 0, clamp passes the
 * gradient inside and at both borders, ties of minimum and maximum split it in halves, comparisons have none.
 */
import { Array64, asArray, type Operand } from './array64.ts';
import { broadcastIndex, broadcastShapes } from './indexing.ts';
import { erfc, erf as erfOf } from './special.ts';

/** f and its derivative as a function of input x and output y. */
function unary(a: Array64, f: (x: number) => number, derivative: (x: number, y: number) => number): Array64 {
  const out = a.data.map(f);
  const vjp = (gradOutput: Float64Array) => gradOutput.map((g, k) => g * derivative(a.data[k], out[k]));
  return new Array64(out, a.shape, false, [{ of: a, vjp }]);
}

type Derivative = (x: number, y: number) => number;

function binary(left: Operand, right: Operand, f: Derivative, byX: Derivative, byY: Derivative): Array64 {
  const [a, b] = [asArray(left), asArray(right)];
  const shape = broadcastShapes(a.shape, b.shape);
  const indexA = broadcastIndex(a.shape, shape);
  const indexB = broadcastIndex(b.shape, shape);
  const out = Float64Array.from(indexA, (ia, k) => f(a.data[ia], b.data[indexB[k]]));
  const vjp = (input: Array64, index: Int32Array, partial: Derivative) => (gradOutput: Float64Array) => {
    const gradInput = new Float64Array(input.size);
    for (let k = 0; k < gradOutput.length; k++) {
      gradInput[index[k]] += gradOutput[k] * partial(a.data[indexA[k]], b.data[indexB[k]]);
    }
    return gradInput;
  };
  return new Array64(out, shape, false, [
    { of: a, vjp: vjp(a, indexA, byX) },
    { of: b, vjp: vjp(b, indexB, byY) },
  ]);
}

export const add = (a: Operand, b: Operand): Array64 =>
  binary(
    a,
    b,
    (x, y) => x + y,
    () => 1,
    () => 1,
  );
export const sub = (a: Operand, b: Operand): Array64 =>
  binary(
    a,
    b,
    (x, y) => x - y,
    () => 1,
    () => -1,
  );
export const mul = (a: Operand, b: Operand): Array64 =>
  binary(
    a,
    b,
    (x, y) => x * y,
    (_, y) => y,
    (x) => x,
  );
export const div = (a: Operand, b: Operand): Array64 =>
  binary(
    a,
    b,
    (x, y) => x / y,
    (_, y) => 1 / y,
    (x, y) => -x / (y * y),
  );

const ratio = (x: number, y: number): number => x / y;
const noSlope = (): number => 0;
/** Python's %: the sign of the divisor. */
const modulo = (x: number, y: number): number => {
  const rest = x % y;
  return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest;
};
/** ⌊x/y⌋ of a remainder that is exact, where x/y may round up to an integer. */
const floorOf = (x: number, y: number): number => Math.round((x - modulo(x, y)) / y);

export const remainder = (a: Operand, b: Operand): Array64 =>
  binary(
    a,
    b,
    modulo,
    () => 1,
    (x, y) => -floorOf(x, y),
  );
export const fmod = (a: Operand, b: Operand): Array64 =>
  binary(
    a,
    b,
    (x, y) => x % y,
    () => 1,
    (x, y) => -Math.trunc(ratio(x, y)),
  );
export const divTrunc = (a: Operand, b: Operand): Array64 =>
  binary(a, b, (x, y) => Math.trunc(ratio(x, y)), noSlope, noSlope);
export const divFloor = (a: Operand, b: Operand): Array64 => binary(a, b, floorOf, noSlope, noSlope);

/** C's pow: unlike JavaScript's, 1 to any power, and -1 to an infinite one, is 1. */
const power = (x: number, y: number): number =>
  x === 1 || (x === -1 && Math.abs(y) === Number.POSITIVE_INFINITY) ? 1 : x ** y;

/** aᵇ. As in PyTorch, the gradient by a is 0 where b = 0, and by b it is 0 where a = 0 and b ≥ 0. */
export const pow = (a: Operand, b: Operand): Array64 =>
  binary(
    a,
    b,
    power,
    (x, y) => (y === 0 ? 0 : y * power(x, y - 1)),
    (x, y) => (x === 0 && y >= 0 ? 0 : power(x, y) * Math.log(x)),
  );

/** Return the share of the gradient of min(x, y) that x gets; if one operand is NaN, both get all of it. */
const whether = (x: number, y: number): number => (x > y ? 0 : x === y ? 0.5 : 1);

export const minimum = (a: Operand, b: Operand): Array64 =>
  binary(a, b, Math.min, whether, (x, y) => whether(y, x));
export const maximum = (a: Operand, b: Operand): Array64 =>
  binary(
    a,
    b,
    Math.max,
    (x, y) => whether(y, x),
    (x, y) => whether(x, y),
  );

function compare(a: Operand, b: Operand, holds: (x: number, y: number) => boolean): Array64 {
  const none = (): number => 0;
  return binary(a, b, (x, y) => Number(holds(x, y)), none, none).detach();
}

/** Comparisons give 1 where they hold and 0 elsewhere. */
export const equal = (a: Operand, b: Operand): Array64 => compare(a, b, (x, y) => x === y);
export const notEqual = (a: Operand, b: Operand): Array64 => compare(a, b, (x, y) => x !== y);
export const less = (a: Operand, b: Operand): Array64 => compare(a, b, (x, y) => x < y);
export const lessEqual = (a: Operand, b: Operand): Array64 => compare(a, b, (x, y) => x <= y);
export const greater = (a: Operand, b: Operand): Array64 => compare(a, b, (x, y) => x > y);
export const greaterEqual = (a: Operand, b: Operand): Array64 => compare(a, b, (x, y) => x >= y);

/** Bool operands are 0 and 1. */
export const logicalAnd = (a: Operand, b: Operand): Array64 => compare(a, b, (x, y) => x !== 0 && y !== 0);
export const logicalOr = (a: Operand, b: Operand): Array64 => compare(a, b, (x, y) => x !== 0 || y !== 0);
export const logicalXor = (a: Operand, b: Operand): Array64 =>
  compare(a, b, (x, y) => (x !== 0) !== (y !== 0));
export const logicalNot = (a: Array64): Array64 => compare(a, 0, (x) => x === 0);
const nan = (a: Array64): Array64 => compare(a, 0, (x) => Number.isNaN(x));
export const isInf = (a: Array64): Array64 => compare(a, 0, (x) => Math.abs(x) === Number.POSITIVE_INFINITY);
const finite = (a: Array64): Array64 => compare(a, 0, (x) => Number.isFinite(x));

export { finite as isFinite, nan as isNaN };

export const neg = (a: Array64): Array64 =>
  unary(
    a,
    (x) => -x,
    () => -1,
  );
export const exp = (a: Array64): Array64 => unary(a, Math.exp, (_, y) => y);
export const expm1 = (a: Array64): Array64 => unary(a, Math.expm1, Math.exp);
export const log = (a: Array64): Array64 => unary(a, Math.log, (x) => 1 / x);
export const log1p = (a: Array64): Array64 => unary(a, Math.log1p, (x) => 1 / (1 + x));
export const sqrt = (a: Array64): Array64 => unary(a, Math.sqrt, (_, y) => 0.5 / y);
export const rsqrt = (a: Array64): Array64 =>
  unary(
    a,
    (x) => 1 / Math.sqrt(x),
    (x) => -1 / (2 * x * Math.sqrt(x)),
  );
export const reciprocal = (a: Array64): Array64 =>
  unary(
    a,
    (x) => 1 / x,
    (x) => -1 / (x * x),
  );
export const square = (a: Array64): Array64 =>
  unary(
    a,
    (x) => x * x,
    (x) => 2 * x,
  );
export const abs = (a: Array64): Array64 => unary(a, Math.abs, Math.sign);
export const sin = (a: Array64): Array64 => unary(a, Math.sin, Math.cos);
export const cos = (a: Array64): Array64 => unary(a, Math.cos, (x) => -Math.sin(x));

const flat = (): number => 0;
export const sign = (a: Array64): Array64 => unary(a, Math.sign, flat);
export const floor = (a: Array64): Array64 => unary(a, Math.floor, flat);
export const ceil = (a: Array64): Array64 => unary(a, Math.ceil, flat);
export const trunc = (a: Array64): Array64 => unary(a, Math.trunc, flat);
/** Halves go to the even neighbour. */
export const round = (a: Array64): Array64 => unary(a, roundHalfEven, flat);

export function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

export const tanh = (a: Array64): Array64 => unary(a, Math.tanh, (_, y) => 1 - y * y);
export const relu = (a: Array64): Array64 =>
  unary(
    a,
    (x) => Math.max(x, 0),
    (x) => Number(x > 0),
  );

export const leakyRelu = (a: Array64, slope = 0.01): Array64 =>
  unary(
    a,
    (x) => (x > 0 ? x : slope * x),
    (x) => (x > 0 ? 1 : slope),
  );
export const elu = (a: Array64, alpha = 1): Array64 =>
  unary(
    a,
    (x) => (x > 0 ? x : alpha * Math.expm1(x)),
    (x) => (x > 0 ? 1 : alpha * Math.exp(x)),
  );
/** Numbers for NaN, +∞ and −∞. */
export const nanToNum = (a: Array64, nan: number, high: number, low: number): Array64 =>
  unary(
    a,
    (x) => (Number.isNaN(x) ? nan : x === Infinity ? high : x === -Infinity ? low : x),
    (x) => Number(Number.isFinite(x)),
  );

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
export const sigmoid = (a: Array64): Array64 => unary(a, logistic, (_, y) => y * (1 - y));
/** x·sigmoid(x). */
export const silu = (a: Array64): Array64 =>
  unary(
    a,
    (x) => x * logistic(x),
    (x) => logistic(x) * (1 + x * (1 - logistic(x))),
  );

/** ln(1 + eˣ). */
export const softplus = (a: Array64): Array64 =>
  unary(a, (x) => (x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x))), logistic);

/** ln(sigmoid(x)). */
export const logSigmoid = (a: Array64): Array64 =>
  unary(
    a,
    (x) => (x > 0 ? -Math.log1p(Math.exp(-x)) : x - Math.log1p(Math.exp(x))),
    (x) => logistic(-x),
  );

export const erf = (a: Array64): Array64 =>
  unary(a, erfOf, (x) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x));

/** The exact GELU, x·Φ(x). Φ goes through erfc so that the negative tail keeps its digits. */
export const gelu = (a: Array64): Array64 =>
  unary(
    a,
    (x) => x * normalCdf(x),
    (x) => normalCdf(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
  );

const normalCdf = (x: number): number => erfc(-x / Math.SQRT2) / 2;

/** GELU with PyTorch's approximate='tanh'. */
export function geluTanh(a: Array64): Array64 {
  const slope = Math.sqrt(2 / Math.PI);
  const inner = (x: number): number => Math.tanh(slope * (x + 0.044715 * x ** 3));
  return unary(
    a,
    (x) => 0.5 * x * (1 + inner(x)),
    (x) => 0.5 * (1 + inner(x)) + 0.5 * x * (1 - inner(x) ** 2) * slope * (1 + 3 * 0.044715 * x * x),
  );
}

/** min(max(x, low), high); NaN stays NaN. */
export function clamp(a: Array64, low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY): Array64 {
  return unary(
    a,
    (x) => Math.min(Math.max(x, low), high),
    (x) => Number(x >= low && x <= high),
  );
}

/** `a` where the condition is not 0, else `b`; all three broadcast. The side not taken gets gradient 0. */
export function where(condition: Array64, a: Operand, b: Operand): Array64 {
  const [x, y] = [asArray(a), asArray(b)];
  const shape = broadcastShapes(condition.shape, broadcastShapes(x.shape, y.shape));
  const chosen = Array.from(broadcastIndex(condition.shape, shape), (c) => condition.data[c] !== 0);
  const indexX = broadcastIndex(x.shape, shape);
  const indexY = broadcastIndex(y.shape, shape);
  const out = Float64Array.from(chosen, (first, k) => (first ? x.data[indexX[k]] : y.data[indexY[k]]));
  const vjp = (input: Array64, index: Int32Array, side: boolean) => (gradOutput: Float64Array) => {
    const gradInput = new Float64Array(input.size);
    for (let k = 0; k < gradOutput.length; k++) if (chosen[k] === side) gradInput[index[k]] += gradOutput[k];
    return gradInput;
  };
  return new Array64(out, shape, false, [
    { of: x, vjp: vjp(x, indexX, true) },
    { of: y, vjp: vjp(y, indexY, false) },
  ]);
}

/** `a` with `value` wherever the mask (broadcast to a's shape) is not 0. */
export function maskedFill(a: Array64, mask: Array64, value: number): Array64 {
  return where(mask, value, a);
}
