/**
 * Arithmetic and functions of single values, one row each (see expression.ts). Gradients at ties, borders and NaN follow
 * PyTorch; NaN passes through everything.
 */
import { expectOptions, type OptionKinds, oneOf } from '../../arguments.ts';
import { ShapeError } from '../../errors.ts';
import type { Scalar } from '../../gpu/kernel.ts';
import { NUMBERS } from '../operands.ts';
import type { Tensor } from '../tensor.ts';
import { applyRow, type Operand, type Row } from './expression.ts';

export type { Operand } from './expression.ts';

/** Of the piecewise constant: PyTorch gives zeros, not nothing. */
const NONE = 'T(0.0)';

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
  minimum: {
    value: 'select(min(a, b), a + b, nan(a) | nan(b))',
    integerValue: 'min(a, b)',
    gradients: [
      'dy * select(select(T(1.0), T(0.5), a == b), T(0.0), a > b)',
      'dy * select(select(T(1.0), T(0.5), b == a), T(0.0), b > a)',
    ],
    dtypes: NUMBERS,
  },
  maximum: {
    value: 'select(max(a, b), a + b, nan(a) | nan(b))',
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
    gradients: ['select(dy, T(0.0), (a <= T(0.0)) & !nan(a))'],
  },
  silu: { value: 'a * sigmoidf(a)', gradients: ['dy * siluDerivative(a)'] },
  softplus: { value: 'softplusf(a)', gradients: ['dy * sigmoidf(a)'] },
  floor: { value: 'floor(a)', gradients: [NONE] },
  ceil: { value: 'ceil(a)', gradients: [NONE] },
  round: { value: 'round(a)', gradients: [NONE] },
  clamp: {
    value: 'select(min(max(a, T(params.s)), T(params.t)), a, nan(a))',
    integerValue: 'min(max(a, T(params.s)), T(params.t))',
    gradients: ['select(T(0.0), dy, (a >= T(params.s)) & (a <= T(params.t)))'],
    dtypes: NUMBERS,
  },
  clampLow: {
    value: 'select(max(a, T(params.s)), a, nan(a))',
    integerValue: 'max(a, T(params.s))',
    gradients: ['select(T(0.0), dy, a >= T(params.s))'],
    dtypes: NUMBERS,
  },
  clampHigh: {
    value: 'select(min(a, T(params.t)), a, nan(a))',
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
/** a/b. */
export const div = binary('div');
/**
 * aᵇ. As in C, 0⁰ = x⁰ = 1ˣ = 1, and a negative base has a power where b is an integer. The gradient by a is 0 where
 * b = 0; that by b is 0 where a = 0 ≤ b, and NaN where a < 0.
 */
export const pow = binary('pow');
/** The smaller value; equal ones share the gradient. */
export const minimum = binary('minimum');
/** The larger value; equal ones share the gradient. */
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
/** The integer below; its gradient is 0. */
export const floor = unary('floor');
/** The integer above; its gradient is 0. */
export const ceil = unary('ceil');
/** The nearest integer, halves to the even one; its gradient is 0. */
export const round = unary('round');

/** Which GELU. */
export interface GeluOptions {
  /** 'tanh' for Φ(x) ≈ (1 + tanh(√(2/π)·(x + 0.044715x³)))/2, as GPT-2 has it. */
  readonly approximate?: 'none' | 'tanh';
}

const GELU_OPTIONS: OptionKinds<GeluOptions> = { approximate: oneOf(['none', 'tanh']) };

/** GELU, x·Φ(x) (Hendrycks & Gimpel, 1606.08415). */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  expectOptions('gelu', options, GELU_OPTIONS);
  return applyRow('gelu', options.approximate === 'tanh' ? TABLE.geluTanh : TABLE.gelu, [x]);
}

/**
 * Limits values to [low, high], either of which may be left out; `high` wins where low > high. The gradient is 1 inside
 * and at the borders, 0 outside.
 */
export function clamp(x: Tensor, low?: Scalar, high?: Scalar): Tensor {
  if (low === undefined && high === undefined) {
    throw new ShapeError('clamp', 'neither limit is given', 'give low, high or both');
  }
  const row = high === undefined ? TABLE.clampLow : low === undefined ? TABLE.clampHigh : TABLE.clamp;
  return applyRow('clamp', row, [x], { s: low, t: high });
}
