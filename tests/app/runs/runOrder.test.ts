/** The order of the list of runs. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { durationOf, held, keyOf, type ListedRun, sorted } from '../../../app/src/runs/runOrder.ts';
import { listedRun } from './listings.ts';

const rewards = fc.uniqueArray(fc.integer(), { maxLength: 8 });
const runsOf = (values: readonly number[]) =>
  values.map((reward) => listedRun({ id: `run${reward}`, reward: reward % 3 === 0 ? null : reward }));
const keysOf = (runs: readonly ListedRun[]): string[] => runs.map(keyOf);

describe('sorted', () => {
  test('numbers in names count as numbers, and runs without a value come last in both directions', () => {
    const runs = [
      listedRun({ id: 'seed10', reward: 1 }),
      listedRun({ id: 'seed2', reward: null }),
      listedRun({ id: 'seed1', reward: 2 }),
    ];
    const ids = (key: 'name' | 'reward', descending: boolean) =>
      sorted(runs, { key, descending }).map(({ listing }) => listing.id);
    expect(ids('name', false)).toEqual(['seed1', 'seed2', 'seed10']);
    expect(ids('reward', false)).toEqual(['seed10', 'seed1', 'seed2']);
    expect(ids('reward', true)).toEqual(['seed1', 'seed10', 'seed2']);
  });

  test('does not depend on the order before', () => {
    fc.assert(
      fc.property(rewards, fc.boolean(), (values, descending) => {
        const sort = { key: 'reward', descending } as const;
        const runs = runsOf(values);
        expect(sorted(runs.toReversed(), sort)).toEqual(sorted(runs, sort));
      }),
    );
  });
});

describe('held', () => {
  test('what is shown keeps its place; what is gone goes, what is new comes last, in its order', () => {
    const wanted = ['new2', 'b', 'new1', 'a'].map((id) => listedRun({ id }));
    const shown = ['server/a', 'server/gone', 'server/b'];
    expect(keysOf(held(shown, wanted))).toEqual(['server/a', 'server/b', 'server/new2', 'server/new1']);
  });

  test('shows the same runs as the sort, each once', () => {
    fc.assert(
      fc.property(rewards, rewards, (before, now) => {
        const [shown, wanted] = [keysOf(runsOf(before)), runsOf(now)];
        const result = held(shown, wanted);
        expect(keysOf(result).toSorted()).toEqual(keysOf(wanted).toSorted());
        const stayed = shown.filter((key) => keysOf(wanted).includes(key));
        expect(keysOf(result).slice(0, stayed.length)).toEqual(stayed);
      }),
    );
  });
});

test('the duration of a run is from its start to its last row', () => {
  const { listing } = listedRun();
  expect(durationOf(listing)).toBe(60_000);
  expect(durationOf({ ...listing, startedAt: 'yesterday' })).toBeNull();
  expect(durationOf({ ...listing, modified: 0 })).toBeNull();
  expect(durationOf({ startedAt: '2026-03-01T12:00:00.000Z', modified: 1 })).toBe(0);
});
