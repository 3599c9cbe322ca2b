/** Random tensors. Each op uses one draw of a generator. There is no global generator. */
import {
  ArgumentError,
  boolean,
  expectKind,
  expectOptions,
  expectShape,
  instanceOf,
  type OptionKinds,
  oneOf,
  real,
  scalar,
} from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import type { Device } from '../../gpu/device.ts';
import type { Scalar } from '../../gpu/kernel.ts';
import { type DistributionName, drawPlaces, type RandomParams, randomValues } from '../../kernels/random.ts';
import { scan } from '../../kernels/scan.ts';
import { makeWithin } from '../indices.ts';
import { expectDevice, expectOperands, FLOATS } from '../operands.ts';
import { draw, Generator } from '../random.ts';
import { type DType, type Shape, showShape, Tensor } from '../tensor.ts';
import { argsort, topk } from './sort.ts';

/** Options of random ops. */
export interface RandomOptions {
  readonly generator: Generator;
}

/** Options of random ops whose result may require a gradient. */
export interface RandomFloatOptions extends RandomOptions {
  /** True if `backward` computes a gradient for the result. Default: false. */
  readonly requiresGrad?: boolean;
}

const RANDOM_OPTIONS: OptionKinds<RandomOptions> = { generator: instanceOf(Generator) };
const FLOAT_OPTIONS: OptionKinds<RandomFloatOptions> = { ...RANDOM_OPTIONS, requiresGrad: boolean };

/** Check the common arguments of ops that make random tensors. */
function expectDrawing(op: string, device: Device, shape: Shape, options: RandomOptions): void {
  expectDevice(op, device);
  expectShape(op, shape);
  expectOptions(op, options, FLOAT_OPTIONS, ['generator']);
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

/** Draw uniform values in (0, 1), both ends excluded. */
export function rand(device: Device, shape: Shape, options: RandomFloatOptions): Tensor {
  expectDrawing('rand', device, shape, options);
  return drawn(device, shape, 'f32', 'uniform', options);
}

/** Draw values from the standard normal distribution. */
export function randn(device: Device, shape: Shape, options: RandomFloatOptions): Tensor {
  expectDrawing('randn', device, shape, options);
  return drawn(device, shape, 'f32', 'normal', options);
}

/** Draw uniform values between low and high. */
export function uniform(
  device: Device,
  shape: Shape,
  low: Scalar,
  high: Scalar,
  options: RandomFloatOptions,
): Tensor {
  expectDrawing('uniform', device, shape, options);
  for (const [name, end] of Object.entries({ low, high })) {
    expectKind('uniform', name, end, typeof end === 'function' ? scalar : real());
  }
  if (typeof low === 'number' && typeof high === 'number' && low > high) {
    throw new ArgumentError('uniform', `low is ${low}, high ${high}`, 'give the lower number first');
  }
  return drawn(device, shape, 'f32', 'uniform', options, { low, high });
}

/** Draw integers from low to high − 1, uniform up to one part in 2³²/(high − low). */
export function randint(
  device: Device,
  shape: Shape,
  low: number,
  high: number,
  options: RandomOptions & { readonly dtype?: 'i32' | 'u32' },
): Tensor {
  const kinds = { ...RANDOM_OPTIONS, dtype: oneOf(['i32', 'u32']) };
  expectDevice('randint', device);
  expectShape('randint', shape);
  expectOptions('randint', options, kinds, ['generator']);
  const { generator, dtype = 'i32' } = options;
  const [least, most] = dtype === 'i32' ? [-(2 ** 31), 2 ** 31] : [0, 2 ** 32];
  const whole = Number.isInteger(low) && Number.isInteger(high);
  if (!whole || low >= high || low < least || high > most || high - low >= 2 ** 32) {
    throw new ShapeError(
      'randint',
      `${low} to ${high} is no range of ${dtype} integers`,
      `give integers low < high from ${least} to ${most}, fewer than 2³²`,
    );
  }
  const y = drawn(device, shape, dtype, 'integers', { generator }, { first: low, range: high - low });
  return makeWithin(y, low, high - 1);
}

/**
 * Draw 1 with the given probability, otherwise 0, as f32: `bernoulli(p, options)` for a tensor of probabilities, or
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
    expectDevice('bernoulli', device);
    expectShape('bernoulli', shape);
    expectOptions('bernoulli', options, RANDOM_OPTIONS, ['generator']);
    expectKind('bernoulli', 'p', p, typeof p === 'function' ? scalar : real({ min: 0, max: 1 }));
    return drawn(device, shape, 'f32', 'bernoulli', options, { low: p });
  }
  const [p, options] = given;
  expectOperands('bernoulli', { p: [p, FLOATS] });
  expectOptions('bernoulli', options, RANDOM_OPTIONS, ['generator']);
  return ofProbabilities('bernoulliOf', p, options.generator);
}

function ofProbabilities(name: DistributionName, p: Tensor, generator: Generator): Tensor {
  const y = Tensor.empty(p.device, p.shape);
  const views = { y: y.view, probabilities: p.view };
  randomValues(p.device, name, views, p.size, draw(p.device, generator));
  return y;
}

/** Options of `multinomial`. */
export interface MultinomialOptions extends RandomOptions {
  /** True if an index may be drawn again. Default: false. */
  readonly replacement?: boolean;
}

const MULTINOMIAL_OPTIONS: OptionKinds<MultinomialOptions> = { ...RANDOM_OPTIONS, replacement: boolean };

/**
 * Draw u32 (…,count): indices into the rows of probabilities (…,V), in proportion to them. Rows need not sum to 1. Values
 * must be finite and not negative; a row needs at least `count` of them above 0 (with replacement: one). This is not checked:
 * otherwise indices of probability 0 are drawn.
 */
export function multinomial(probabilities: Tensor, count: number, options: MultinomialOptions): Tensor {
  expectOptions('multinomial', options, MULTINOMIAL_OPTIONS, ['generator']);
  const { generator, replacement = false } = options;
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
  return makeWithin(picks, 0, width - 1);
}

/** Draw a random permutation: u32 (n), 0 … n − 1 in random order. */
export function randperm(device: Device, n: number, options: RandomOptions): Tensor {
  expectDevice('randperm', device);
  expectShape('randperm', [n]);
  expectOptions('randperm', options, RANDOM_OPTIONS, ['generator']);
  return argsort(drawn(device, [n], 'u32', 'words', options));
}
