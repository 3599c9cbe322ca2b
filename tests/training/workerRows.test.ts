/** The figures of workers in the files of a run. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WORKERS_FILE, workersOf } from '../../src/training/runRows.ts';
import { keptWorkerRows, workerMetrics, workerRows } from '../../src/training/workerRows.ts';
import { clusterFigures, workerFigures } from './figures.ts';
import { linesOf } from './filesOf.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('workerMetrics', () => {
  it('names every figure as the metrics do, the same names at every step', () => {
    const workers = [workerFigures(), workerFigures({ worker: 'b2', banned: true, rejected: 1 })];
    expect(workerMetrics(clusterFigures({ workers, rejected: 1 }))).toEqual({
      'workers/connected': 1,
      'workers/tokens_per_second': 250,
      'workers/items': 4,
      'workers/own_items': 1,
      'workers/redelivered': 0,
      'workers/hedged': 0,
      'workers/duplicate': 0,
      'workers/rejected': 1,
      'workers/banned': 1,
      'workers/logp_difference_max': 0.001,
      'workers/logp_difference_mean': 0.0001,
      'workers/flipped_share': 0.25,
      'workers/policy_seconds_p50': 0.125,
      'workers/policy_seconds_p99': 0.5,
      'workers/bytes': 4096,
    });
  });
});

describe('workers.jsonl', () => {
  it('has a row for each worker and step, that reads as it was', () => {
    expect(WORKERS_FILE).toBe('workers.jsonl');
    const workers = [workerFigures(), workerFigures({ worker: 'trainer', name: '<b>\n', idleShare: 0 })];
    const rows = workerRows(7, clusterFigures({ workers }));
    expect(rows).toEqual(workers.map((worker) => ({ step: 7, ...worker })));
    const text = bytes(linesOf(rows));
    expect(workersOf(text)).toEqual({ rows, end: text.length, skipped: 0 });
  });

  it('is read with what is missing as empty, and without rows of nobody or no step', () => {
    const hostile = [{ step: 1 }, { worker: 'a' }, { step: -1, worker: 'a' }, { step: 1, worker: 2 }];
    const text = bytes(linesOf([...hostile, { step: 1, worker: 'a', banned: 'yes', items: '7', name: 3 }]));
    const { rows, skipped } = workersOf(text);
    expect(skipped).toBe(hostile.length);
    const none = {
      items: NaN,
      tokens: NaN,
      tokensPerSecond: NaN,
      idleShare: NaN,
      redelivered: NaN,
      duplicate: NaN,
      rejected: NaN,
      policySecondsP50: NaN,
      policySecondsP99: NaN,
    };
    expect(rows).toEqual([{ step: 1, worker: 'a', name: '', class: '', banned: false, ...none }]);
  });

  it('has no latency for a worker that used no new weights', () => {
    const worker = workerFigures({ policySecondsP50: NaN, policySecondsP99: NaN });
    const rows = workerRows(1, clusterFigures({ workers: [worker] }));
    expect(linesOf(rows)).toContain('"policySecondsP50":null,"policySecondsP99":null');
    expect(workersOf(bytes(linesOf(rows))).rows).toEqual(rows);
  });

  it('keeps the whole rows of the steps that the metrics have, wherever it is torn', () => {
    const run = fc.record({
      counts: fc.array(fc.nat(3), { maxLength: 5 }),
      kept: fc.nat(5),
      pretrained: fc.nat(2),
      at: fc.nat(),
    });
    fc.assert(
      fc.property(run, ({ counts, kept, pretrained, at }) => {
        const rows = counts.flatMap((count, i) =>
          Array.from({ length: count }, (_, worker) => ({
            step: i + 1,
            ...workerFigures({ worker: `w${worker}` }),
          })),
        );
        const metrics = [
          ...Array.from({ length: pretrained }, (_, i) => ({ phase: 'pretrain', step: 10 + i })),
          ...Array.from({ length: kept }, (_, i) => ({ phase: 'grpo', step: i + 1 })),
        ];
        const whole = bytes(linesOf(rows));
        const torn = whole.subarray(0, at % (whole.length + 1));
        const end = [...keptWorkerRows(torn, metrics)].at(-1) ?? 0;
        const isWhole = workersOf(torn).rows;
        expect(workersOf(torn.subarray(0, end)).rows).toEqual(isWhole.filter(({ step }) => step <= kept));
      }),
    );
  });
});
