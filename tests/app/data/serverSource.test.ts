/** Runs of a dashboard, over its own server: what pages are told is what lies on the disk, whatever breaks on the way. */
import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ServerSource } from '../../../app/src/data/serverSource.ts';
import type { Connection, RunChange } from '../../../app/src/data/source.ts';
import { dashboardApp } from '../../../src/dashboard/app.ts';
import { TestEventSource } from '../../dashboard/eventStream.ts';
import { RunDirectories, rowsTo } from '../../dashboard/runDirectories.ts';

const BASE = 'http://127.0.0.1:6160/api/';
const HOST = { host: '127.0.0.1:6160' };

let runs: RunDirectories;
let app: Hono;
let streams: TestEventSource[];
let isDown: boolean;
let isShown: boolean;
let showOrHide: (shown: boolean) => void;
let source: ServerSource;
const ends: (() => void)[] = [];

beforeEach(() => {
  runs = new RunDirectories();
  app = dashboardApp({ directory: runs.root, app: undefined });
  streams = [];
  isDown = false;
  isShown = true;
  const request = async (
    url: string,
    { headers = {} }: { headers?: Record<string, string> } = {},
  ): Promise<Response> => {
    if (isDown) throw new TypeError('fetch failed');
    return app.request(url, { headers: { ...HOST, ...headers } });
  };
  source = new ServerSource(BASE, runs.root, {
    fetch: request,
    openEvents: (url) => {
      const stream = new TestEventSource(url, request);
      streams.push(stream);
      return stream;
    },
    isShown: () => isShown,
    onShown: (on) => {
      showOrHide = (shown) => {
        isShown = shown;
        on();
      };
    },
  });
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
  for (const stream of streams) stream.close();
  runs[Symbol.dispose]();
});

/** A page that keeps the metrics as it is told of them. */
class Page {
  bytes = Buffer.alloc(0);
  readonly changes: RunChange[] = [];

