import { describe, expect, it } from 'vitest';
import { namedWorkers } from '../../../../app/src/run/workers/namedWorkers.ts';
import { partOf, workerCsv } from '../../../../app/src/run/workers/workerColumns.tsx';
import { TRAINER, WorkerHistory } from '../../../../app/src/run/workers/workerHistory.ts';
import { csvText } from '../../../../app/src/ui/csv.ts';
import { rowAt } from './rows.ts';

function named(...names: readonly (readonly [worker: string, name: string])[]) {
  const history = new WorkerHistory();
  history.push(names.map(([worker, name]) => rowAt(1, worker, { name })));
  return namedWorkers(history.summaries());
}

describe('namedWorkers', () => {
  it('take the names that workers give themselves, and their keys where names are the same or empty', () => {
    const workers = named(['a', 'office'], ['b', 'office'], ['c', 'attic'], ['d', ' ']);
    expect(workers.map(({ label }) => label)).toEqual(['office (a)', 'office (b)', 'attic', 'd']);
  });

  it('let no worker pass for the trainer, nor hide characters or fill the page', () => {
    const workers = named([TRAINER, 'x'], ['b', 'trainer'], ['c', '\u202etxt'], ['d', 'a'.repeat(200)]);
    expect(workers.map(({ label }) => label)).toEqual([
      ...['trainer', 'trainer (b)', '⟨U+202E⟩txt', `${'a'.repeat(39)}…`],
    ]);
  });
});

describe('the table of workers', () => {
  it('tells who is the trainer, who is banned, and who worked at the latest step', () => {
    const history = new WorkerHistory();
    history.push([rowAt(1, 'gone'), rowAt(1, 'bad', { banned: true }), rowAt(2, 'here'), rowAt(2, TRAINER)]);
    const parts = namedWorkers(history.summaries()).map((worker) => partOf(worker, 2));
    expect(parts).toEqual(['away', 'banned', 'active', 'trainer']);
  });

  it('is saved with names that no spreadsheet takes for a formula', () => {
    const [, row] = csvText(workerCsv(named(['a', '=1+1']), 1)).split('\r\n');
    expect(row).toBe("a,'=1+1,active,wasm-12345678,3,600,250,0.25,0.125,0.5,0,0,0,1,1");
  });
});
