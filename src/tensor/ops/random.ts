/** Random tensors. Each op takes one draw from a generator; there is no global one. */
import { ShapeError } from '../../errors.ts';
import type { Device } from '../../gpu/device.ts';
import type { Scalar } from '../../gpu/kernel.ts';
import { type DistributionName, drawPlaces, type RandomParams, randomValues } from '../../kernels/random.ts';
import { scan } from '../../kernels/scan.ts';
import { expectOperands, FLOATS } from '../operands.ts';
import { draw, type Generator } from '../random.ts';
import { type DType, type Shape, showShape, Tensor } from '../tensor.ts';
import { argsort, topk } from './sort.ts';

/** Where random numbers come from. */
export interface RandomOptions {
  readonly generator: Generator;
}

/** As `RandomOptions`, for tensors that may require a gradient. */
export interface RandomFloatOptions extends RandomOptions {
  /** Whether `backward` computes a gradient for the result. */
  readonly requiresGrad?: boolean;
}

function drawn(
  device: Device,
  shape: Shape,
  dtype: DType,
  name: DistributionName,
  { generator, requiresGrad }: RandomFloatOptions,
  params: RandomParams = {},
): Tensor {
  const y = Tensor.empty(device, shape, dtype);
  randomValues(device, name, { y: y.view }, y.size, draw(device, generator), params);
  return requiresGrad ? y.requireGrad() : y;
}

/** Uniform on (0, 1): neither end occurs. */
export const rand = (device: Device, shape: Shape, options: RandomFloatOptions): Tensor =>
  drawn(device, shape, 'f32', 'uniform', options);

/** From the standard normal distribution. */
export const randn = (device: Device, shape: Shape, options: RandomFloatOptions): Tensor =>
  drawn(device, shape, 'f32', 'normal', options);

/** Uniform between low and high. */
export const uniform = (
  device: Device,
  shape: Shape,
  low: Scalar,
  high: Scalar,
  options: RandomFloatOptions,
): Tensor => drawn(device, shape, 'f32', 'uniform', options, { low, high });

/** Integers from low to high − 1, uniform up to one part in 2³²/(high − low). */
export function randint(
  device: Device,
  shape: Shape,
  low: number,
  high: number,
  { generator, dtype = 'i32' }: RandomOptions & { readonly dtype?: 'i32' | 'u32' },
): Tensor {
  const [least, most] = dtype === 'i32' ? [-(2 ** 31), 2 ** 31] : [0, 2 ** 32];
  const whole = Number.isInteger(low) && Number.isInteger(high);
  if (!whole || low >= high || low < least || high > most || high - low >= 2 ** 32) {
    throw new ShapeError(
      'randint',
      `${low} to ${high} is no range of ${dtype} integers`,
      `give integers low < high from ${least} to ${most}, fewer than 2³²`,
    );
  }
  return drawn(device, shape, dtype, 'integers', { generator }, { first: low, range: high - low });
}

/**
 * 1 with the given probability, else 0, as f32: `bernoulli(p, options)` of the shape of a tensor of probabilities, or
 * `bernoulli(device, shape, p, options)`. No gradient.
 */
export function bernoulli(p: Tensor, options: RandomOptions): Tensor;
export function bernoulli(device: Device, shape: Shape, p: Scalar, options: RandomOptions): Tensor;
export function bernoulli(
  ...given:
    | readonly [p: Tensor, options: RandomOptions]
    | readonly [device: Device, shape: Shape, p: Scalar, options: RandomOptions]
): Tensor {
  if (given.length === 4) {
    const [device, shape, p, options] = given;
    return drawn(device, shape, 'f32', 'bernoulli', options, { low: p });
  }
  const [p, { generator }] = given;
  expectOperands('bernoulli', { p: [p, FLOATS] });
  return ofProbabilities('bernoulliOf', p, generator);
}

function ofProbabilities(name: DistributionName, p: Tensor, generator: Generator): Tensor {
  const y = Tensor.empty(p.device, p.shape);
  const views = { y: y.view, probabilities: p.view };
  randomValues(p.device, name, views, p.size, draw(p.device, generator));
  return y;
}

/** Where the draws come from, and whether one place can come twice. */
export interface MultinomialOptions extends RandomOptions {
  /** Whether a place may be drawn again; false unless given. */
  readonly replacement?: boolean;
}

/**
 * u32 (…,count): places in the rows of probabilities (…,V), drawn in proportion to them; rows need not sum to 1.
 * Values must be finite and not negative, and a row needs as many above 0 as are drawn without replacement (one with):
 * this is not checked, and where it fails, places of probability 0 are drawn.
 */
export function multinomial(
  probabilities: Tensor,
  count: number,
  { generator, replacement = false }: MultinomialOptions,
): Tensor {
  expectOperands('multinomial', { probabilities: [probabilities, FLOATS] });
  const { device, shape } = probabilities;
  const width = shape.at(-1) ?? 0;
  if (width === 0 || !Number.isInteger(count) || count < 0 || (!replacement && count > width)) {
    throw new ShapeError(
      'multinomial',
      `${count} draws ${replacement ? 'with' : 'without'} replacement from probabilities ${showShape(shape)}`,
      'the last axis must hold at least one probability, and without replacement as many as are drawn',
    );
  }
  if (!replacement) return topk(ofProbabilities('perturbedLog', probabilities, generator), count).indices;
  const rows = probabilities.size / width;
  const picks = Tensor.empty(device, [...shape.slice(0, -1), count], 'u32');
  const sums = device.allocate(probabilities.size * 4);
  scan(device, 'sum', { x: probabilities.view }, sums, { outer: rows, length: width, inner: 1 });
  const views = { probabilities: probabilities.view, sums, picks: picks.view };
  drawPlaces(device, views, { rows, count, width }, draw(device, generator));
  device.release(sums);
  return picks;
}

/** u32 (n): 0 … n − 1 in random order. */
export function randperm(device: Device, n: number, { generator }: RandomOptions): Tensor {
  return argsort(drawn(device, [n], 'u32', 'words', { generator }));
}
