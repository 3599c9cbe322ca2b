/** Metrics in three formats: their content, and no lost or repeated row after resuming. */
import fs, {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FileError } from '../../../src/runs/fileError.ts';
import { MetricsSink, type MetricsSinkOptions } from '../../../src/runs/metrics/index.ts';
import { workersOf } from '../../../src/training/runRows.ts';
import type { MetricsRow, WorkerRow } from '../../../src/training/store.ts';
import { workerFigures } from '../../training/figures.ts';
import { readEvents } from './eventFile.ts';

let parent: string;
beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), 'mathformer-metrics-'));
});
afterAll(() => rmSync(parent, { recursive: true }));

const EVENTS = join('tensorboard', 'events.out.tfevents.mathformer');

/** A new directory for every run. */
class Place {
  readonly directory = mkdtempSync(join(parent, 'run-'));
  readonly csv = join(this.directory, 'csv', 'metrics.csv');
  readonly paths = [join(this.directory, 'metrics.jsonl'), this.csv, join(this.directory, EVENTS)] as const;

  open(options: Partial<MetricsSinkOptions> = {}): MetricsSink {
    return new MetricsSink({ directory: this.directory, csv: this.csv, tensorboard: true, ...options });
  }

  write(rows: readonly MetricsRow[], options: Partial<MetricsSinkOptions> = {}): void {
    using sink = this.open(options);
    for (const row of rows) sink.log(row);
  }

  bytes(): Buffer[] {
    return this.paths.map((path) => readFileSync(path));
  }

  /** Return the content that must not depend on interruptions: the files, without the times of events. */
  contents() {
    const [jsonl, csv, events] = this.bytes();
    const timeless = readEvents(events).map((event) => ({ ...event, wallTime: 0 }));
    return { jsonl: jsonl.toString(), csv: csv.toString(), events: timeless };
  }
}

