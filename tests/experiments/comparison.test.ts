/** Statistics of saved runs against hand-worked ones. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  differenceOf,
  overSeeds,
  passAtKOf,
  stepsToAccuracy,
  stepsToGain,
  summaryOf,
} from '../../experiments/comparison.ts';
import { fromBits, toBits } from '../../experiments/savedRun.ts';
import { savedRun } from './savedRuns.ts';

describe('over seeds', () => {
  it('is the mean with Student’s interval: 1, 2, 3 has the standard error 1/√3 and t = 4.303', () => {
    const { estimate, low, high } = overSeeds([1, 2, 3]);
    expect(estimate).toBe(2);
    expect(high - estimate).toBeCloseTo(4.303 / Math.sqrt(3), 10);
    expect(estimate - low).toBeCloseTo(4.303 / Math.sqrt(3), 10);
  });

  it('has no interval for one seed, and an empty one for equal seeds', () => {
    expect(overSeeds([0.5]).low).toBeNaN();
    expect(overSeeds([0.5, 0.5])).toEqual({ estimate: 0.5, low: 0.5, high: 0.5 });
  });
});

describe('rows', () => {
  const first = [
    savedRun({ seed: 0, before: '0001', after: '0011' }),
    savedRun({ seed: 1, before: '0001', after: '0001' }),
  ];
  const second = [
    savedRun({ seed: 1, before: '0001', after: '0111' }),
    savedRun({ seed: 2, before: '0001', after: '1111' }),
  ];

  it('are summed up by accuracies, the gain and the least certain seed', () => {
    const { before, after, gain, mcnemarP } = summaryOf(first);
    expect({ before, after, mcnemarP }).toEqual({ before: 0.25, after: [0.5, 0.25], mcnemarP: 1 });
    expect(gain.estimate).toBe(0.125);
  });

  it('are compared by the seeds that both have', () => {
    const difference = differenceOf(first, second);
    expect(difference).toMatchObject({ better: 1, count: 1, seeds: { estimate: 0.5 } });
    expect(difference?.problems.estimate).toBe(0.5);
    expect(differenceOf(first, [savedRun({ seed: 7 })])).toBeNull();
  });

  it('say when a gain or an accuracy was reached first', () => {
    const runs = [
      savedRun({
        before: '0001',
        evaluations: [
          [0, 0.25],
          [10, 0.5],
          [20, 0.4],
          [30, 0.75],
        ],
      }),
      savedRun({
        before: '0001',
        evaluations: [
          [0, 0.25],
          [10, 0.3],
        ],
      }),
    ];
    expect(stepsToGain(runs, 0.25)).toEqual([10, null]);
    expect(stepsToGain(runs, 0.5)).toEqual([30, null]);
    expect(stepsToAccuracy(runs, 0.3)).toEqual([10, 10]);
  });

  it('have pass@k before and after: 1 of 2 right is pass@1 = ½ and pass@2 = 1', () => {
    const runs = [savedRun({ samples: { n: 2, before: [0, 1], after: [1, 2] } })];
    expect(passAtKOf(runs, 1)).toMatchObject({ before: 0.25, after: 0.75, gain: { estimate: 0.5 } });
    expect(passAtKOf(runs, 2)).toMatchObject({ before: 0.5, after: 1 });
    expect(passAtKOf([savedRun({})], 1)).toBeNull();
  });
});

it('keeps verdicts as bits and back', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean()), (verdicts) => {
      expect(fromBits(toBits(verdicts))).toEqual(verdicts);
    }),
  );
});
