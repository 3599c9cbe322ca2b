import { describe, expect, it } from 'vitest';
import { Columns } from '../../../../app/src/data/columns.ts';
import {
  accuracyPoints,
  accuracySeries,
  chartSeries,
  shortNames,
} from '../../../../app/src/run/overview/chartSeries.ts';
import { PHASES } from '../../../../app/src/run/overview/chartSpecs.ts';

function columnsOf(rows: readonly object[]): Columns {
  const columns = new Columns();
  for (const [i, row] of rows.entries()) columns.push({ ...row, phase: 'grpo', step: i + 1 });
  return columns;
}

const specOf = (key: string) => {
  const spec = PHASES.flatMap(({ charts }) => [...charts]).findLast((chart) => chart.key === key);
  if (!spec) throw new Error(`no chart ${key}`);
  return spec;
};

const one = columnsOf([{ reward: 0.1, reward_std: 0.2 }, { reward: 0.3 }]);
const other = columnsOf([{ reward: 1, num_tokens: 300, step_time: 2 }]);
const named = (label: string, columns: Columns, index: number) => ({
  key: `server/${label}`,
  label,
  columns,
  index,
});

describe('chartSeries', () => {
  it('draws all lines of one run, without those that it does not have', () => {
    const series = chartSeries(specOf('reward'), [named('a', one, 0)]);
    expect(series.map(({ label, y }) => [label, [...y]])).toEqual([
      ['reward', [0.1, 0.3]],
      ['deviation', [0.2, Number.NaN]],
    ]);
    expect(chartSeries(specOf('kl'), [named('a', one, 0)])).toEqual([]);
  });

  it('draws the first line of each of several runs, each in the look of its place', () => {
    const series = chartSeries(specOf('reward'), [named('a', one, 0), named('b', other, 2)]);
    expect(series.map(({ label, style }) => [label, style.colour])).toEqual([
      ['a', 'series-1'],
      ['b', 'series-3'],
    ]);
  });

  it('computes tokens per second, and draws lengths with their range', () => {
    expect([...(chartSeries(specOf('speed'), [named('b', other, 0)])[0]?.y ?? [])]).toEqual([150]);
    const lengths = columnsOf([
      { 'completions/mean_length': 4, 'completions/min_length': 2, 'completions/max_length': 9 },
    ]);
    const [series] = chartSeries(specOf('length'), [named('a', lengths, 0)]);
    expect(series?.interval).toEqual({ low: Float64Array.of(2), high: Float64Array.of(9) });
  });
});

describe('accuracies', () => {
  const columns = columnsOf([{}, { eval_accuracy: 0.5 }, {}]);
  const before = { accuracy: 0.4, low: 0.3, high: 0.5 };
  const after = { accuracy: 0.6, low: 0.5, high: 0.7 };

  it('begin with the baseline and end with the final evaluation', () => {
    const points = accuracyPoints(columns, { baseline: before, final: after, total: null });
    expect(points).toEqual([
      { step: 0, ...before },
      { step: 2, accuracy: 0.5, low: Number.NaN, high: Number.NaN },
      { step: 3, ...after },
    ]);
    expect([...(accuracySeries('a', 'a', 0, points)?.x ?? [])]).toEqual([0, 2, 3]);
  });

  it('have Wilson’s interval where the number of problems is known', () => {
    // Wilson (1927) for 50 of 100: (0.5 + z²/200 ± z √(0.25/100 + z²/40000)) / (1 + z²/100), z = 1.959964.
    const [point] = accuracyPoints(columns, { baseline: null, final: null, total: 100 });
    expect(point?.low).toBeCloseTo(0.4038, 4);
    expect(point?.high).toBeCloseTo(0.5962, 4);
  });

  it('have no series without points, and no second point at the last step', () => {
    expect(accuracySeries('a', 'a', 0, [])).toBeUndefined();
    const evaluated = columnsOf([{ eval_accuracy: 0.6 }]);
    expect(accuracyPoints(evaluated, { baseline: null, final: after, total: null })).toHaveLength(1);
  });
});

describe('shortNames', () => {
  it.each([
    [
      ['sums/seed1', 'sums/seed2'],
      ['seed1', 'seed2'],
    ],
    [
      ['a/x', 'b/x'],
      ['a/x', 'b/x'],
    ],
    [['runs/a'], ['a']],
    [
      ['a', 'a/b'],
      ['a', 'a/b'],
    ],
  ])('of %j are %j', (ids, names) => expect(shortNames(ids)).toEqual(names));
});
