/** Advantages against NumPy's numbers and by their properties. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { advantages } from '../../src/grpo/advantages.ts';
import { expectClose } from '../oracle/compare.ts';
import { normalValues, seeded } from '../oracle/random.ts';
import { referenceJson } from '../oracle/reference.ts';

interface Row {
  readonly group_size: number;
  readonly rewards: number[];
  readonly advantages: number[];
}

describe('advantages', () => {
  test('the table from NumPy', () => {
    const { advantages: table } = referenceJson<{ readonly advantages: Row[] }>('grpo');
    expect(table.length).toBeGreaterThan(2);
    for (const { group_size, rewards, advantages: expected } of table) {
      // Stored in float32.
      expectClose(advantages(rewards, group_size), expected, {
        rtol: 1e-7,
        atol: 1e-12,
        label: `${rewards}`,
      });
    }
  });

  test('rewards 1, 0, 1, 0: ±0.866', () => {
    expectClose(advantages([1, 0, 1, 0], 4), [0.866, -0.866, 0.866, -0.866], { rtol: 0, atol: 3e-5 });
    expect(advantages([1, 0, 1, 0], 4, 'center')).toEqual(Float32Array.of(0.5, -0.5, 0.5, -0.5));
    // By the population's standard deviation they would be ±1.
    expect(advantages([1, 0], 2)[0]).toBeCloseTo(Math.SQRT1_2, 6);
  });

  test('of a kind that is none are refused', () => {
    expect(() => advantages([1, 0], 2, 'none' as never)).toThrow(/no kind "none": give group, center/);
  });

  test('equal rewards give exactly 0, even where their mean rounds', () => {
    // Three times 0.1 is not 0.3: the mean is not 0.1, and the deviation not 0.
    expect((0.1 + 0.1 + 0.1) / 3).not.toBe(0.1);
    for (const kind of ['group', 'center'] as const) {
      expect(advantages([0.1, 0.1, 0.1], 3, kind)).toEqual(new Float32Array(3));
      expect(advantages([1, 1, 0, 0], 2, kind)).toEqual(new Float32Array(4));
    }
  });

  test('groups do not see each other', () => {
    const [a, b] = [
      [1, 0, 0, 0],
      [0, 1, 1, 0],
    ];
    const together = advantages([...a, ...b], 4);
    expect([...together]).toEqual([...advantages(a, 4), ...advantages(b, 4)]);
  });

  test('shift-invariant, scale-invariant, of mean 0 and sample variance 1 in each group', () => {
    fc.assert(
      fc.property(
        normalValues(12),
        fc.integer({ min: -50, max: 50 }),
        fc.constantFrom(0.5, 2, 10),
        (values, shift, scale) => {
          const rewards = Array.from(values);
          const plain = advantages(rewards, 4);
          const moved = rewards.map((r) => r * scale + shift);
          expectClose(advantages(moved, 4), plain, { rtol: 1e-5, atol: 1e-6 });
          for (let first = 0; first < 12; first += 4) {
            const group = plain.slice(first, first + 4);
            expectClose([group.reduce((a, b) => a + b, 0)], [0], { atol: 1e-6 });
            expectClose([group.reduce((a, b) => a + b * b, 0)], [3], { atol: 1e-5 });
          }
          const centred = advantages(rewards, 4, 'center');
          expectClose(
            advantages(
              rewards.map((r) => r + shift),
              4,
              'center',
            ),
            centred,
            { atol: 1e-5 },
          );
        },
      ),
      { ...seeded, numRuns: 50 },
    );
  });

  test.each([
    [[1, 2, 3], 2],
    [[1, 2], 1],
    [[1, 2], 0],
    [[1, 2, 3], 1.5],
  ])('%o in groups of %f are refused', (rewards, size) => {
    expect(() => advantages(rewards, size)).toThrow(`do not form groups of ${size}`);
  });
});
