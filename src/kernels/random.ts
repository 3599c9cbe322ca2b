/**
 * Random values, one row of a table for each distribution. Value i is a function of (seed, offset, i): a thread makes
 * four of them from the four words that the counter (i/4, offset) has under the seed.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, type Scalar } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { perElement } from '../gpu/perElement.ts';
import { DISTRIBUTIONS_WGSL, PHILOX_WGSL } from './philox.ts';

/** The parameters of a draw from a generator. */
export interface Draw {
  /** The 64 bits of the seed. */
  readonly seedLow: Scalar;
  readonly seedHigh: Scalar;
  /** Number of the draw. */
  readonly offset: Scalar;
}

/** Distinguishes these numbers from those of other users of the same seed. */
const STREAM = '0x9e4du';
const WORDS_WGSL = `${PHILOX_WGSL}${DISTRIBUTIONS_WGSL}
fn wordsOf(block: u32) -> vec4u {
  return philox(vec4u(block, params.offset, 0u, ${STREAM}), vec2u(params.seedLow, params.seedHigh));
}`;
const DRAW = { seedLow: 'u32', seedHigh: 'u32', offset: 'u32' } as const;

interface Distribution {
  readonly type: 'f32' | 'u32';
  /** Four values of the random `words`, of the parameters and of four values of p. */
  readonly values: string;
  readonly readsP?: true;
}

const TABLE = {
  uniform: { type: 'f32', values: 'params.low + (params.high - params.low) * uniform4(words)' },
  normal: { type: 'f32', values: 'normal4(words)' },
  words: { type: 'u32', values: 'words' },
  /** first … first + range − 1. */
  integers: {
    type: 'u32',
    values: `params.first + vec4u(mulHigh(words.x, params.range), mulHigh(words.y, params.range),
      mulHigh(words.z, params.range), mulHigh(words.w, params.range))`,
  },
  /** 1 with probability low. */
  bernoulli: { type: 'f32', values: 'select(vec4f(), vec4f(1.0), uniform4(words) < vec4f(params.low))' },
  bernoulliOf: { type: 'f32', values: 'select(vec4f(), vec4f(1.0), uniform4(words) < p)', readsP: true },
  /** log p plus Gumbel noise: the places of its k largest values are k draws without replacement. */
  perturbedLog: {
    type: 'f32',
    values: 'select(vec4f(-3.0e38), log(p) - log(exponential4(words)), p > vec4f())',
    readsP: true,
  },
} as const satisfies Record<string, Distribution>;

export type DistributionName = keyof typeof TABLE;

const randomKernel = memoize((name: DistributionName) => {
  const { type, values, readsP }: Distribution = TABLE[name];
  return defineKernel({
    name: `random ${name}`,
    params: { count: 'u32', ...DRAW, low: 'f32', high: 'f32', first: 'u32', range: 'u32' },
    reads: { probabilities: readsP ? 'array<f32>' : undefined },
    writes: { y: `array<${type}>` },
    functions: WORDS_WGSL,
    ...perElement('count', { each: 4 })`let words = wordsOf(id);
  ${
    readsP
      ? `var p = vec4f();
  for (var i = 0u; i < min(4u, params.count - id * 4); i++) { p[i] = probabilities[id * 4 + i]; }`
      : ''
  }
  let values = ${values};
  for (var i = 0u; i < min(4u, params.count - id * 4); i++) { y[id * 4 + i] = values[i]; }`,
  });
});

export interface RandomParams {
  readonly low?: Scalar;
  readonly high?: Scalar;
  /** As u32 words. */
  readonly first?: number;
  readonly range?: number;
}

/** y = `count` random values. */
export function randomValues(
  device: Device,
  name: DistributionName,
  views: { readonly y: BufferView; readonly probabilities?: BufferView },
  count: number,
  draw: Draw,
  { low = 0, high = 1, first = 0, range = 0 }: RandomParams = {},
): void {
  device.launch(randomKernel(name), views, { count, ...draw, low, high, first, range });
}

const searchKernel = defineKernel({
  name: 'multinomial',
  params: { rows: 'u32', count: 'u32', width: 'u32', ...DRAW },
  reads: { probabilities: 'array<f32>', sums: 'array<f32>' },
  writes: { picks: 'array<u32>' },
  functions: WORDS_WGSL,
  ...perElement(['rows', 'count'])`let row = id / params.count * params.width;
  let level = uniform4(wordsOf(id / 4))[id % 4] * sums[row + params.width - 1];
  // The first place whose running sum exceeds the level.
  var low = 0u;
  var high = params.width - 1;
  while (low < high) {
    let middle = (low + high) / 2;
    if (sums[row + middle] > level) { high = middle; } else { low = middle + 1; }
  }
  // Rounding may lead to a place of probability 0; then its neighbours are as right.
  while (low + 1 < params.width && probabilities[row + low] <= 0.0) { low++; }
  while (low > 0 && probabilities[row + low] <= 0.0) { low--; }
  picks[id] = low;`,
});

/** picks (rows, count) of places in the rows of probabilities (rows, width), whose running sums are given. */
export function drawPlaces(
  device: Device,
  views: { readonly probabilities: BufferView; readonly sums: BufferView; readonly picks: BufferView },
  size: { readonly rows: number; readonly count: number; readonly width: number },
  draw: Draw,
): void {
  device.launch(searchKernel, views, { ...size, ...draw });
}
