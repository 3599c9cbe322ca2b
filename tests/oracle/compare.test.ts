/** The comparison fails when it should, and says where; the random data are what they claim. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Array64, array, exp, mul, sum } from './array.ts';
import { expectClose, finiteDifference, gradCheck } from './compare.ts';
import { broadcastableShapes, integers, normals, normalValues, seeded, shapes, uniforms } from './random.ts';

describe('expectClose', () => {
  test('allows atol + rtol·|expected|, to the border', () => {
    expect(() => expectClose([1.5, -2], [1, -2], { rtol: 0, atol: 0.5 })).not.toThrow();
    expect(() => expectClose([104], [100], { rtol: 0.04, atol: 0 })).not.toThrow();
    expect(() => expectClose([100], [104.2], { rtol: 0.04, atol: 0 })).toThrow('1 of 1');
    expect(() => expectClose([1 + 1.2e-5], [1])).toThrow();
    expect(() => expectClose([1 + 1.1e-5], [1])).not.toThrow();
  });

  test('names the worst element, both values and the error', () => {
    expect(() => expectClose([0, 1, 5], [0, 2, 9], { label: 'logits' })).toThrow(
      /logits: 2 of 3 elements differ; worst at index 2: actual 5, expected 9, absolute error 4\.000e\+0/,
    );
  });

  test('NaN and infinities', () => {
    const inf = Number.POSITIVE_INFINITY;
    expect(() => expectClose([Number.NaN], [1])).toThrow('index 0');
    expect(() => expectClose([1], [Number.NaN])).toThrow('index 0');
    expect(() => expectClose([Number.NaN], [Number.NaN])).toThrow('index 0');
    expect(() => expectClose([Number.NaN], [Number.NaN], { equalNaN: true })).not.toThrow();
    expect(() => expectClose([inf, -inf, 0], [inf, -inf, -0])).not.toThrow();
    expect(() => expectClose([inf], [-inf])).toThrow('index 0');
    expect(() => expectClose([1e30], [inf], { rtol: 1 })).toThrow('index 0');
    expect(() => expectClose([9, Number.NaN, 9], [0, 0, 0])).toThrow('index 1');
  });

  test('lengths must agree', () => {
    expect(() => expectClose([1], [1, 2])).toThrow('1 elements, expected 2');
  });
});

describe('gradients', () => {
  test('finiteDifference of a cubic', () => {
    const f = (x: Float64Array): number => x[0] ** 3 + 2 * x[0] * x[1];
    expectClose(finiteDifference(f, Float64Array.of(2, -1)), [10, 4], { rtol: 1e-9, atol: 0 });
  });

  test('gradCheck catches a wrong gradient', () => {
    const halved = (x: Array64): Array64 => sum(mul(exp(x), exp(x.detach())));
    expect(() => gradCheck(([x]) => sum(mul(exp(x), exp(x))), [array([0.1, 0.2])])).not.toThrow();
    expect(() => gradCheck(([x]) => halved(x), [array([0.1, 0.2])], { label: 'wrong' })).toThrow(
      'wrong (input 0): 2 of 2',
    );
  });
});

describe('random data', () => {
  test('normals have the moments asked for, repeat, and are float32', () => {
    const x = normals(1, 20_000, 3, 2);
    const mean = x.reduce((a, b) => a + b, 0) / x.length;
    const std = Math.sqrt(x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length);
    expectClose([mean, std], [3, 2], { atol: 0.05 });
    expect(normals(1, 9, 3, 2)).toEqual(x.slice(0, 9));
    expect(normals(2, 9, 3, 2)).not.toEqual(x.slice(0, 9));
    expect(Math.min(...uniforms(3, 999, -1, 1))).toBeGreaterThanOrEqual(-1);
    expect(new Set(integers(4, 500, 7))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
  });

  test('shapes cover empty, odd and off-tile sizes within the limit', () => {
    const drawn = fc.sample(shapes({ maxElements: 300 }), { ...seeded, numRuns: 400 });
    const sizes = new Set(drawn.flat());
    for (const size of [0, 1, 3, 16, 17, 65, 129]) expect(sizes).toContain(size);
    expect(Math.max(...drawn.map((s) => s.reduce((a, b) => a * b, 1)))).toBeLessThanOrEqual(300);
    const full = fc.sample(shapes({ allowEmpty: false, minRank: 2 }), { ...seeded, numRuns: 200 });
    expect(full.flat()).not.toContain(0);
    expect(Math.min(...full.map((s) => s.length))).toBe(2);
  });

  test('broadcast pairs leave axes out, stretch ones, and include equal shapes', () => {
    const pairs = fc.sample(broadcastableShapes({ maxElements: 500 }), { ...seeded, numRuns: 300 });
    expect(pairs.some(({ a, b }) => a.length < b.length)).toBe(true);
    expect(pairs.some(({ a, b }) => a.length > b.length)).toBe(true);
    expect(pairs.some(({ a, b, out }) => out.length > 1 && `${a}` === `${b}`)).toBe(true);
    expect(pairs.some(({ a, out }) => a.length === out.length && `${a}` !== `${out}`)).toBe(true);
  });

  test('normalValues draws arrays of the length asked for', () => {
    for (const x of fc.sample(normalValues(5), { ...seeded, numRuns: 5 })) expect(x).toHaveLength(5);
  });
});
