/**
 * Elementwise ops, one row each (see expression.ts). Gradients at ties, borders and NaN follow PyTorch. NaN propagates
 * through every op.
 */
import { expectOptions, type OptionKinds, oneOf, scalar } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import type { Scalar } from '../../gpu/kernel.ts';
import { NUMBERS } from '../operands.ts';
import { Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { applyRow, type Operand, type Row } from './expression.ts';

export type { Operand } from './expression.ts';

const MAX_F32 = 2 ** 128 - 2 ** 104;

/** Gradient of piecewise constant ops: zeros as in PyTorch, not undefined. */
const NONE = 'T(0.0)';

/** For integers: 1 where the quotient rounded down is one less than the quotient rounded towards 0. */
const BELOW_TRUNC = 'select(T(0), T(1), (a % b != T(0)) & ((a < T(0)) != (b < T(0))))';

const TABLE = {
  add: { value: 'a + b', gradients: ['dy', 'dy'], dtypes: NUMBERS },
  sub: { value: 'a - b', gradients: ['dy', '-dy'], dtypes: NUMBERS },
  mul: { value: 'a * b', gradients: ['dy * b', 'dy * a'], dtypes: NUMBERS },
  div: { value: 'a / b', gradients: ['dy / b', '-dy * (a / b) / b'] },
  pow: {
    value: 'powf(a, b)',
    gradients: [
      'select(dy * (b * powf(a, b - T(1.0))), T(0.0), b == T(0.0))',
      'select(dy * (y * logf(a)), T(0.0), (a == T(0.0)) & (b >= T(0.0)))',
    ],
  },
  divTrunc: {
    value: 'trunc(a / b)',
    integerValue: 'select(T(0), a / b, b != T(0))',
    gradients: [NONE, NONE],
    dtypes: NUMBERS,
  },
  divFloor: {
    value: 'floorDivide(a, b)',
    integerValue: `select(T(0), a / b - ${BELOW_TRUNC}, b != T(0))`,
    gradients: [NONE, NONE],
    dtypes: NUMBERS,
  },
  remainder: {
    value: 'remainderf(a, b)',
    integerValue: `select(T(0), a % b + b * ${BELOW_TRUNC}, b != T(0))`,
    gradients: ['dy', '-dy * floorDivide(a, b)'],
    dtypes: NUMBERS,
  },
  fmod: {
    value: 'fmodf(a, b)',
    integerValue: 'select(T(0), a % b, b != T(0))',
    gradients: ['dy', '-dy * trunc(a / b)'],
    dtypes: NUMBERS,
  },
  // Zeros compare equal: only their bits distinguish −0 from 0.
  minimum: {
    value:
      'select(select(min(a, b), bitcast<T>(bitcast<U>(a) | bitcast<U>(b)), a == b), a + b, nan(a) | nan(b))',
    integerValue: 'min(a, b)',
    gradients: [
      'dy * select(select(T(1.0), T(0.5), a == b), T(0.0), a > b)',
      'dy * select(select(T(1.0), T(0.5), b == a), T(0.0), b > a)',
    ],
    dtypes: NUMBERS,
  },
  maximum: {
    value:
      'select(select(max(a, b), bitcast<T>(bitcast<U>(a) & bitcast<U>(b)), a == b), a + b, nan(a) | nan(b))',
    integerValue: 'max(a, b)',
    gradients: [
      'dy * select(select(T(1.0), T(0.5), a == b), T(0.0), a < b)',
      'dy * select(select(T(1.0), T(0.5), b == a), T(0.0), b < a)',
    ],
    dtypes: NUMBERS,
  },
  // WGSL has no unary minus for u32.
  neg: { value: '-a', integerValue: 'T(0) - a', gradients: ['-dy'], dtypes: NUMBERS },
  abs: { value: 'abs(a)', gradients: ['dy * sign(a)'], dtypes: NUMBERS },
  sign: { value: 'select(sign(a), a, nan(a))', gradients: [NONE] },
  square: { value: 'a * a', gradients: ['2.0 * dy * a'] },
  sqrt: { value: 'sqrt(a)', gradients: ['dy / (2.0 * y)'] },
  rsqrt: { value: 'inverseSqrt(a)', gradients: ['-0.5 * dy * (y * y * y)'] },
  reciprocal: { value: '1.0 / a', gradients: ['-dy * y * y'] },
  exp: { value: 'expf(a)', gradients: ['dy * y'] },
  expm1: { value: 'expm1f(a)', gradients: ['dy * (y + 1.0)'] },
  log: { value: 'logf(a)', gradients: ['dy / a'] },
  log1p: { value: 'log1pf(a)', gradients: ['dy / (1.0 + a)'] },
  sin: { value: 'sinf(a)', gradients: ['dy * cosf(a)'] },
  cos: { value: 'cosf(a)', gradients: ['-dy * sinf(a)'] },
  tanh: { value: 'tanhf(a)', gradients: ['dy * (1.0 - y * y)'] },
  sigmoid: { value: 'sigmoidf(a)', gradients: ['dy * (y * (1.0 - y))'] },
  erf: {
    value: 'select(erf(a), a, nan(a))',
    gradients: ['dy * (1.1283791670955126 * expf(-a * a))'],
  },
  gelu: { value: 'gelu(a)', gradients: ['dy * geluDerivative(a)'] },
  geluTanh: { value: 'geluTanh(a)', gradients: ['dy * geluTanhDerivative(a)'] },
  relu: {
    value: 'select(a, T(0.0), (a <= T(0.0)) & !nan(a))',
    gradients: ['select(dy, T(0.0), (y <= T(0.0)) & !nan(y))'],
  },
  leakyRelu: {
    value: 'select(a * T(params.s), a, a > T(0.0))',
    gradients: ['dy * select(T(params.s), T(1.0), a > T(0.0))'],
  },
  elu: {
    value: 'select(T(params.s) * expm1f(a), a, a > T(0.0))',
    gradients: ['dy * select(T(params.s) * expf(a), T(1.0), a > T(0.0))'],
  },
  silu: { value: 'a * sigmoidf(a)', gradients: ['dy * siluDerivative(a)'] },
  softplus: { value: 'softplusf(a)', gradients: ['dy * sigmoidf(a)'] },
  logSigmoid: { value: '-softplusf(-a)', gradients: ['dy * sigmoidf(-a)'] },
  floor: { value: 'floor(a)', gradients: [NONE] },
  ceil: { value: 'ceil(a)', gradients: [NONE] },
  round: { value: 'round(a)', gradients: [NONE] },
  trunc: { value: 'trunc(a)', gradients: [NONE] },
  replaceNaN: { value: 'select(a, T(params.s), nan(a))', gradients: ['select(dy, T(0.0), nan(a))'] },
  replaceInfinities: {
    value:
      'select(select(a, T(params.s), bitcast<U>(a) == U(0x7f800000u)), T(params.t), bitcast<U>(a) == U(0xff800000u))',
    gradients: ['select(T(0.0), dy, finite(a))'],
  },
  clamp: {
    value:
      'select(min(max(a, T(params.s)), T(params.t)), a + T(params.s) + T(params.t), nan(a) | nan(T(params.s)) | nan(T(params.t)))',
    integerValue: 'min(max(a, T(params.s)), T(params.t))',
    gradients: ['select(T(0.0), dy, (a >= T(params.s)) & (a <= T(params.t)))'],
    dtypes: NUMBERS,
  },
  clampLow: {
    value: 'select(max(a, T(params.s)), a + T(params.s), nan(a) | nan(T(params.s)))',
    integerValue: 'max(a, T(params.s))',
    gradients: ['select(T(0.0), dy, a >= T(params.s))'],
    dtypes: NUMBERS,
  },
  clampHigh: {
    value: 'select(min(a, T(params.t)), a + T(params.t), nan(a) | nan(T(params.t)))',
    integerValue: 'min(a, T(params.t))',
    gradients: ['select(T(0.0), dy, a <= T(params.t))'],
    dtypes: NUMBERS,
  },
} as const satisfies Record<string, Row>;

const unary = (name: keyof typeof TABLE) => (x: Tensor) => applyRow(name, TABLE[name], [x]);
const binary = (name: keyof typeof TABLE) => (a: Operand, b: Operand) => applyRow(name, TABLE[name], [a, b]);

/** a + b. */
export const add = binary('add');
/** a − b. */
export const sub = binary('sub');
/** a·b. */
export const mul = binary('mul');
/** Options of `div`. */
export interface DivOptions {
  /** 'trunc' rounds towards 0, 'floor' rounds down. Default: no rounding. */
  readonly roundingMode?: 'trunc' | 'floor';
}

const DIV_OPTIONS: OptionKinds<DivOptions> = { roundingMode: oneOf(['trunc', 'floor']) };

/**
 * a/b. For integers the result is f32, or with a rounding mode an integer; an integer divided by 0 is 0 (PyTorch raises).
 * A rounded quotient has gradient 0.
 */
export function div(a: Operand, b: Operand, options: DivOptions = {}): Tensor {
  expectOptions('div', options, DIV_OPTIONS);
  const { roundingMode } = options;
  if (roundingMode === undefined) return applyRow('div', TABLE.div, integersAsFloats(a, b));
  return applyRow('div', roundingMode === 'trunc' ? TABLE.divTrunc : TABLE.divFloor, [a, b]);
}

/** Convert operands of one integer dtype to f32; leave others unchanged. */
function integersAsFloats(a: Operand, b: Operand): Operand[] {
  const dtypes = new Set([a, b].flatMap((operand) => (operand instanceof Tensor ? [operand.dtype] : [])));
  if (dtypes.size > 1 || !(dtypes.has('i32') || dtypes.has('u32'))) return [a, b];
  return [a, b].map((operand) => (operand instanceof Tensor ? cast(operand, 'f32') : operand));
}

/**
 * a − b·⌊a/b⌋, exact, with the sign of b, like Python's %. Where b is 0, it is 0 for integers (PyTorch raises), NaN for f32.
 */
export const remainder = binary('remainder');
/** a − b·trunc(a/b), exact, with the sign of a, like C's fmod. Where b is 0, it is 0 for integers, NaN for f32. */
export const fmod = binary('fmod');
/**
 * aᵇ. As in C, x⁰ = 1ˣ = 1, also 0⁰; for a negative base b must be an integer, otherwise the result is NaN. The gradient by a
 * is 0 where b = 0; that by b is 0 where a = 0 ≤ b, and NaN where a < 0.
 */
export const pow = binary('pow');
/** The smaller value. Equal values share the gradient. */
export const minimum = binary('minimum');
/** The larger value. Equal values share the gradient. */
export const maximum = binary('maximum');

/** −x. */
export const neg = unary('neg');
/** |x|, with gradient 0 at 0. */
export const abs = unary('abs');
/** -1, 0 or 1. */
export const sign = unary('sign');
/** x². */
export const square = unary('square');
/** √x. */
export const sqrt = unary('sqrt');
/** 1/√x. */
export const rsqrt = unary('rsqrt');
/** 1/x. */
export const reciprocal = unary('reciprocal');
/** eˣ. */
export const exp = unary('exp');
/** eˣ - 1, precise near 0. */
export const expm1 = unary('expm1');
/** The natural logarithm. */
export const log = unary('log');
/** ln(1 + x), precise near 0. */
export const log1p = unary('log1p');
/** The sine of x radians, precise for any x. */
export const sin = unary('sin');
/** The cosine of x radians, precise for any x. */
export const cos = unary('cos');
/** The hyperbolic tangent. */
export const tanh = unary('tanh');
/** 1/(1 + e⁻ˣ). */
export const sigmoid = unary('sigmoid');
/** The error function. */
export const erf = unary('erf');
/** max(x, 0), with gradient 0 at 0. */
export const relu = unary('relu');
/** x·sigmoid(x), also called swish. */
export const silu = unary('silu');
/** ln(1 + eˣ). */
export const softplus = unary('softplus');
/** ln(sigmoid(x)), exact where sigmoid(x) rounds to 0 or 1. */
export const logSigmoid = unary('logSigmoid');
/** ⌊x⌋, the largest integer that is not above x. The gradient is 0. */
export const floor = unary('floor');
/** ⌈x⌉, the smallest integer that is not below x. The gradient is 0. */
export const ceil = unary('ceil');
/** The nearest integer; halves are rounded to even. The gradient is 0. */
export const round = unary('round');
/** The integer part: x rounded towards 0. The gradient is 0. */
export const trunc = unary('trunc');

/** Options of `leakyRelu`. */
export interface LeakyReluOptions {
  /** Slope for negative x. Default: 0.01. */
  readonly negativeSlope?: Scalar;
}

const LEAKY_RELU_OPTIONS: OptionKinds<LeakyReluOptions> = { negativeSlope: scalar };

/** x where x > 0, otherwise `negativeSlope`·x. */
export function leakyRelu(x: Tensor, options: LeakyReluOptions = {}): Tensor {
  expectOptions('leakyRelu', options, LEAKY_RELU_OPTIONS);
  return applyRow('leakyRelu', TABLE.leakyRelu, [x], { s: options.negativeSlope ?? 0.01 });
}

/** Options of `elu`. */
export interface EluOptions {
  /** Negative values tend to −alpha. Default: 1. */
  readonly alpha?: Scalar;
}

const ELU_OPTIONS: OptionKinds<EluOptions> = { alpha: scalar };

/** x where x > 0, otherwise `alpha`·(eˣ − 1) (Clevert et al., 1511.07289). */
export function elu(x: Tensor, options: EluOptions = {}): Tensor {
  expectOptions('elu', options, ELU_OPTIONS);
  return applyRow('elu', TABLE.elu, [x], { s: options.alpha ?? 1 });
}

/** Options of `nanToNum`: replacements of values that are not finite. */
export interface NanToNumOptions {
  /** Replaces NaN. Default: 0. */
  readonly nan?: Scalar;
  /** Replaces +∞. Default: the largest f32. */
  readonly posinf?: Scalar;
  /** Replaces −∞. Default: the smallest f32. */
  readonly neginf?: Scalar;
}

const NAN_TO_NUM_OPTIONS: OptionKinds<NanToNumOptions> = { nan: scalar, posinf: scalar, neginf: scalar };

/** x with finite numbers instead of NaN and infinities. Their gradient is 0. */
export function nanToNum(x: Tensor, options: NanToNumOptions = {}): Tensor {
  expectOptions('nanToNum', options, NAN_TO_NUM_OPTIONS);
  const { nan = 0, posinf = MAX_F32, neginf = -MAX_F32 } = options;
  const numbers = applyRow('nanToNum', TABLE.replaceInfinities, [x], { s: posinf, t: neginf });
  return applyRow('nanToNum', TABLE.replaceNaN, [numbers], { s: nan });
}

/** Options of `gelu`. */
export interface GeluOptions {
  /** 'tanh' approximates Φ(x) ≈ (1 + tanh(√(2/π)·(x + 0.044715x³)))/2, as in GPT-2. Default: 'none', exact. */
  readonly approximate?: 'none' | 'tanh';
}

const GELU_OPTIONS: OptionKinds<GeluOptions> = { approximate: oneOf(['none', 'tanh']) };

/** GELU, x·Φ(x) (Hendrycks & Gimpel, 1606.08415). */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  expectOptions('gelu', options, GELU_OPTIONS);
  return applyRow('gelu', options.approximate === 'tanh' ? TABLE.geluTanh : TABLE.gelu, [x]);
}

/**
 * Clamp values to [low, high]; each bound is optional. If low > high the result is high; a bound of NaN makes every value NaN.
 * The gradient is 1 inside and at the bounds, 0 outside.
 */
export function clamp(x: Tensor, low?: Scalar, high?: Scalar): Tensor {
  if (low === undefined && high === undefined) {
    throw new ShapeError('clamp', 'neither limit is given', 'give low, high or both');
  }
  const row = high === undefined ? TABLE.clampLow : low === undefined ? TABLE.clampHigh : TABLE.clamp;
  return applyRow('clamp', row, [x], { s: low, t: high });
}
