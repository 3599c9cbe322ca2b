import { describe, expect, it } from 'vitest';
import { around, type Elementary, everyFloat, ulpsOff, valuesOf, worstOf } from './errors.ts';
import { ATAN2, POW, UNARY } from './functions.ts';

/** A prime, so that the arguments have all exponents and ever different mantissas. */
const STRIDE = 4099;
const BATCH = 2 ** 18;
const SPECIAL = [0, -0, 1, -1, 0.5, 2, -3, 2 ** -149, -(2 ** -149), 2 ** -126, 3.4e38, -3.4e38];
const EXTREMES = [...SPECIAL, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];

/** Expect errors of at most the function's limit, which is at most 2 ulp. */
function expectAccurate(elementary: Elementary, columns: Parameters<typeof worstOf>[1]): void {
  const { error, at, result } = worstOf(elementary, columns);
  expect(error, `${elementary.name}(${at.join(', ')}) = ${result}`).toBeLessThanOrEqual(elementary.limit);
}

/** Return bits of floats, all NaN made the same. */
const bitsOf = (values: Float32Array<ArrayBuffer>): Uint32Array =>
  new Uint32Array(values.map((value) => (Number.isNaN(value) ? Number.NaN : value)).buffer);

/** A linear congruential generator of u32 (Knuth, The Art of Computer Programming, volume 2, section 3.3.4). */
function numbers(count: number, seed: number): Uint32Array<ArrayBuffer> {
  let state = seed;
  return Uint32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state ^ (state >>> 15)) >>> 0;
  });
}
const anyFloats = (count: number, seed: number): Float32Array<ArrayBuffer> =>
  new Float32Array(numbers(count, seed).buffer);
/** Return numbers from 0 to 1. */
const fractions = (count: number, seed: number): Float64Array =>
  Float64Array.from(numbers(count, seed), (word) => word / 2 ** 32);

describe('ulpsOff', () => {
  it('counts places of the true value, down to the subnormals and beyond the largest number', () => {
    expect(ulpsOff(1 + 2 ** -23, 1)).toBe(1);
    expect(ulpsOff(1 - 2 ** -24, 1 - 2 ** -24)).toBe(0);
    expect(ulpsOff(2 ** -149, 0.75 * 2 ** -149)).toBe(0.25);
    expect(ulpsOff(Number.POSITIVE_INFINITY, 2 ** 128 - 2 ** 104)).toBe(1);
    expect(ulpsOff(Number.NaN, 1)).toBe(Number.POSITIVE_INFINITY);
    expect(ulpsOff(-0, 0)).toBe(Number.POSITIVE_INFINITY);
    expect(ulpsOff(Number.NaN, Number.NaN)).toBe(0);
  });
});

describe.each(UNARY)('$name', (elementary) => {
  const { name, limit, borders = [] } = elementary;

  it('has an error of 2 ulp at most', () => {
    expect(limit).toBeLessThanOrEqual(2);
  });

  it('is within its error at a million numbers of all exponents and both signs', () => {
    for (let first = 0; first < 2 ** 32; first += STRIDE * BATCH)
      expectAccurate(elementary, [everyFloat(first, STRIDE, BATCH)]);
  });

  it('is within its error where one formula gives way to another, and at zeros, infinities and NaN', () => {
    expectAccurate(elementary, [around(borders, 2048)]);
    expectAccurate(elementary, [around(EXTREMES.filter(Number.isFinite), 64)]);
    expectAccurate(elementary, [Float32Array.from([...EXTREMES, 0])]);
  });

  it('is the same in vectors as in scalars, bit for bit', () => {
    const xs = everyFloat(1, 65_521, 2 ** 16);
    expect(bitsOf(valuesOf(name, [xs], 'f32'))).toEqual(bitsOf(valuesOf(name, [xs], 'vec4f')));
  });
});

describe('pow', () => {
  it('is within its error where results are neither 0 nor infinite', () => {
    const bases = anyFloats(BATCH, 1).map(Math.abs);
    const results = fractions(BATCH, 2).map((fraction) => fraction * 300 - 150);
    const exponents = Float32Array.from(bases, (base, i) => (results[i] ?? 0) / Math.log2(base));
    expectAccurate(POW, [bases, exponents]);
  });

  it('is within its error for bases near 1 with large exponents', () => {
    const places = fractions(BATCH, 3).map((fraction) => (fraction - 0.5) ** 5);
    const bases = Float32Array.from(places, (place) => 1 + place);
    const results = fractions(BATCH, 4).map((fraction) => fraction * 300 - 150);
    const exponents = Float32Array.from(bases, (base, i) => (results[i] ?? 0) / Math.log2(base));
    expectAccurate(POW, [bases, exponents]);
  });

  it('is within its error for any two numbers', () => {
    expectAccurate(POW, [anyFloats(BATCH, 5), anyFloats(BATCH, 6)]);
  });

  it('is what C defines for zeros, infinities and NaN, but NaN for negative bases', () => {
    const pairs = EXTREMES.flatMap((x) => EXTREMES.map((y) => [x, y] as const));
    while (pairs.length % 4 !== 0) pairs.push([1, 1]);
    expectAccurate(POW, [Float32Array.from(pairs, ([x]) => x), Float32Array.from(pairs, ([, y]) => y)]);
  });
});

describe('atan2', () => {
  it('is within its error for any two numbers, and for two of like size', () => {
    const ys = anyFloats(BATCH, 7);
    expectAccurate(ATAN2, [ys, anyFloats(BATCH, 8)]);
    const ratios = fractions(BATCH, 9).map((fraction) => (fraction - 0.5) * 8);
    expectAccurate(ATAN2, [ys, ys.map((y, i) => y * (ratios[i] ?? 0))]);
  });

  it('has the signs and quadrants of zeros and infinities', () => {
    const pairs = EXTREMES.flatMap((y) => EXTREMES.map((x) => [y, x] as const));
    while (pairs.length % 4 !== 0) pairs.push([1, 1]);
    expectAccurate(ATAN2, [Float32Array.from(pairs, ([y]) => y), Float32Array.from(pairs, ([, x]) => x)]);
  });
});
