/** Elementary functions against fixed-point arithmetic of 400 bits. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cos, exp, expm1, log, pow } from '../../src/base/elementary.ts';

const BITS = 400n;
const ONE = 1n << BITS;

/** Return a double exactly as a multiple of 2⁻⁴⁰⁰; what is smaller is cut off. */
function fixed(x: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, Math.abs(x));
  const bits = view.getBigUint64(0);
  const field = bits >> 52n;
  const fraction = (bits & ((1n << 52n) - 1n)) | (field === 0n ? 0n : 1n << 52n);
  const shift = (field === 0n ? 1n : field) - 1075n + BITS;
  const magnitude = shift >= 0n ? fraction << shift : fraction >> -shift;
  return x < 0 ? -magnitude : magnitude;
}

const times = (a: bigint, b: bigint): bigint => (a * b) >> BITS;

/** e^x by its Taylor series at x/2⁶⁴, squared 64 times. */
function exactExp(x: bigint): bigint {
  const small = x >> 64n;
  let term = ONE;
  let sum = 0n;
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    sum += term;
    term = times(term, small) / n;
  }
  for (let i = 0; i < 64; i++) sum = times(sum, sum);
  return sum;
}

/** ln y by Newton's method from a float64. */
function exactLog(y: bigint, guess: number): bigint {
  let x = fixed(guess);
  for (let i = 0; i < 5; i++) {
    const e = exactExp(x);
    x += (2n * (y - e) * ONE) / (y + e);
  }
  return x;
}

function exactCos(x: bigint): bigint {
  const square = times(x, x);
  let term = ONE;
  let sum = 0n;
  for (let n = 1n; term !== 0n && term !== -1n; n += 2n) {
    sum += term;
    term = -times(term, square) / (n * (n + 1n));
  }
  return sum;
}

/** Return the distance of a double from an exact value, in units of the double's last place. */
function ulps(found: number, exact: bigint): number {
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(found))) - 52);
  return Number(((fixed(found) - exact) * 1_000_000n) / fixed(unit)) / 1_000_000;
}

/** A correctly rounded result is at most half a unit away; a power of two has smaller units below. */
const ROUNDED = 0.500001;

const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const check = (x: fc.Arbitrary<number>, property: (x: number) => void) =>
  fc.assert(fc.property(x, property), { numRuns: 300 });

describe('within a unit in the last place', () => {
  it('exp', () =>
    check(number(-80, 80), (x) => {
      expect(Math.abs(ulps(exp(x), exactExp(fixed(x))))).toBeLessThan(1);
    }));

  it('expm1, near 0', () =>
    check(number(-0.34, 0.34), (x) => {
      fc.pre(Math.abs(x) > 1e-60);
      expect(Math.abs(ulps(expm1(x), exactExp(fixed(x)) - ONE))).toBeLessThan(1);
    }));

  it('expm1, elsewhere, within three', () =>
    check(number(-30, 30), (x) => {
      fc.pre(Math.abs(x) > 0.34);
      expect(Math.abs(ulps(expm1(x), exactExp(fixed(x)) - ONE))).toBeLessThan(3);
    }));
});

describe('correctly rounded', () => {
  it('log', () =>
    check(number(1e-60, 1e60), (x) => {
      fc.pre(x !== 1);
      expect(Math.abs(ulps(log(x), exactLog(fixed(x), Math.log(x))))).toBeLessThan(ROUNDED);
    }));

  it('log near 1', () =>
    check(number(-0.3, 0.3), (x) => {
      fc.pre(Math.abs(x) > 1e-15);
      expect(Math.abs(ulps(log(1 + x), exactLog(fixed(1 + x), Math.log(1 + x))))).toBeLessThan(ROUNDED);
    }));

  it('pow', () =>
    fc.assert(
      fc.property(number(1e-4, 1e4), number(-8, 8), (x, y) => {
        const exponent = times(fixed(y), exactLog(fixed(x), Math.log(x)));
        expect(Math.abs(ulps(pow(x, y), exactExp(exponent)))).toBeLessThan(ROUNDED);
      }),
      { numRuns: 300 },
    ));

  it('pow of the factors of moving averages', () =>
    fc.assert(
      fc.property(
        fc.constantFrom(0.9, 0.95, 0.99, 0.999),
        fc.integer({ min: 0, max: 2000 }),
        (beta, step) => {
          let exact = ONE;
          for (let i = 0; i < step; i++) exact = times(exact, fixed(beta));
          expect(Math.abs(ulps(pow(beta, step), exact))).toBeLessThan(ROUNDED);
        },
      ),
      { numRuns: 100 },
    ));

  it('cos', () =>
    check(number(0, Math.PI), (x) => {
      expect(Math.abs(ulps(cos(x), exactCos(fixed(x))))).toBeLessThan(ROUNDED);
    }));
});

describe('exact values and ends', () => {
  it.each([
    ...([
      ['exp', exp(0), 1],
      ['exp', exp(1000), Number.POSITIVE_INFINITY],
      ['exp', exp(-1000), 0],
    ] as const),
    ...([
      ['exp', exp(-745), 5e-324],
      ['expm1', expm1(0), 0],
    ] as const),
    ...([
      ['expm1', expm1(-1000), -1],
      ['log', log(1), 0],
      ['log', log(0), Number.NEGATIVE_INFINITY],
    ] as const),
    ...([
      ['log', log(-1), Number.NaN],
      ['log', log(5e-324), Math.log(5e-324)],
    ] as const),
    ...([
      ['pow', pow(0, 3), 0],
      ['pow', pow(0, 0), 1],
      ['pow', pow(7, 0), 1],
      ['pow', pow(1, 12345), 1],
    ] as const),
    ...([
      ['pow', pow(2, -1074), 5e-324],
      ['pow', pow(10, 22), 1e22],
      ['pow', pow(3, 33), 5559060566555523],
    ] as const),
    ...([
      ['cos', cos(0), 1],
      ['cos', cos(Math.PI), -1],
      ['exp', exp(Number.NaN), Number.NaN],
    ] as const),
  ])('%s is %f', (_, found, wanted) => expect(found).toBe(wanted));

  it('powers of two are exact', () => {
    for (let n = -1022; n < 1024; n++) expect(pow(2, n)).toBe(2 ** n);
  });
});
