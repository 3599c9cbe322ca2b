/** The clip ranges of the losses, and what counts as clipped. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clippedSide, clipRange, LOSS_NAMES, type LossName } from '../../src/grpo/clipping.ts';

describe('clipRange', () => {
  test('what is not given of the clip is the loss’s own', () => {
    const rangeOf = (loss: LossName, given = {}) => {
      const { clipRatio, clipRatioHigh } = clipRange(loss, given);
      return [clipRatio, clipRatioHigh];
    };
    expect(LOSS_NAMES.map((loss) => rangeOf(loss))).toEqual([
      [0.2, 0.2],
      [0.2, 0.2],
      [0.2, 0.28],
      [3e-4, 4e-4],
      [1, 0.28],
    ]);
    expect(rangeOf('grpo', { clipRatio: 0.1 })).toEqual([0.1, 0.1]);
    expect(rangeOf('dapo', { clipRatio: 0.1 })).toEqual([0.1, 0.28]);
    expect(rangeOf('grpo', { clipRatioHigh: 0.3 })).toEqual([0.2, 0.3]);
  });
});

describe('clippedSide', () => {
  const range = { clipRatio: 0.2, clipRatioHigh: 0.28 };

  test.each([
    { ratio: 0.79, advantage: -1, side: 'low' },
    { ratio: 0.79, advantage: 1, side: null },
    { ratio: 1.29, advantage: 1, side: 'high' },
    { ratio: 1.29, advantage: -1, side: null },
    { ratio: 1.27, advantage: 1, side: null },
    { ratio: 0.5, advantage: 0, side: null },
  ])('ratio $ratio, advantage $advantage: $side', ({ ratio, advantage, side }) => {
    expect(clippedSide(ratio, advantage, range)).toBe(side);
  });

  test('is where the clipped surrogate no longer depends on the ratio', () => {
    const number = { min: Math.fround(-3), max: Math.fround(3), noNaN: true };
    fc.assert(
      fc.property(fc.float(number), fc.float(number), (logRatio, advantage) => {
        const ratio = Math.exp(logRatio);
        const surrogate = (r: number): number => {
          const clipped = Math.min(Math.max(r, 1 - range.clipRatio), 1 + range.clipRatioHigh);
          return Math.min(r * advantage, clipped * advantage);
        };
        // Far from the borders and from A = 0, a step to either side changes the surrogate, or it does not.
        fc.pre(Math.abs(ratio - 0.8) > 1e-3 && Math.abs(ratio - 1.28) > 1e-3 && Math.abs(advantage) > 1e-3);
        const isFlat = surrogate(ratio * (1 + 1e-6)) === surrogate(ratio * (1 - 1e-6));
        expect(clippedSide(ratio, advantage, range) !== null).toBe(isFlat);
      }),
    );
  });
});
