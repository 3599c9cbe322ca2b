/** Rationals: canonical form, arithmetic checked by cross-multiplying BigInts, floor modulo by its definition. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Rational } from '../../../src/tasks/expressions/rational.ts';

const nonZero = fc.bigInt({ min: -1000n, max: 1000n }).filter((x) => x !== 0n);
const pair = fc.tuple(fc.bigInt({ min: -1000n, max: 1000n }), nonZero);

describe('Rational', () => {
  test('prints canonically', () => {
    expect(Rational.of(-27n, 1n).toString()).toBe('-27');
    expect(Rational.of(2n, -6n).toString()).toBe('-1/3');
    expect(Rational.of(0n, -5n).toString()).toBe('0');
    expect(Rational.of(-4n, -2n).toString()).toBe('2');
  });

  test('arithmetic satisfies the defining cross-products', () => {
    const minusZero: [bigint, bigint] = [0n, -1n];
    const zero: [bigint, bigint] = [0n, 1n];
    fc.assert(
      fc.property(pair, pair, ([a, b], [c, d]) => {
        const x = Rational.of(a, b);
        const y = Rational.of(c, d);
        const is = (value: Rational, n: bigint, m: bigint) =>
          expect(value.numerator * m).toBe(n * value.denominator);
        is(x.add(y), a * d + c * b, b * d);
        is(x.subtract(y), a * d - c * b, b * d);
        is(x.multiply(y), a * c, b * d);
        if (c !== 0n) is(x.divide(y), a * d, b * c);
        const difference = (a * d - c * b) * b * d;
        expect(Math.sign(x.compare(y))).toBe(difference > 0n ? 1 : difference < 0n ? -1 : 0);
        expect(x.equals(y)).toBe(a * d === c * b);
        for (const value of [x.add(y), x.multiply(y)]) {
          expect(value.denominator > 0n).toBe(true);
          expect(Rational.parseCanonical(value.toString())?.equals(value)).toBe(true);
        }
      }),
      { examples: [[minusZero, zero]] }, // as floats they would differ: 0/-1 is -0
    );
  });

  test('modulo lies between 0 and the divisor, and differs from the dividend by whole divisors', () => {
    fc.assert(
      fc.property(pair, pair, ([a, b], [c, d]) => {
        fc.pre(c !== 0n);
        const x = Rational.of(a, b);
        const y = Rational.of(c, d);
        const remainder = x.modulo(y);
        expect(x.subtract(remainder).divide(y).isInteger).toBe(true);
        expect(remainder.isZero || remainder.isNegative === y.isNegative).toBe(true);
        expect(remainder.abs().compare(y.abs())).toBeLessThan(0);
      }),
    );
  });

  test.each(['', '+3', '03', '-0', '3/1', '2/4', '1/0', ' 3', '3 ', '3.0', '1/-2', '--1', '1/02', '٣'])(
    'parseCanonical refuses %j',
    (text) => {
      expect(Rational.parseCanonical(text)).toBeNull();
    },
  );

  test('zero denominators and divisors are refused', () => {
    expect(() => Rational.of(1n, 0n)).toThrow(RangeError);
    expect(() => Rational.ONE.divide(Rational.ZERO)).toThrow(RangeError);
    expect(() => Rational.ONE.modulo(Rational.ZERO)).toThrow(RangeError);
  });
});
