import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { namedWorkers } from '../../../../app/src/run/workers/namedWorkers.ts';
import { workerCsv } from '../../../../app/src/run/workers/workerColumns.tsx';
import { TRAINER, WorkerHistory } from '../../../../app/src/run/workers/workerHistory.ts';
import { csvText } from '../../../../app/src/ui/csv.ts';
import { workersOf } from '../../../../src/training/runRows.ts';
import { rowAt } from './rows.ts';

const historyOf = (...rows: Parameters<WorkerHistory['push']>[0]): WorkerHistory => {
  const history = new WorkerHistory();
  history.push(rows);
  return history;
};

describe('WorkerHistory', () => {
  it('sums the work of each worker, with the speed of all its work and the mean of its idle shares', () => {
    const history = historyOf(
      rowAt(1, 'a', { items: 2, tokens: 100, tokensPerSecond: 100, idleShare: 0.5, duplicate: 1 }),
      rowAt(1, 'b'),
      rowAt(3, 'a', { items: 3, tokens: 300, tokensPerSecond: 100, idleShare: Number.NaN, rejected: 2 }),
      rowAt(4, 'a', { name: 'renamed', items: 0, tokens: 0, tokensPerSecond: 0, idleShare: 1, banned: true }),
    );
    expect(history.summaries()[0]).toEqual({
      ...{ worker: 'a', name: 'renamed', class: 'wasm-12345678', items: 5, tokens: 400, speed: 100 },
      ...{ redelivered: 0, policySecondsP50: 0.125, policySecondsP99: 0.5 },
      ...{ idleShare: 0.75, duplicate: 1, rejected: 2, banned: true, firstStep: 1, lastStep: 4 },
    });
    expect(history.summaries().map(({ worker }) => worker)).toEqual(['a', 'b']);
    expect([...history.steps]).toEqual([1, 3, 4]);
  });

  it('has the latencies of the steps where a worker used new weights', () => {
    const latencies = [
      [0.3, 0.4],
      [Number.NaN, Number.NaN],
      [0.1, 0.9],
      [0.2, 0.2],
    ] as const;
    const rows = latencies.map(([policySecondsP50, policySecondsP99], i) =>
      rowAt(i + 1, 'a', { policySecondsP50, policySecondsP99, redelivered: i }),
    );
    expect(historyOf(...rows).summaries()).toMatchObject([
      { policySecondsP50: 0.2, policySecondsP99: 0.9, redelivered: 6 },
    ]);
    // One slow step of two hundred is beyond the 99th percentile.
    const many = Array.from({ length: 200 }, (_, i) =>
      rowAt(i + 1, 'a', { policySecondsP99: i === 7 ? 9 : 0.25 }),
    );
    expect(historyOf(...many).summaries()).toMatchObject([{ policySecondsP99: 0.25 }]);
  });

  it('shows rows of before redelivered items and latencies were counted by worker', () => {
    const row = { step: 1, worker: 'a', name: 'old', class: 'c', items: 3, tokens: 9, tokensPerSecond: 3 };
    const line = `${JSON.stringify({ ...row, idleShare: 0.5, duplicate: 1, rejected: 0, banned: false })}\n`;
    const history = historyOf(...workersOf(new TextEncoder().encode(line)).rows);
    expect(history.summaries()).toMatchObject([
      { name: 'old', items: 3, duplicate: 1, redelivered: Number.NaN, policySecondsP50: Number.NaN },
    ]);
    expect(csvText(workerCsv(namedWorkers(history.summaries()), 1))).toContain(
      'a,old,active,c,3,9,3,0.5,,,,1,0,1,1',
    );
  });

  it('has a gap where a worker did not take part', () => {
    const history = historyOf(
      rowAt(1, 'a', { tokensPerSecond: 5 }),
      rowAt(2, 'b'),
      rowAt(3, 'a', { tokensPerSecond: 7 }),
    );
    expect([...history.curve('a', 'tokensPerSecond')]).toEqual([5, Number.NaN, 7]);
    expect([...history.curve('nobody', 'idleShare')]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });

  it('has no speed where a worker had no item', () => {
    const history = historyOf(rowAt(1, 'a', { items: 0, tokens: 0, tokensPerSecond: 0, idleShare: 1 }));
    expect([...history.curve('a', 'tokensPerSecond')]).toEqual([Number.NaN]);
    expect([...history.curve('a', 'idleShare')]).toEqual([1]);
  });

  it('has the spread of the workers, the trainer left out', () => {
    const speeds = [30, 10, 20, 60];
    const history = historyOf(
      ...speeds.slice(0, 3).map((tokensPerSecond, i) => rowAt(1, `w${i}`, { tokensPerSecond })),
      rowAt(1, TRAINER, { tokensPerSecond: 1000 }),
      ...speeds.map((tokensPerSecond, i) => rowAt(2, `w${i}`, { tokensPerSecond })),
      rowAt(3, TRAINER),
      rowAt(4, 'w0', { tokensPerSecond: Number.NaN }),
    );
    const { median, low, high } = history.spread('tokensPerSecond');
    expect([...median]).toEqual([20, 25, Number.NaN, Number.NaN]);
    expect([...low]).toEqual([10, 10, Number.NaN, Number.NaN]);
    expect([...high]).toEqual([30, 60, Number.NaN, Number.NaN]);
  });

  it('leaves out rows that go back in time, and holds together for any rows in any pieces', () => {
    const some = fc.array(
      fc.record({
        step: fc.nat(6),
        worker: fc.constantFrom('a', 'b', TRAINER, '__proto__'),
        items: fc.nat(9),
      }),
    );
    fc.assert(
      fc.property(some, fc.nat(), (values, at) => {
        const rows = values.map(({ step, worker, items }) => rowAt(step, worker, { items }));
        const cut = at % (rows.length + 1);
        const history = new WorkerHistory();
        history.push(rows.slice(0, cut));
        history.push(rows.slice(cut));
        let last = 0;
        const kept = rows.filter(({ step }) => {
          if (step < last) return false;
          last = step;
          return true;
        });
        expect([...history.steps]).toEqual([...new Set(kept.map(({ step }) => step))]);
        const sum = (items: readonly { readonly items: number }[]) =>
          items.reduce((total, one) => total + one.items, 0);
        expect(sum(history.summaries())).toBe(sum(kept));
      }),
    );
  });
});
