/** The comparison of runs: curves, problems that only one solves, and the table to export. */
import fc from 'fast-check';
import { type ComparedRun, compareRuns } from 'mathformer/training';
import { describe, expect, test } from 'vitest';
import { Columns } from '../../../app/src/data/columns.ts';
import {
  comparisonRows,
  isShare,
  metricNames,
  metricSeries,
  pairOfRuns,
  pairsWithFirst,
} from '../../../app/src/runs/comparison.ts';
import { listedRun } from './listings.ts';

const keyOf = (i: number): string => JSON.stringify([`${i}+1`, String(i + 1)]);
const comparedRun = (
  verdicts: readonly boolean[],
  facts: Parameters<typeof listedRun>[0] = {},
): ComparedRun => ({
  listing: listedRun(facts).listing,
  answers: new Map(verdicts.map((right, i) => [keyOf(i), right])),
});

describe('two runs on the same problems', () => {
  test('a worked example: each solves one that the other does not', () => {
    const pair = pairOfRuns(comparedRun([true, true, false, false]), comparedRun([true, false, true, false]));
    expect(pair).toMatchObject({
      problems: 4,
      difference: 0,
      mcnemarP: 1,
      onlyFirst: ['1+1'],
      onlySecond: ['2+1'],
    });
  });

  test('the lists of problems are as long as the difference says', () => {
    const verdicts = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 1 });
    fc.assert(
      fc.property(verdicts, (pairs) => {
        const pair = pairOfRuns(comparedRun(pairs.map(([a]) => a)), comparedRun(pairs.map(([, b]) => b)));
        const gained = (pair?.onlySecond.length ?? Number.NaN) - (pair?.onlyFirst.length ?? 0);
        expect(pair?.difference).toBeCloseTo(gained / pairs.length, 12);
      }),
    );
  });

  test('each against the first has its own name, and a p that is corrected for their number', () => {
    const none = Array.from({ length: 8 }, () => false);
    const first = { ...comparedRun(none), name: 'first' };
    const unanswered = { ...comparedRun([]), answers: null, name: 'unanswered' };
    const better = (name: string, right: number) => ({ ...comparedRun(none.map((_, i) => i < right)), name });
    const pairs = pairsWithFirst([first, unanswered, better('six', 6), better('eight', 8)]);
    // McNemar's exact p of n problems that only one solves, all the same one: 2 · 2⁻ⁿ.
    expect(pairs.map(({ name, mcnemarP, correctedP }) => [name, mcnemarP, correctedP])).toEqual([
      ['six', expect.closeTo(2 ** -5, 12), expect.closeTo(2 ** -5, 12)],
      ['eight', expect.closeTo(2 ** -7, 12), expect.closeTo(2 * 2 ** -7, 12)],
    ]);
  });

  test('without answers, or without a problem in common, there is nothing to say', () => {
    const other: ComparedRun = { listing: listedRun().listing, answers: new Map([['["9","9"]', true]]) };
    expect(pairOfRuns(comparedRun([true]), { ...other, answers: null })).toBeUndefined();
    expect(pairOfRuns(comparedRun([true]), other)).toBeUndefined();
  });
});

describe('curves', () => {
  const columnsOf = (rows: readonly { readonly step: number; readonly [name: string]: number }[]) => {
    const columns = new Columns();
    for (const row of rows) columns.push({ phase: 'grpo', ...row });
    return columns;
  };
  const runs = [
    { reward: 0.5, eval_accuracy: Number.NaN },
    { reward: 0.25, kl: 1 },
  ].map((values, index) => ({
    key: String(index),
    label: `run ${index}`,
    index,
    columns: columnsOf([1, 2, 3].map((step) => ({ step, ...values }))),
  }));

  test('are of the runs that have the metric', () => {
    expect(metricNames(runs)).toEqual(['reward', 'eval_accuracy', 'kl']);
    expect(metricSeries('reward', runs).map(({ label, y }) => [label, [...y]])).toEqual([
      ['run 0', [0.5, 0.5, 0.5]],
      ['run 1', [0.25, 0.25, 0.25]],
    ]);
    expect(metricSeries('kl', runs).map(({ label }) => label)).toEqual(['run 1']);
    expect(metricSeries('eval_accuracy', runs)).toEqual([]);
  });

  test('of a metric that few steps have are of these steps alone', () => {
    const columns = columnsOf([1, 2, 3].map((step) => ({ step, accuracy: step === 2 ? 0.75 : Number.NaN })));
    const [series] = metricSeries('accuracy', [{ key: 'a', label: 'a', index: 0, columns }]);
    expect([series?.x, series?.y]).toEqual([Float64Array.of(2), Float64Array.of(0.75)]);
    expect(series?.sparse).toBe(true);
  });

  test.each([
    ['eval_accuracy', true],
    ['clip_ratio/low_mean', true],
    ['completions/clipped_ratio', true],
    ['frac_reward_zero_std', true],
    ['reward', false],
    ['kl', false],
  ])('%s is a share: %s', (name, expected) => {
    expect(isShare(name)).toBe(expected);
  });
});

test('the exported table has a row for each run, with what differs', () => {
  const accuracy = { correct: 1, total: 2, accuracy: 0.5, low: 0.1, high: 0.9 };
  const runs = [
    comparedRun([true], { id: 'a', options: { lr: 1 }, seed: 1, final: accuracy }),
    comparedRun([true], { id: 'b', options: { lr: 2 }, seed: 1 }),
  ];
  const [head = [], ...rows] = comparisonRows(compareRuns(runs));
  const cell = (row: number, name: string) => rows[row]?.[head.indexOf(name)];
  expect(rows).toHaveLength(2);
  expect([cell(0, 'run'), cell(0, 'group'), cell(0, 'lr'), cell(0, 'final')]).toEqual(['a', 'A', '1', 0.5]);
  expect([cell(1, 'run'), cell(1, 'lr'), cell(1, 'final')]).toEqual(['b', '2', undefined]);
  for (const row of rows) expect(row).toHaveLength(head.length);
});