  constructor(
    id: string,
    readonly start: Uint8Array = new Uint8Array(),
  ) {
    this.bytes = Buffer.from(start);
    ends.push(source.subscribe(id, start.length, (change) => this.#hear(change)));
  }

  #hear(change: RunChange): void {
    this.changes.push(change);
    if (change.type === 'cut') this.bytes = Buffer.alloc(0);
    if (change.type !== 'append') return;
    expect(change.from).toBe(this.bytes.length);
    this.bytes = Buffer.concat([this.bytes, change.bytes]);
  }
}

/** Wait until something holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}

const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

describe('a source', () => {
  it('lists the runs, and reads their files', async () => {
    runs.run('ü/a b', { rows: 3 });
    runs.write('ü/a b', { 'trace/step5.safetensors': 'abc' });
    expect((await source.list()).map(({ id, step }) => [id, step])).toEqual([['ü/a b', 3]]);
    const files = source.open('ü/a b');
    expect((await files.list()).map(({ name }) => name)).toEqual([
      'config.json',
      'metrics.jsonl',
      'trace/step5.safetensors',
    ]);
    expect(text(await files.read('trace/step5.safetensors'))).toBe('abc');
    expect(text(await files.read('trace/step5.safetensors', 2))).toBe('c');
    expect(text(await files.read('trace/step5.safetensors', 9))).toBe('');
    expect(await files.read('nothing')).toBeUndefined();
  });

  it('fails with the reason and a fix', async () => {
    await expect(async () => source.open('nowhere').list()).rejects.toThrow(
      'this run is no longer there, or never was; choose one of the list of runs',
    );
    await expect(async () => source.open('nowhere').read('config.json')).rejects.toThrow(
      /this run is no longer there/,
    );
    isDown = true;
    await expect(source.list()).rejects.toThrow(
      'the dashboard does not answer; start it again: mathformer dashboard',
    );
  });
});

describe('a page that follows a run', () => {
  it('has exactly the bytes that are there, over appends in parts, cuts and broken connections', async () => {
    const path = join(runs.run('a', { rows: 5 }), 'metrics.jsonl');
    const page = new Page('a', (await source.open('a').read('metrics.jsonl')) ?? new Uint8Array());
    const isThere = (): boolean => page.bytes.equals(readFileSync(path));
    appendFileSync(path, '{"phase":"grpo","st');
    await until(isThere);
    appendFileSync(path, 'ep":6,"time":0.5}\n{"phase":"grpo","step":7}\n');
    await until(isThere);
    streams.at(-1)?.breakOff();
    appendFileSync(path, '{"phase":"grpo","step":8}\n');
    await until(isThere);
    streams.at(-1)?.breakOff();
    // While nobody listened, the run was resumed behind fewer rows, and grew past the old end.
    truncateSync(path, 40);
    appendFileSync(path, rowsTo(30));
    await until(isThere);
    truncateSync(path, 0);
    await until(isThere);
    expect(page.changes.filter(({ type }) => type === 'cut').length).toBeGreaterThanOrEqual(2);
  });

  it('holds no connection while it is hidden, and misses nothing', async () => {
    const path = join(runs.run('a', { rows: 5 }), 'metrics.jsonl');
    const page = new Page('a');
    await until(() => page.bytes.equals(readFileSync(path)));
    showOrHide(false);
    await Promise.resolve();
    expect(streams.map(({ readyState }) => readyState)).not.toContain(1);
    appendFileSync(path, '{"phase":"grpo","step":6}\n');
    showOrHide(true);
    await until(() => page.bytes.equals(readFileSync(path)));
  });

  it('is told of files and of its listing', async () => {
    const directory = runs.run('a');
    const page = new Page('a');
    const files = () =>
      page.changes.flatMap((change) => (change.type === 'files' ? change.files.map(({ name }) => name) : []));
    await until(() => files().includes('config.json'));
    writeFileSync(join(directory, 'baseline_completions.jsonl'), '');
    await until(() => files().includes('baseline_completions.jsonl'));
    appendFileSync(join(directory, 'metrics.jsonl'), rowsTo(2));
    await until(() => page.changes.some((change) => change.type === 'listing' && change.listing.step === 2));
  });

  it('shares a stream with others, each from its own place', async () => {
    const path = join(runs.run('a', { rows: 5 }), 'metrics.jsonl');
    runs.run('b', { rows: 2 });
    const whole = readFileSync(path);
    const first = new Page('a', whole.subarray(0, 100));
    const other = new Page('b');
    await until(() => first.bytes.equals(whole) && other.bytes.length > 0);
    const second = new Page('a', whole.subarray(0, 10));
    await until(() => second.bytes.equals(whole));
    appendFileSync(path, rowsTo(1));
    await until(() => [first, second].every(({ bytes }) => bytes.length > whole.length));
    expect(first.bytes.equals(second.bytes)).toBe(true);
    expect(streams.filter(({ readyState }) => readyState !== 2)).toHaveLength(1);
  });
});

describe('the list', () => {
  it('is told of runs that come, change and go', async () => {
    let told = 0;
    ends.push(source.watch(() => told++));
    await until(() => told > 0);
    expect(await source.list()).toEqual([]);
    const directory = runs.run('a');
    const steps = async () => (await source.list()).map(({ id, step }) => `${id} ${step}`);
    const becomes = async (wanted: readonly string[]): Promise<void> => {
      while (JSON.stringify(await steps()) !== JSON.stringify(wanted))
        await new Promise((resolve) => setTimeout(resolve, 20));
    };
    await becomes(['a 1']);
    appendFileSync(join(directory, 'metrics.jsonl'), rowsTo(4));
    await becomes(['a 4']);
    rmSync(directory, { recursive: true });
    await becomes([]);
  });
});

describe('a connection', () => {
  it('tells when it breaks, and when it is back', async () => {
    const states: Connection[] = [];
    ends.push(
      source.connection((state) => states.push(state)),
      source.watch(() => {}),
    );
    await until(() => streams.at(-1)?.readyState === 1);
    isDown = true;
    streams.at(-1)?.breakOff();
    await until(() => states.at(-1) === 'reconnecting');
    isDown = false;
    await until(() => states.at(-1) === 'live');
    expect(states).toEqual(['live', 'reconnecting', 'live']);
  });

  it('ends when nobody listens any more', async () => {
    const end = source.watch(() => {});
    await until(() => streams.at(-1)?.readyState === 1);
    end();
    await until(() => streams.every(({ readyState }) => readyState === 2));
  });
});

it('keeps the later of two lists that are read at the same time', async () => {
  const answers: ((id: string) => void)[] = [];
  const listed = (id: string): Response => Response.json({ runs: [{ id, startedAt: null, modified: 0 }] });
  const slow = new ServerSource(BASE, '', {
    fetch: () => new Promise((resolve) => answers.push((id) => resolve(listed(id)))),
    openEvents: () => ({ readyState: 1, addEventListener: () => {}, close: () => {} }),
    isShown: () => true,
    onShown: () => {},
  });
  slow.watch(() => {});
  await Promise.resolve();
  const [early, late] = [slow.list(), slow.list()];
  answers[1]?.('late');
  await late;
  answers[0]?.('early');
  await early;
  expect((await slow.list()).map(({ id }) => id)).toEqual(['late']);
  expect(answers).toHaveLength(2);
});
