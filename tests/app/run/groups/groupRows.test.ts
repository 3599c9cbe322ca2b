/** The groups of a step. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupRows, rewardCounts, rewardRange } from '../../../../app/src/run/groups/groupRows.ts';
import { completionOf, groupOf, rewardsOf, traceOf } from '../traces.ts';

const rewardLists = fc.array(fc.constantFrom(0, 0.5, 1, -1), { minLength: 2, maxLength: 8 });

describe('groupRows', () => {
  const trace = traceOf({
    rewards: [
      rewardsOf('1+1', [0, 0, 1, 1]),
      rewardsOf('2+2', [1, 1, 1, 1]),
      rewardsOf('3+3', [0, 1, 0, 0], true),
    ],
    groups: [
      groupOf(
        '2+2',
        [1, 1, 1, 1].map((reward) => completionOf([0], { reward })),
      ),
    ],
  });

  test('a worked example: half right, all right, dropped', () => {
    const [half, all, dropped] = groupRows(trace, 'group');
    expect(half).toMatchObject({ index: 0, state: 'teaches', mean: 0.5, traced: null });
    // ddof 1: √(4·0.25 / 3) = 1/√3, so that the advantages are ±√3/2.
    expect(half?.spread).toBeCloseTo(1 / Math.sqrt(3), 12);
    for (const [i, sign] of [-1, -1, 1, 1].entries()) {
      expect(half?.advantages[i]).toBeCloseTo((sign * Math.sqrt(3)) / 2, 6);
    }
    expect(all).toMatchObject({ state: 'equal', spread: 0, traced: 0 });
    expect([...(all?.advantages ?? [])]).toEqual([0, 0, 0, 0]);
    expect(dropped?.state).toBe('dropped');
    expect(dropped?.advantages.every(Number.isNaN)).toBe(true);
  });

  test('advantages that are only centred are not divided', () => {
    const [half] = groupRows(trace, 'center');
    expect([...(half?.advantages ?? [])]).toEqual([-0.5, -0.5, 0.5, 0.5]);
  });

  test('of two groups with one problem, the traced one is that with its rewards', () => {
    const rows = groupRows(
      traceOf({
        rewards: [rewardsOf('1', [0, 0]), rewardsOf('1', [0, 1]), rewardsOf('1', [0, 1])],
        groups: [
          [0, 1],
          [0, 1],
        ].map((rewards) =>
          groupOf(
            '1',
            rewards.map((reward) => completionOf([], { reward })),
          ),
        ),
      }),
      'group',
    );
    expect(rows.map(({ traced }) => traced)).toEqual([null, 0, 1]);
  });

  test('the advantages of a group add up to 0, and equal rewards teach nothing', () => {
    fc.assert(
      fc.property(rewardLists, fc.constantFrom('group', 'center'), (rewards, kind) => {
        const [row] = groupRows(traceOf({ rewards: [rewardsOf('', rewards)] }), kind);
        const sum = row?.advantages.reduce((total, value) => total + value, 0) ?? Number.NaN;
        expect(Math.abs(sum)).toBeLessThan(1e-5);
        expect(row?.state).toBe(new Set(rewards).size === 1 ? 'equal' : 'teaches');
        expect(row?.spread === 0).toBe(row?.state === 'equal');
      }),
    );
  });
});

test('the counts of rewards are of all completions, the least reward first', () => {
  fc.assert(
    fc.property(rewardLists, (rewards) => {
      const [row] = groupRows(traceOf({ rewards: [rewardsOf('', rewards)] }), 'group');
      const counts = row ? rewardCounts(row) : [];
      expect(counts.map(({ reward }) => reward)).toEqual([...new Set(rewards)].sort((a, b) => a - b));
      expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(rewards.length);
    }),
  );
});

test('the axis of rewards holds 0, 1, and every reward', () => {
  expect(rewardRange([])).toEqual([0, 1]);
  const rows = [{ rewards: Float32Array.of(-0.5, 0) }, { rewards: Float32Array.of(2) }];
  expect(rewardRange(rows)).toEqual([-0.5, 2]);
});
