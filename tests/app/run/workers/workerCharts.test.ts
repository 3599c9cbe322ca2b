import { describe, expect, it } from 'vitest';
import { Columns } from '../../../../app/src/data/columns.ts';
import { chartSeries } from '../../../../app/src/run/overview/chartSeries.ts';
import { namedWorkers } from '../../../../app/src/run/workers/namedWorkers.ts';
import { CLUSTER_CHARTS, MOST_LINES, workerSeries } from '../../../../app/src/run/workers/workerCharts.ts';
import { TRAINER, WorkerHistory } from '../../../../app/src/run/workers/workerHistory.ts';
import { latestFigure, workerTotals } from '../../../../app/src/run/workers/workerTotals.ts';
import { workerMetrics } from '../../../../src/training/workerRows.ts';
import { clusterFigures } from '../../../training/figures.ts';
import { rowAt } from './rows.ts';

function seriesOf(count: number, chosen?: string) {
  const history = new WorkerHistory();
  for (const step of [1, 2]) {
    history.push(
      Array.from({ length: count }, (_, i) =>
        rowAt(step, i === 0 ? TRAINER : `w${i}`, { tokensPerSecond: 10 * i }),
      ),
    );
  }
  return workerSeries(history, namedWorkers(history.summaries()), 'tokensPerSecond', chosen);
}

describe('workerSeries', () => {
  it('draws a line for each of a few workers, each in a look of its own', () => {
    const series = seriesOf(MOST_LINES);
    expect(series.map(({ key }) => key)).toEqual([
      'worker trainer',
      ...[1, 2, 3, 4, 5, 6, 7].map((i) => `worker w${i}`),
    ]);
    expect(new Set(series.map(({ style }) => style)).size).toBe(MOST_LINES);
    expect([...(series[3]?.y ?? [])]).toEqual([30, 30]);
  });

  it('draws the spread of many, the trainer, and the chosen one', () => {
    expect(seriesOf(1001).map(({ label }) => label)).toEqual(['median of workers', 'trainer']);
    const [spread, , chosen] = seriesOf(1001, 'w7');
    expect([spread?.y[0], spread?.interval?.low[0], spread?.interval?.high[0]]).toEqual([5005, 10, 10_000]);
    expect([chosen?.key, chosen?.y[1]]).toEqual(['worker w7', 70]);
    expect(seriesOf(1001, TRAINER)).toHaveLength(2);
    expect(seriesOf(1001, 'nobody')).toHaveLength(2);
  });
});

describe('the figures of all work', () => {
  const columns = new Columns();
  columns.push({ phase: 'grpo', step: 1, loss: 1 });
  columns.push({
    phase: 'grpo',
    step: 2,
    ...workerMetrics(clusterFigures({ policySecondsP50: 0.5, redelivered: 2 })),
  });
  columns.push({
    phase: 'grpo',
    step: 3,
    ...workerMetrics(clusterFigures({ items: 8, ownItems: 1, policySecondsP50: Number.NaN })),
  });
  columns.push({ phase: 'grpo', step: 4, loss: 1 });

  it('are summed over the steps that have them', () => {
    expect(workerTotals(columns)).toEqual({
      ...{
        items: 12,
        ownItems: 2,
        redelivered: 2,
        hedged: 0,
        duplicate: 0,
        rejected: 0,
        bytes: 8192,
        steps: 2,
      },
    });
    expect(workerTotals(undefined)).toMatchObject({ items: Number.NaN, steps: 0 });
    expect(latestFigure(columns, 'policy_seconds_p50')).toBe(0.5);
    expect(latestFigure(columns, 'none')).toBe(Number.NaN);
  });

  it('are drawn under the names that the metrics have', () => {
    const runs = [{ key: 'server/a', label: 'a', columns, index: 0 }];
    const drawn = CLUSTER_CHARTS.map((spec) => [spec.key, ...chartSeries(spec, runs).map(({ y }) => y[2])]);
    expect(drawn).toEqual([
      ['speed', 250],
      ['own', 1 / 8],
      ['connected', 1],
      ['policy', Number.NaN, 0.5],
      ['repeated', 0, 0, 0, 0],
      ['bytes', 0.004096],
    ]);
  });
});
