/**
 * Reductions over any axes, and the sum that reverses broadcasting. Gradients follow PyTorch. All take f32; sums, products,
 * maxima and minima also take integers and booleans.
 */
import { boolean, expectOptions, listOf, type OptionKinds, real } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import type { BufferView } from '../../gpu/buffers.ts';
import { elementwise } from '../../kernels/elementwise.ts';
import { fill } from '../../kernels/fill.ts';
import {
  type Extreme,
  joinAxes,
  type ReduceViews,
  type ReductionName,
  reduceAxes,
  sumAxes,
} from '../../kernels/reduce/index.ts';
import { differentiable } from '../autograd.ts';
import { makeWithin } from '../indices.ts';
import { CONDITIONS, EVERY_DTYPE, expectOperands, FLOATS, WORDS } from '../operands.ts';
import { type Shape, showShape, sizeOf, Tensor } from '../tensor.ts';
import { Traced } from '../trace.ts';
import { wrapAxis } from './axes.ts';
import { cast } from './cast.ts';

/** Options of reductions. */
export interface ReduceOptions {
  /** Axes to reduce; negative ones count from the end. Default: all. */
  readonly axes?: readonly number[];
  /** True to keep the reduced axes with size 1. Default: false. */
  readonly keepDims?: boolean;
}

const REDUCE_OPTIONS: OptionKinds<ReduceOptions> = { axes: listOf(real(), 'axes'), keepDims: boolean };

/** The plan of a reduction of x. */
interface Plan {
  readonly axes: readonly number[];
  /** Shape of the result. */
  readonly shape: Shape;
  /** Number of values that are reduced to one. */
  readonly count: number;
  /** The shape of x with neighbouring axes merged, and the same with 1 for reduced axes. They broadcast. */
  readonly whole: Shape;
  readonly kept: Shape;
}

function planned(
  name: string,
  x: Tensor,
  options: ReduceOptions,
  kinds: OptionKinds<ReduceOptions> = REDUCE_OPTIONS,
): Plan {
  expectOptions(name, options, kinds);
  const axes = normaliseAxes(name, x.shape, options.axes);
  const kept = x.shape.map((n, i) => (axes.includes(i) ? 1 : n));
  const groups = joinAxes(x.shape, axes);
  // Pad to three groups of axes, so that fewer groups share one kernel.
  const ones = new Array<number>(Math.max(0, 3 - groups.length)).fill(1);
  return {
    axes,
    shape: options.keepDims ? kept : x.shape.filter((_, i) => !axes.includes(i)),
    count: axes.reduce((product, i) => product * (x.shape[i] ?? 1), 1),
    whole: [...ones, ...groups.map(({ size }) => size)],
    kept: [...ones, ...groups.map(({ size, reduced }) => (reduced ? 1 : size))],
  };
}

function normaliseAxes(name: string, shape: Shape, axes: readonly number[] | undefined): number[] {
  if (axes === undefined) return shape.map((_, i) => i);
  const seen = new Set<number>();
  return axes.map((axis) => {
    const normal = wrapAxis(name, axis, shape);
    if (seen.has(normal)) throw new ShapeError(name, `axis ${axis} is named twice`, 'name each axis once');
    seen.add(normal);
    return normal;
  });
}

function expectValues(name: string, x: Tensor, { shape, count }: Plan): void {
  if (count > 0 || sizeOf(shape) === 0) return;
  throw new ShapeError(
    name,
    `there is nothing to reduce in shape ${showShape(x.shape)}`,
    'an empty axis has no such value: leave it out of the axes',
  );
}

/** Reduce x with `name`, which may also use values `b`, `c` and `d` for each result. */
function reduced(
  x: Tensor,
  { axes, shape }: Plan,
  name: ReductionName,
  { b, c, d, divisor }: Omit<ReduceViews, 'x' | 'y'> & { readonly divisor?: number } = {},
): Tensor {
  const y = Tensor.empty(x.device, shape, x.dtype === 'bool' ? 'u32' : x.dtype);
  const views = { x: x.view, y: y.view, ...(b && { b }), ...(c && { c }), ...(d && { d }) };
  reduceAxes(x.device, name, views, x.shape, axes, divisor === undefined ? {} : { divisor });
  return y;
}