function failure(work: () => unknown): FileError {
  try {
    work();
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

const names = fc.constantFrom('loss', 'clip_ratio/low', 'a "quoted", name', 'line\nbreak', 'Größe', 'note');
const metric = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constant(null),
  fc.constantFrom('', 'plain', 'a,b', '"', 'two\nlines', '\r\n', 'é€😀'),
);
const runs = fc.array(
  fc.tuple(fc.constantFrom('pretrain', 'grpo'), fc.dictionary(names, metric, { maxKeys: 4 })),
  { maxLength: 8 },
);
const rowsOf = (run: readonly (readonly [string, Record<string, number | string | null>])[]): MetricsRow[] =>
  run.map(([phase, metrics], i) => ({ phase, step: i + 1, ...metrics }));

describe('rows', () => {
  it('stand in JSON lines as they are, in CSV by the columns of the first, in events by phase', () => {
    const place = new Place();
    const before = Date.now() / 1000;
    place.write([
      { phase: 'pretrain', step: 1, loss: 0.5, note: 'a,b', eval_accuracy: null },
      { phase: 'grpo', step: 1, loss: 0.25, reward: Number.NaN, kl: 1e39 },
    ]);
    const { jsonl, csv, events } = place.contents();
    expect(jsonl).toBe(
      '{"phase":"pretrain","step":1,"loss":0.5,"note":"a,b","eval_accuracy":null}\n' +
        '{"phase":"grpo","step":1,"loss":0.25,"reward":null,"kl":1e+39}\n',
    );
    expect(csv).toBe('phase,step,loss,note,eval_accuracy\npretrain,1,0.5,"a,b",\ngrpo,1,0.25,,\n');
    expect(events).toEqual([
      { wallTime: 0, step: 0, version: 'brain.Event:2', scalars: {} },
      { wallTime: 0, step: 1, version: null, scalars: { 'pretrain/loss': 0.5 } },
      { wallTime: 0, step: 1, version: null, scalars: { 'grpo/loss': 0.25 } },
    ]);
    for (const { wallTime } of readEvents(readFileSync(join(place.directory, EVENTS)))) {
      expect(wallTime).toBeGreaterThanOrEqual(before);
      expect(wallTime).toBeLessThanOrEqual(Date.now() / 1000);
    }
  });

  it('what is no finite number is empty in CSV, as it is null in JSON', () => {
    const place = new Place();
    place.write([
      { phase: 'grpo', step: 1, kl: Number.NaN, loss: Number.POSITIVE_INFINITY },
      { phase: 'grpo', step: 2, kl: 0.5, loss: -0 },
    ]);
    const { jsonl, csv } = place.contents();
    expect(csv).toBe('phase,step,kl,loss\ngrpo,1,,\ngrpo,2,0.5,0\n');
    expect(jsonl.split('\n')[0]).toBe('{"phase":"grpo","step":1,"kl":null,"loss":null}');
  });

  it('every finite number is an event scalar, to 32 bits', () => {
    const property = fc.property(runs, (run) => {
      const rows = rowsOf(run);
      const place = new Place();
      place.write(rows);
      const { events } = place.contents();
      const expected = rows.map(({ phase, step, ...metrics }) => ({
        step,
        scalars: Object.fromEntries(
          Object.entries(metrics)
            .map(([name, value]) => [
              `${phase}/${name}`,
              typeof value === 'number' ? Math.fround(value) : NaN,
            ])
            .filter(([, value]) => Number.isFinite(value)),
        ),
      }));
      expect(events.slice(1).map(({ step, scalars }) => ({ step, scalars }))).toEqual(expected);
    });
    fc.assert(property, { numRuns: 30 });
  });

  it('are on the disk whole as soon as log returns, counted, and can be synced', () => {
    const place = new Place();
    using sink = place.open();
    sink.sync();
    expect([sink.rows, ...place.bytes().map(({ length }) => length)]).toEqual([0, 0, 0, 0]);
    sink.log({ phase: 'grpo', step: 1, loss: 1 });
    sink.sync();
    expect(sink.rows).toBe(1);
    expect(place.contents().events).toHaveLength(2);
  });
});

describe('the disk', () => {
  const { writeSync, fsyncSync } = fs;
  afterEach(() => {
    Object.assign(fs, { writeSync, fsyncSync });
    syncBuiltinESMExports();
  });

  it('gets a row in as many parts as it takes', () => {
    const rows = rowsOf([
      ['grpo', { loss: 1, note: 'é€😀' }],
      ['grpo', { loss: 2, note: null }],
    ]);
    const whole = new Place();
    whole.write(rows);
    fs.writeSync = ((descriptor: number, bytes: Uint8Array, offset: number, length: number, at: number) =>
      writeSync(descriptor, bytes, offset, Math.min(length, 3), at)) as typeof fs.writeSync;
    syncBuiltinESMExports();
    const place = new Place();
    place.write(rows);
    expect(place.contents()).toEqual(whole.contents());
  });

  it('has every file when sync returns, and at first the names of all in their directories', () => {
    const synced: number[] = [];
    fs.fsyncSync = (descriptor) => {
      synced.push(fs.fstatSync(descriptor).ino);
      fsyncSync(descriptor);
    };
    syncBuiltinESMExports();
    const place = new Place();
    using sink = place.open();
    const inodes = (paths: readonly string[]) => paths.map((path) => fs.statSync(path).ino).sort();
    sink.sync();
    const directories = process.platform === 'win32' ? [] : place.paths.map((path) => dirname(path));
    expect(synced.splice(0).sort()).toEqual(inodes([...place.paths, ...directories]));
    sink.log({ phase: 'grpo', step: 1, loss: 1 });
    expect(synced).toEqual([]);
    sink.sync();
    expect(synced.sort()).toEqual(inodes(place.paths));
  });

  it.each([0, 1, 2])('that is full in the middle of a row of file %d leaves whole rows only', (file) => {
    const place = new Place();
    using sink = place.open();
    sink.log({ phase: 'grpo', step: 1, loss: 1 });
    const before = place.bytes();
    let calls = 0;
    fs.writeSync = ((descriptor: number, bytes: Uint8Array, offset: number, length: number, at: number) => {
      // A part still fits, then nothing.
      if (calls++ <= file) return writeSync(descriptor, bytes, offset, calls <= file ? length : 5, at);
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    }) as typeof fs.writeSync;
    syncBuiltinESMExports();
    const error = failure(() => sink.log({ phase: 'grpo', step: 2, loss: 2 }));
    expect(error).toMatchObject({ code: 'DISK_FULL', where: place.paths[file] });
    expect(calls).toBe(file + 2);
    expect(sink.rows).toBe(1);
    expect(place.bytes().slice(file)).toEqual(before.slice(file));
  });
});

describe('resuming', () => {
  it('after any crash gives what a run without a crash gives', () => {
    const crash = fc.record({
      kept: fc.nat(),
      // Where each file was torn behind the rows that were synced, and what the disk made of the rest.
      torn: fc.tuple(fc.nat(), fc.nat(), fc.nat()),
      garbage: fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 3, maxLength: 3 }),
    });
    const property = fc.property(runs, fc.array(crash, { minLength: 1, maxLength: 3 }), (run, crashes) => {
      const rows = rowsOf(run);
      const unbroken = new Place();
      unbroken.write(rows);
      const place = new Place();
      let resume: { rows: number } | undefined;
      for (const { kept, torn, garbage } of crashes) {
        const from = resume?.rows ?? 0;
        const next = from + (kept % (rows.length - from + 1));
        let synced: Buffer[];
        {
          using sink = place.open({ resume });
          for (const row of rows.slice(from, next)) sink.log(row);
          sink.sync();
          synced = place.bytes();
          for (const row of rows.slice(next)) sink.log(row);
        }
        for (const [i, path] of place.paths.entries()) {
          const all = readFileSync(path);
          const end = synced[i].length + (torn[i] % (all.length - synced[i].length + 1));
          writeFileSync(path, Buffer.concat([all.subarray(0, end), garbage[i]]));
        }
        resume = { rows: next };
      }
      using sink = place.open({ resume });
      expect(sink.rows).toBe(resume?.rows);
      for (const row of rows.slice(sink.rows)) sink.log(row);
      expect(sink.rows).toBe(rows.length);
      expect(place.contents()).toEqual(unbroken.contents());
    });
    fc.assert(property, { numRuns: 25 });
  });

  it('refuses files with fewer rows than wanted, naming the file, and changes none', () => {
    const cut = fc.record({ wanted: fc.nat(), file: fc.nat(2), length: fc.nat() });
    const property = fc.property(
      runs.filter(({ length }) => length > 0),
      cut,
      (run, { wanted, file, length }) => {
        const rows = rowsOf(run);
        const place = new Place();
        const ends: number[] = [];
        {
          using sink = place.open();
          for (const row of rows) {
            sink.log(row);
            ends.push(readFileSync(place.paths[file]).length);
          }
        }
        const keep = 1 + (wanted % rows.length);
        const end = length % ends[keep - 1];
        truncateSync(place.paths[file], end);
        const before = place.bytes();
        const error = failure(() => place.open({ resume: { rows: keep } }));
        expect(error).toMatchObject({ code: 'ROWS_MISSING', where: place.paths[file] });
        const found = ends.filter((rowEnd) => rowEnd <= end).length;
        expect(error.message).toContain(`it has ${found} whole rows of metrics, but ${keep} were written`);
        expect(place.bytes()).toEqual(before);
      },
    );
    fc.assert(property, { numRuns: 40 });
  });

  it('notices damage where the format can tell: a changed byte of an event, a line that is no JSON', () => {
    const place = new Place();
    place.write(
      rowsOf([
        ['grpo', { loss: 1 }],
        ['grpo', { loss: 2 }],
        ['grpo', { loss: 3 }],
      ]),
    );
    const [jsonl, , events] = place.paths;
    const good = readFileSync(events);
    const property = fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bad = Buffer.from(good);
      bad[at] ^= change;
      writeFileSync(events, bad);
      const error = failure(() => place.open({ resume: { rows: 3 } }));
      expect(error).toMatchObject({ code: 'ROWS_MISSING', where: events });
      expect(error.fix).toContain('without --tensorboard');
    });
    fc.assert(property, { numRuns: 40 });
    writeFileSync(events, good);
    writeFileSync(jsonl, readFileSync(jsonl, 'utf8').replace('"loss":2', '"loss"\0\0'));
    expect(failure(() => place.open({ resume: { rows: 3 } })).message).toContain('it has 1 whole rows');
  });

  it('takes for a row of JSON lines what is an object, and nothing else', () => {
    for (const other of ['7', 'null', '[1]', '"text"', '', '{']) {
      const place = new Place();
      place.write(rowsOf([['grpo', { loss: 1 }]]));
      const [jsonl] = place.paths;
      writeFileSync(jsonl, `${readFileSync(jsonl, 'utf8')}${other}\n`);
      const error = failure(() => place.open({ resume: { rows: 2 } }));
      expect(error).toMatchObject({ code: 'ROWS_MISSING', where: jsonl });
      expect(error.message).toContain('it has 1 whole rows of metrics, but 2 were written');
      expect(error.fix).toContain('put a copy back');
    }
  });

  it('makes a CSV file that is missing from the JSON lines, and refuses one with other rows', () => {
    const place = new Place();
    const rows = rowsOf([
      ['grpo', { loss: 1 }],
      ['grpo', { loss: 2 }],
    ]);
    place.write(rows);
    const before = readFileSync(place.csv, 'utf8');
    unlinkSync(place.csv);
    place.write([], { resume: { rows: 2 } });
    expect(readFileSync(place.csv, 'utf8')).toBe(before);
    rmSync(dirname(place.csv), { recursive: true });
    place.write(rows.slice(1), { resume: { rows: 1 } });
    expect(readFileSync(place.csv, 'utf8')).toBe(before);
    const other = before.replace('1,1', '1,7');
    writeFileSync(place.csv, other);
    const error = failure(() => place.open({ resume: { rows: 2 } }));
    expect(error).toMatchObject({ code: 'ROWS_MISSING', where: place.csv });
    expect(error.message).toContain('its rows of metrics are not those of this run');
    expect(error.fix).toContain('--log_csv');
    expect(readFileSync(place.csv, 'utf8')).toBe(other);
  });

  it('without a file: refused, but at row 0 it is made', () => {
    const place = new Place();
    place.write(rowsOf([['grpo', { loss: 1 }]]), { tensorboard: false });
    const error = failure(() => place.open({ resume: { rows: 1 } }));
    expect(error).toMatchObject({ code: 'ROWS_MISSING', where: place.paths[2] });
    expect(readdirSync(place.directory).sort()).toEqual(['csv', 'metrics.jsonl']);
    unlinkSync(place.csv);
    place.write(rowsOf([['grpo', { loss: 2 }]]), { resume: { rows: 0 } });
    expect(place.contents().csv).toBe('phase,step,loss\ngrpo,1,2\n');
  });

  it('refuses a number of rows that is none', () => {
    expect(() => new Place().open({ resume: { rows: -1 } })).toThrow('rows: got -1');
  });
});

