/**
 * Seeded random test data: numbers for fixed tests, fast-check arbitraries for properties.
 * Values are rounded to float32, so that the engine and the float64 reference see the same inputs.
 */
import fc from 'fast-check';

/** Pass to `fc.assert` so that a failure repeats: `fc.assert(property, { ...seeded, numRuns: 50 })`. */
export const seeded = { seed: 20_240_501 } as const;

/** Uniform numbers in [0, 1) from a 32-bit seed: a Weyl sequence through an integer hash. */
export function uniformSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return ((z ^ (z >>> 16)) >>> 0) / 2 ** 32;
  };
}

/** `length` float32 numbers from N(mean, std²). */
export function normals(seed: number, length: number, mean = 0, std = 1): Float32Array<ArrayBuffer> {
  const uniform = uniformSource(seed);
  return Float32Array.from({ length }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    return mean + std * radius * Math.cos(2 * Math.PI * uniform());
  });
}

/** `length` float32 numbers, uniform in [low, high). */
export function uniforms(seed: number, length: number, low = 0, high = 1): Float32Array<ArrayBuffer> {
  const uniform = uniformSource(seed);
  return Float32Array.from({ length }, () => low + (high - low) * uniform());
}

/** `length` integers, uniform in 0 … limit − 1. */
export function integers(seed: number, length: number, limit: number): number[] {
  const uniform = uniformSource(seed);
  return Array.from({ length }, () => Math.floor(uniform() * limit));
}

export interface ShapeOptions {
  readonly minRank?: number;
  readonly maxRank?: number;
  /** Sizes are cut to 1, last axis first, until the shape holds no more elements than this. */
  readonly maxElements?: number;
  /** True if a size may be 0. */
  readonly allowEmpty?: boolean;
}

/** One size: 1, small, odd, either side of the usual tiles, now and then larger or (if allowed) 0. */
export function dimension(allowEmpty = true): fc.Arbitrary<number> {
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant(1) },
    { weight: allowEmpty ? 1 : 0, arbitrary: fc.constant(0) },
    { weight: 5, arbitrary: fc.integer({ min: 2, max: 9 }) },
    { weight: 4, arbitrary: fc.constantFrom(15, 16, 17, 31, 32, 33, 57, 63, 64, 65) },
    { weight: 1, arbitrary: fc.constantFrom(127, 128, 129, 255, 257, 1000) },
  );
}

export function shapes(options: ShapeOptions = {}): fc.Arbitrary<number[]> {
  const { minRank = 0, maxRank = 4, maxElements = 4096, allowEmpty = true } = options;
  return fc
    .array(dimension(allowEmpty), { minLength: minRank, maxLength: maxRank })
    .map((shape) => limited(shape, maxElements));
}

function limited(shape: readonly number[], maxElements: number): number[] {
  let room = maxElements;
  return shape.map((dim) => {
    const kept = dim > room ? 1 : dim;
    room = Math.floor(room / Math.max(kept, 1));
    return kept;
  });
}

export interface BroadcastPair {
  readonly a: number[];
  readonly b: number[];
  readonly out: number[];
}

/** Two shapes that broadcast together by NumPy's rule, and the result: axes set to 1 or left out at random. */
export function broadcastableShapes(options: ShapeOptions = {}): fc.Arbitrary<BroadcastPair> {
  return shapes(options).chain((out) => {
    const sides = fc.array(fc.constantFrom('both', 'both', 'short', 'long'), {
      minLength: out.length,
      maxLength: out.length,
    });
    const cut = fc.oneof(fc.constant(0), fc.nat({ max: out.length }));
    return fc.tuple(sides, cut, fc.boolean()).map(([side, missing, swap]) => {
      const long = out.map((dim, i) => (i >= missing && side[i] === 'short' ? 1 : dim));
      const short = out.slice(missing).map((dim, i) => (side[i + missing] === 'long' ? 1 : dim));
      return swap ? { a: short, b: long, out } : { a: long, b: short, out };
    });
  });
}

/** Float32 values of roughly unit size, from a seed that fast-check draws (and that shrinks to 0). */
export function normalValues(length: number, mean = 0, std = 1): fc.Arbitrary<Float32Array> {
  return fc.nat({ max: 0x7fffffff }).map((seed) => normals(seed, length, mean, std));
}