/**
 * Return a tensor of the shape of x: a WGSL expression of operands `a`, `b`, …, which have the shape of x or one value for
 * each result.
 */
function spread(
  x: Tensor,
  { whole, kept }: Plan,
  expression: string,
  operands: readonly { readonly view: BufferView; readonly per: 'value' | 'result' }[],
  s = 0,
): Tensor {
  const dx = Tensor.empty(x.device, x.shape);
  const shaped = operands.map(({ view, per }) => ({ view, shape: per === 'value' ? whole : kept }));
  elementwise(x.device, expression, shaped, dx.view, whole, { s });
  return dx;
}
const value = ({ view }: Tensor) => ({ view, per: 'value' }) as const;
const result = ({ view }: Tensor) => ({ view, per: 'result' }) as const;

/** Σ x over `axes`; 0 for an empty sum. Integers wrap. For booleans it is the number of true ones, as u32. */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  expectOperands('sum', { x: [x, WORDS] });
  if (x instanceof Traced && options.axes === undefined && !options.keepDims) return x.sum();
  const plan = planned('sum', x, options);
  if (x.dtype !== 'f32') return reduced(x, plan, 'integerSum');
  const y = reduced(x, plan, 'sum');
  differentiable('sum', [x], y, (dy) => [spread(x, plan, 'a', [result(dy)])]);
  return y;
}

/** The mean over `axes`; NaN if empty, as in PyTorch. For booleans it is the share of true ones, as f32. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  expectOperands('mean', { x: [x, [...FLOATS, ...CONDITIONS]] });
  if (x.dtype === 'bool') return mean(cast(x, 'f32'), options);
  const plan = planned('mean', x, options);
  const y = reduced(x, plan, 'sum', { divisor: plan.count });
  differentiable('mean', [x], y, (dy) => [spread(x, plan, 'a / params.s', [result(dy)], plan.count)]);
  return y;
}

/** Π x over `axes`; 1 for an empty product. Integers wrap. For booleans it is 1 or 0, as u32. Zeros have exact gradients. */
export function prod(x: Tensor, options: ReduceOptions = {}): Tensor {
  expectOperands('prod', { x: [x, WORDS] });
  const plan = planned('prod', x, options);
  if (x.dtype !== 'f32') return reduced(x, plan, 'integerProd');
  const y = reduced(x, plan, 'prod');
  differentiable('prod', [x], y, (dy) => {
    // A factor's gradient is the product of the others: of the non-zero ones, or 0 if another factor is 0.
    const zeros = reduced(x, plan, 'countZeros');
    const others = reduced(x, plan, 'prodOfNonzero');
    const none = 'select(T(0.0), d * c / select(a, T(1.0), a == T(0.0)), (a != T(0.0)) & (b == T(0.0)))';
    const only = 'select(T(0.0), d * c, (a == T(0.0)) & (b == T(1.0)))';
    const operands = [value(x), result(zeros), result(others), result(dy)];
    return [spread(x, plan, `${none} + ${only}`, operands)];
  });
  return y;
}

function extreme(name: 'max' | 'min', x: Tensor, options: ReduceOptions): Tensor {
  expectOperands(name, { x: [x, WORDS] });
  const plan = planned(name, x, options);
  expectValues(name, x, plan);
  const y = extremeOf(x, plan, name === 'min');
  if (x.dtype !== 'f32') return y;
  differentiable(name, [x], y, (dy) => {
    const ties = reduced(x, plan, 'countEqual', { b: y.view });
    const operands = [value(x), result(y), result(ties), result(dy)];
    return [spread(x, plan, 'select(T(0.0), d / c, a == b)', operands)];
  });
  return y;
}