describe('a new sink', () => {
  it.each([0, 1, 2])('overwrites nothing, and leaves nothing behind when file %d exists', (file) => {
    const other = new Place();
    const paths = ['metrics.jsonl', 'metrics.csv', EVENTS].map((name) => join(other.directory, name));
    other.write([], { csv: paths[1] });
    for (const [i, path] of paths.entries()) if (i !== file) rmSync(path);
    writeFileSync(paths[file], 'precious');
    const before = readdirSync(other.directory);
    expect(failure(() => other.open({ csv: paths[1] })).code).toBe('ALREADY_EXISTS');
    expect(readFileSync(paths[file], 'utf8')).toBe('precious');
    expect(readdirSync(other.directory)).toEqual(before);
  });

  it('writes JSON lines alone unless asked for more, and nothing once it is disposed of', () => {
    const directory = mkdtempSync(join(parent, 'run-'));
    const sink = new MetricsSink({ directory });
    sink.log({ phase: 'grpo', step: 1 });
    sink[Symbol.dispose]();
    expect(readdirSync(directory)).toEqual(['metrics.jsonl']);
    expect(() => sink.log({ phase: 'grpo', step: 2 })).toThrow(FileError);
  });

  it('leaves directories as they were when a file cannot be made', () => {
    const place = new Place();
    const logs = join(place.directory, 'logs');
    const csv = join(logs, 'x'.repeat(300));
    expect(failure(() => place.open({ csv })).where).toBe(csv);
    expect(readdirSync(place.directory)).toEqual([]);
    fs.mkdirSync(logs);
    expect(failure(() => place.open({ csv })).where).toBe(csv);
    expect(readdirSync(place.directory)).toEqual(['logs']);
    const sink = place.open({ csv: join(logs, 'a.csv') });
    sink.discard();
    expect(readdirSync(place.directory)).toEqual(['logs']);
    expect(readdirSync(logs)).toEqual([]);
  });

  it('follows no link in its own directory, but one on the way to a file elsewhere', () => {
    const [place, elsewhere] = [new Place(), new Place()];
    fs.symlinkSync(elsewhere.directory, join(place.directory, 'tensorboard'));
    expect(failure(() => place.open()).code).toBe('NOT_A_FILE');
    expect(readdirSync(elsewhere.directory)).toEqual([]);
    const link = join(parent, 'link');
    fs.symlinkSync(elsewhere.directory, link);
    place.open({ csv: join(link, 'a.csv'), tensorboard: false })[Symbol.dispose]();
    expect(readdirSync(elsewhere.directory)).toEqual(['a.csv']);
  });

  it('discards what it made', () => {
    const place = new Place();
    place.open().discard();
    expect(readdirSync(place.directory)).toEqual([]);
    expect(existsSync(place.csv)).toBe(false);
  });
});

