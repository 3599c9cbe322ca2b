/** The points of the picture of clipping: their places, and the clipped shares. */
import fc from 'fast-check';
import { clipRange, LOSS_NAMES } from 'mathformer/grpo';
import { describe, expect, test } from 'vitest';
import {
  clipPoints,
  clippedRegions,
  clippedShares,
  extentOf,
  histogram,
  nearestPoint,
} from '../../../../app/src/run/clip/clipPoints.ts';
import { summarise } from '../../../../src/grpo/metrics.ts';
import { ARITHMETIC } from '../../../../src/tasks/arithmetic/task.ts';
import { completionOf, groupOf, traceOf } from '../traces.ts';

const logRatio = fc.float({ min: -2, max: 2, noNaN: true });
const completions = fc.array(
  fc.record({
    logRatios: fc.array(logRatio, { minLength: 1, maxLength: 4 }),
    advantage: fc.float({ min: -2, max: 2, noNaN: true }),
  }),
  { minLength: 1, maxLength: 4 },
);

test('the clipped shares are the metrics of the step', () => {
  fc.assert(
    fc.property(completions, fc.constantFrom(...LOSS_NAMES), (drawn, loss) => {
      const range = clipRange(loss);
      const group = groupOf(
        '1',
        drawn.map(({ logRatios, advantage }) => completionOf(logRatios, { advantage })),
      );
      const points = clipPoints(traceOf({ ...range, loss, groups: [group] }));
      const records = drawn.map(({ logRatios, advantage }) => ({
        completion: { prompt: 0, tokens: [], logps: new Float32Array(), finished: true },
        advantage,
        tokens: Array.from(Float32Array.from(logRatios), (logp) => ({
          logp,
          ...{ oldLogp: 0, proxLogp: 0, kl: 0, entropy: 0 },
        })),
      }));
      const metrics = summarise({
        rollout: { problems: [], completions: [], rewards: [] },
        task: ARITHMETIC,
        updates: [{ records, loss: 0, policyLoss: 0, gradNorm: 0, skipped: 0 }],
        ...{ lr: 0, klCoef: 0, skipped: 0, seconds: 0 },
        isCorrected: false,
        options: { groupSize: 2, loss, ...range, importanceSamplingCap: 2 },
      });
      const { low, high } = clippedShares(points);
      expect([low, high]).toEqual([metrics['clip_ratio/low_mean'], metrics['clip_ratio/high_mean']]);
    }),
  );
});

describe('points', () => {
  const group = groupOf('1', [
    completionOf([0.5, -0.5], { advantage: 1 }),
    completionOf([Number.NaN, Number.NaN], { advantage: -1 }),
    completionOf([0], { advantage: Number.NaN }),
  ]);

  test('are tokens, or completions for a loss with one ratio per sequence', () => {
    const tokens = clipPoints(traceOf({ groups: [group] }));
    expect(tokens.map(({ logRatio: x, token, side }) => [x, token, side])).toEqual([
      [0.5, 0, 'high'],
      [-0.5, 1, null],
    ]);
    const sequences = clipPoints(traceOf({ groups: [group], loss: 'gspo' }));
    expect(sequences.map(({ logRatio: x, token }) => [x, token])).toEqual([[0, -1]]);
  });

  test('lie in a clipped region if, and only if, they are clipped', () => {
    fc.assert(
      fc.property(completions, fc.constantFrom(...LOSS_NAMES), (drawn, loss) => {
        const range = clipRange(loss);
        const groups = [
          groupOf(
            '1',
            drawn.map(({ logRatios, advantage }) => completionOf(logRatios, { advantage })),
          ),
        ];
        const regions = clippedRegions(range, 0);
        for (const { logRatio: x, advantage, side } of clipPoints(traceOf({ ...range, loss, groups }))) {
          const inside = regions.find(
            ({ from, to, advantages }) =>
              x > from + 1e-9 && x < to - 1e-9 && (advantages === 'positive' ? advantage > 0 : advantage < 0),
          );
          const isAtBorder = regions.some(
            ({ from, to }) => Math.abs(x - from) <= 1e-9 || Math.abs(x - to) <= 1e-9,
          );
          if (!isAtBorder) expect(inside?.side ?? null).toBe(side);
        }
      }),
    );
  });

  test('the nearest one is found by shares of the extent', () => {
    const points = clipPoints(traceOf({ groups: [group] }));
    expect(nearestPoint(points, { logRatio: 0.4, advantage: 9 }, { x: 1, y: 10 })?.token).toBe(0);
    expect(nearestPoint([], { logRatio: 0, advantage: 0 }, { x: 1, y: 1 })).toBeUndefined();
  });
});

test('cispo is clipped above alone; a dual clip bounds negative advantages above', () => {
  expect(clippedRegions(clipRange('cispo'), 0).map(({ side }) => side)).toEqual(['high']);
  expect(clippedRegions(clipRange('grpo'), 3).map(({ side, label }) => [side, label])).toEqual([
    ['high', '1 + 0.2'],
    ['low', '1 − 0.2'],
    ['dual', 'dual clip 3'],
  ]);
});

test('the extent holds all points and borders, and is never empty', () => {
  const regions = clippedRegions(clipRange('grpo'), 0);
  const { x, y } = extentOf([], regions);
  expect(x).toBeGreaterThan(Math.log(1.2));
  expect(y).toBeGreaterThan(0);
  const points = clipPoints(traceOf({ groups: [groupOf('1', [completionOf([3], { advantage: -7 })])] }));
  const large = extentOf(points, regions);
  expect(large.x).toBeGreaterThan(3);
  expect(large.y).toBeGreaterThan(7);
});

test('a histogram counts every value once, those beyond the ends in the last bins', () => {
  expect([...histogram([-1, -0.5, 0, 0.5, 1, 9, -9], 1, 4)]).toEqual([2, 1, 1, 3]);
  fc.assert(
    fc.property(fc.array(logRatio), fc.integer({ min: 1, max: 20 }), (values, bins) => {
      const total = histogram(values, 1, bins).reduce((sum, count) => sum + count, 0);
      expect(total).toBe(values.length);
    }),
  );
});