function extremeOf(x: Tensor, { axes, shape }: Plan, smallest: boolean): Tensor {
  const y = Tensor.empty(x.device, shape, x.dtype);
  const settings = { extreme: { of: orderOf(x), smallest } };
  reduceAxes(x.device, 'extreme', { x: x.view, y: y.view }, x.shape, axes, settings);
  return y;
}

const orderOf = ({ dtype }: Tensor): Extreme['of'] => (dtype === 'f32' || dtype === 'i32' ? dtype : 'u32');

/** The largest value over `axes`, like torch.amax. It is NaN if a value is; equal values share the gradient. */
export const max = (x: Tensor, options: ReduceOptions = {}): Tensor => extreme('max', x, options);

/** The smallest value over `axes`, like torch.amin. It is NaN if a value is; equal values share the gradient. */
export const min = (x: Tensor, options: ReduceOptions = {}): Tensor => extreme('min', x, options);

/** Options of `argmax` and `argmin`. */
export interface ArgOptions {
  /** The axis to reduce. Default: all of x; the result is then a row-major index. */
  readonly axis?: number;
  readonly keepDims?: boolean;
}

const ARG_OPTIONS: OptionKinds<ArgOptions> = { axis: real(), keepDims: boolean };

function argExtreme(name: 'argmax' | 'argmin', x: Tensor, given: ArgOptions): Tensor {
  expectOptions(name, given, ARG_OPTIONS);
  const { axis, keepDims } = given;
  expectOperands(name, { x: [x, WORDS] });
  const options = { ...(axis !== undefined && { axes: [axis] }), ...(keepDims && { keepDims }) };
  const plan = planned(name, x, options);
  expectValues(name, x, plan);
  const y = Tensor.empty(x.device, plan.shape, 'u32');
  const extreme = { of: orderOf(x), smallest: name === 'argmin' };
  reduceAxes(x.device, 'argExtreme', { x: x.view, y: y.view }, x.shape, plan.axes, { extreme });
  return makeWithin(y, 0, plan.count - 1);
}

/** u32 index of the largest value; the first of equal ones. NaN counts as the largest. */
export const argmax = (x: Tensor, options: ArgOptions = {}): Tensor => argExtreme('argmax', x, options);

/** u32 index of the smallest value; the first of equal ones. NaN counts as the smallest. */
export const argmin = (x: Tensor, options: ArgOptions = {}): Tensor => argExtreme('argmin', x, options);

function quantified(name: 'any' | 'all', x: Tensor, options: ReduceOptions): Tensor {
  expectOperands(name, { x: [x, EVERY_DTYPE] });
  const flags = cast(x, 'bool');
  const plan = planned(name, flags, options);
  if (plan.count > 0) return extremeOf(flags, plan, name === 'all');
  const y = Tensor.empty(x.device, plan.shape, 'bool');
  fill(x.device, y.view, y.size, name === 'all' ? 1 : 0, 'u32');
  return y;
}

/** True if any value over `axes` is true or not 0; false if there is none. */
export const any = (x: Tensor, options: ReduceOptions = {}): Tensor => quantified('any', x, options);

/** True if every value over `axes` is true or not 0; true if there is none. */
export const all = (x: Tensor, options: ReduceOptions = {}): Tensor => quantified('all', x, options);

/** Options of `variance` and `std`. */
export interface VarianceOptions extends ReduceOptions {
  /** The variance of n values divides by n − correction. Default: 1 (Bessel's correction). */
  readonly correction?: number;
}

const VARIANCE_OPTIONS: OptionKinds<VarianceOptions> = { ...REDUCE_OPTIONS, correction: real() };

/**
 * Return the variance or the standard deviation, in passes: the mean, its rounding error, then the squared deviations. So
 * the result is accurate even if the mean is much larger than the deviations.
 */