describe('rows of workers', () => {
  const fileOf = ({ directory }: Place) => join(directory, 'workers.jsonl');
  const workersAt = (step: number, count: number): WorkerRow[] =>
    Array.from({ length: count }, (_, i) => ({
      step,
      ...workerFigures({
        worker: `w${i}`,
        items: step,
        tokensPerSecond: step / 2,
        duplicate: 2,
        idleShare: Number.NaN,
      }),
    }));

  it('stand in a file of their own, and in events by worker; a file without any is not made', () => {
    const place = new Place();
    using sink = place.open();
    sink.log({ phase: 'grpo', step: 1, loss: 1 });
    sink.log({ phase: 'grpo', step: 2, loss: 2 }, []);
    expect(existsSync(fileOf(place))).toBe(false);
    sink.log({ phase: 'grpo', step: 3, loss: 3 }, workersAt(3, 2));
    sink.sync();
    expect(workersOf(readFileSync(fileOf(place))).rows).toEqual(workersAt(3, 2));
    const { events, csv, jsonl } = place.contents();
    expect(events.at(-1)?.scalars).toEqual({
      'grpo/loss': 3,
      'workers/w0/tokens_per_second': 1.5,
      'workers/w0/items': 3,
      ...{ 'workers/w0/redelivered': 0, 'workers/w0/duplicate': 2, 'workers/w0/rejected': 0 },
      ...{ 'workers/w0/policy_seconds_p50': 0.125, 'workers/w0/policy_seconds_p99': 0.5 },
      'workers/w1/tokens_per_second': 1.5,
      'workers/w1/items': 3,
      ...{ 'workers/w1/redelivered': 0, 'workers/w1/duplicate': 2, 'workers/w1/rejected': 0 },
      ...{ 'workers/w1/policy_seconds_p50': 0.125, 'workers/w1/policy_seconds_p99': 0.5 },
    });
    expect(`${csv}${jsonl}`).not.toContain('w0');
  });

  it('are cut to the steps of the metrics after any crash, also by a session without workers', () => {
    const crash = fc.record({
      counts: fc.array(fc.nat(3), { minLength: 1, maxLength: 5 }),
      kept: fc.nat(),
      torn: fc.nat(),
      garbage: fc.uint8Array({ maxLength: 20 }),
      counts2: fc.array(fc.nat(3), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(crash, ({ counts, kept, torn, garbage, counts2 }) => {
        const place = new Place();
        const rows = kept % (counts.length + 1);
        let synced = 0;
        {
          using sink = place.open();
          for (const [i, count] of counts.entries()) {
            sink.log({ phase: 'grpo', step: i + 1 }, workersAt(i + 1, count));
            sink.sync();
            if (i + 1 === rows && existsSync(fileOf(place))) synced = readFileSync(fileOf(place)).length;
          }
        }
        if (existsSync(fileOf(place))) {
          const all = readFileSync(fileOf(place));
          const end = synced + (torn % (all.length - synced + 1));
          writeFileSync(fileOf(place), Buffer.concat([all.subarray(0, end), garbage]));
        }
        {
          using sink = place.open({ resume: { rows } });
          for (const [i, count] of counts2.entries()) {
            sink.log({ phase: 'grpo', step: rows + i + 1 }, workersAt(rows + i + 1, count));
          }
        }
        const all = [...counts.slice(0, rows), ...counts2];
        const expected = all.flatMap((count, i) => workersAt(i + 1, count));
        const bytes = existsSync(fileOf(place)) ? readFileSync(fileOf(place)) : new Uint8Array();
        expect(workersOf(bytes)).toEqual({ rows: expected, end: bytes.length, skipped: 0 });
      }),
      { numRuns: 60 },
    );
  });

  it('are not written through a link', () => {
    const [place, elsewhere] = [new Place(), new Place()];
    place.write([{ phase: 'grpo', step: 1 }]);
    writeFileSync(join(elsewhere.directory, 'precious'), 'precious');
    fs.symlinkSync(join(elsewhere.directory, 'precious'), fileOf(place));
    expect(failure(() => place.open({ resume: { rows: 1 } })).code).toBe('NOT_A_FILE');
    expect(readFileSync(join(elsewhere.directory, 'precious'), 'utf8')).toBe('precious');
  });
});