function spreadOf(name: 'variance' | 'std', x: Tensor, options: VarianceOptions): Tensor {
  expectOperands(name, { x: [x, FLOATS] });
  const plan = planned(name, x, options, VARIANCE_OPTIONS);
  const centre = reduced(x, plan, 'sum', { divisor: plan.count });
  const rest = reduced(x, plan, 'deviations', { b: centre.view, divisor: plan.count });
  const divisor = Math.max(0, plan.count - (options.correction ?? 1));
  const around = { b: centre.view, c: rest.view };
  const y =
    name === 'variance'
      ? reduced(x, plan, 'squaredDeviations', { ...around, divisor })
      : reduced(x, plan, 'deviation', {
          ...around,
          d: reduced(x, plan, 'squaredDeviations', around).view,
          divisor,
        });
  differentiable(name, [x], y, (dy) => {
    if (name === 'variance') {
      const operands = [value(x), result(centre), result(rest), result(dy)];
      return [spread(x, plan, '((a - b) - c) * d / params.s', operands, divisor / 2)];
    }
    // d std = d variance / (2 std), or 0 if all values are equal.
    const slope = Tensor.empty(x.device, plan.shape);
    elementwise(x.device, 'select(a / b, T(0.0), b == T(0.0))', [dy, y], slope.view, plan.shape);
    const operands = [value(x), result(centre), result(rest), result(slope)];
    return [spread(x, plan, '((a - b) - c) * d / params.s', operands, divisor)];
  });
  return y;
}

/** Σ (x − mean)² / (n − correction) over `axes`, like torch.var; NaN for 0/0, such as one value with correction 1. */
export const variance = (x: Tensor, options: VarianceOptions = {}): Tensor =>
  spreadOf('variance', x, options);

/** The square root of the variance, like torch.std. Its gradient is 0 if all values are equal. */
export const std = (x: Tensor, options: VarianceOptions = {}): Tensor => spreadOf('std', x, options);

/**
 * log Σ exp x over `axes`, without overflow; −∞ if every x is −∞ or there is none.
 * The gradient is softmax(x), and 0 (PyTorch: NaN) if every x is −∞.
 */
export function logsumexp(x: Tensor, options: ReduceOptions = {}): Tensor {
  expectOperands('logsumexp', { x: [x, FLOATS] });
  const plan = planned('logsumexp', x, options);
  if (plan.count === 0) {
    const y = Tensor.empty(x.device, plan.shape);
    fill(x.device, y.view, y.size, Number.NEGATIVE_INFINITY, 'f32');
    differentiable('logsumexp', [x], y, () => [undefined]);
    return y;
  }
  const y = reduced(x, plan, 'logSumExp', { b: extremeOf(x, plan, false).view });
  differentiable('logsumexp', [x], y, (dy) => {
    // The comparison treats −∞ separately, since −∞ − −∞ is NaN.
    const expression = 'c * exp(select(a - b, T(-200.0), a < T(-3.4e38)))';
    return [spread(x, plan, expression, [value(x), result(y), result(dy)])];
  });
  return y;
}

/** The Euclidean norm √Σ x² over `axes`, without overflow. Its gradient is 0 if the norm is 0. */
export function norm(x: Tensor, options: ReduceOptions = {}): Tensor {
  expectOperands('norm', { x: [x, FLOATS] });
  const plan = planned('norm', x, options);
  const y = reduced(x, plan, 'norm', { b: reduced(x, plan, 'squares').view });
  differentiable('norm', [x], y, (dy) => {
    const expression = 'select(a / b * c, T(0.0), b == T(0.0))';
    return [spread(x, plan, expression, [value(x), result(y), result(dy)])];
  });
  return y;
}

/** Sum x over the axes along which `shape` was broadcast to `x.shape`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  const offset = x.shape.length - shape.length;
  const axes = x.shape
    .map((_, i) => i)
    .filter((i) => i < offset || (shape[i - offset] === 1 && x.shape[i] !== 1));
  if (axes.length === 0 && offset === 0) return x;
  if (sizeOf(x.shape) === sizeOf(shape)) return new Tensor(x.device, x.view, shape);
  const y = Tensor.empty(x.device, shape);
  sumAxes(x.device, x.view, y.view, x.shape, axes);
  return y;
}
