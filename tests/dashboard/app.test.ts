/** The server of a dashboard: whom it answers, and with what. No port is opened. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { dashboardApp } from '../../src/dashboard/app.ts';
import { RunLock } from '../../src/runs/lock.ts';
import type { ListedFile } from '../../src/training/runFiles.ts';
import type { RunListing } from '../../src/training/runListing.ts';
import { configWith, RunDirectories, rowsTo } from './runDirectories.ts';

let runs: RunDirectories;
let pages: string;
let app: Hono;
beforeEach(() => {
  runs = new RunDirectories();
  pages = mkdtempSync(join(tmpdir(), 'mathformer-pages-'));
  writeFileSync(join(pages, 'index.html'), '<!doctype html><title>pages</title>');
  mkdirSync(join(pages, 'assets'));
  writeFileSync(join(pages, 'assets/index-abc.js'), 'export {};');
  writeFileSync(join(runs.root, 'secret'), 'secret');
  app = dashboardApp({ directory: runs.root, app: pages });
});
afterEach(() => {
  runs[Symbol.dispose]();
  rmSync(pages, { recursive: true });
});

const HOST = { host: '127.0.0.1:6160' };
const get = (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
  app.request(path, { headers: { ...HOST, ...headers }, method });
/** An answer in JSON, of which a test says what it expects. */
interface Answer {
  readonly directory: string;
  readonly runs: readonly RunListing[];
  readonly run: RunListing;
  readonly files: readonly ListedFile[];
  readonly error?: { readonly code: string; readonly problem: string; readonly fix: string };
}
const parsed = async (answer: Response): Promise<Answer> => JSON.parse(await answer.text());
const json = async (path: string): Promise<Answer> => parsed(await get(path));

describe('the list of runs', () => {
  it('has all that are there, the latest first', async () => {
    expect(await json('/api/runs')).toEqual({ directory: runs.root, runs: [] });
    const late = configWith({ seed: 2 }, { startedAt: '2026-03-02T00:00:00.000Z' });
    runs = fresh();
    runs.run('a/early', { options: { seed: 1 } });
    runs.write('late', { 'config.json': late, 'metrics.jsonl': rowsTo(2) });
    runs.write('torn', { 'config.json': '{', 'metrics.jsonl': '' });
    app = dashboardApp({ directory: runs.root, app: pages });
    const { runs: listed } = await json('/api/runs');
    expect(listed.map((run) => run.id)).toEqual(['torn', 'late', 'a/early']);
    expect(listed[0]).toMatchObject({ state: 'unreadable', problem: expect.stringContaining('is not JSON') });
    expect(listed[1]).toMatchObject({ state: 'stopped', seed: 2, step: 2, reward: 0.1 });
  });

  it('says that a run is in training only while a process holds its lock', async () => {
    const directory = runs.run('live');
    const lock = new RunLock(directory);
    const stateNow = async () => {
      app = dashboardApp({ directory: runs.root, app: pages });
      const { runs: listed } = await json('/api/runs');
      return listed[0]?.state;
    };
    expect(await stateNow()).toBe('training');
    lock[Symbol.dispose]();
    expect(await stateNow()).toBe('stopped');
    writeFileSync(join(directory, 'lock'), 'elsewhere 1 0f0e0d0c\n');
    expect(await stateNow()).toBe('stopped');
  });

  it('takes 300 runs of 10,000 rows, of which it reads the ends', async () => {
    const rows = rowsTo(10_000);
    for (let i = 0; i < 300; i++) {
      runs.write(`run ${i}`, {
        'config.json': configWith({ seed: i }),
        'metrics.jsonl': i < 3 ? rows : rows.slice(-20_000),
      });
    }
    const { runs: listed } = await json('/api/runs');
    expect(listed).toHaveLength(300);
    expect(new Set(listed.map((run) => run.step))).toEqual(new Set([10_000]));
  });

  it('of a directory that is a run has that run', async () => {
    const directory = runs.run('only');
    app = dashboardApp({ directory, app: pages });
    expect((await json('/api/runs')).runs.map((run) => run.id)).toEqual(['only']);
    expect((await get('/api/runs/only/files/config.json')).status).toBe(200);
  });

  it('is an error in JSON if the directory has vanished', async () => {
    app = dashboardApp({ directory: join(runs.root, 'nowhere'), app: pages });
    const answer = await get('/api/runs');
    expect(answer.status).toBe(500);
    expect((await parsed(answer)).error).toMatchObject({ code: 'FILE_NOT_FOUND', fix: 'check the path' });
  });
});

const fresh = (): RunDirectories => {
  runs[Symbol.dispose]();
  return new RunDirectories();
};

describe('a run', () => {
  it('has its listing and its files, whatever its name', async () => {
    const names = ['plain', 'a/b c', 'ü/名前', '100%25 %2e%2e', 'quo"te\'<b>&?#'];
    for (const name of names) runs.run(name);
    for (const name of names) {
      const path = `/api/runs/${encodeURIComponent(name)}`;
      const { run, files } = await json(path);
      expect([run.id, files.map((file) => file.name)]).toEqual([name, ['config.json', 'metrics.jsonl']]);
      expect(await (await get(`${path}/files/metrics.jsonl`)).text()).toBe(rowsTo(1));
    }
  });

  it('that is not there is an error in JSON', async () => {
    runs.run('there');
    for (const path of [
      'nowhere',
      'nowhere/files/config.json',
      encodeURIComponent('../x'),
      encodeURIComponent(runs.root),
    ]) {
      const answer = await get(`/api/runs/${path}`);
      expect([path, answer.status, (await parsed(answer)).error?.code]).toEqual([path, 404, 'NO_RUN']);
    }
    const answer = await get('/api/runs/there/files/nothing.json');
    expect([answer.status, (await parsed(answer)).error?.code]).toEqual([404, 'FILE_NOT_FOUND']);
  });

  it('gives no file that lies elsewhere', async () => {
    const directory = runs.run('a');
    symlinkSync(join(runs.root, 'secret'), join(directory, 'link'));
    symlinkSync(runs.root, join(directory, 'up'));
    const names = [
      '../secret',
      '..%2Fsecret',
      '%2e%2e/secret',
      '%2e%2e%2fsecret',
      '..%5Csecret',
      'link',
      'up/secret',
      'up%2Fsecret',
      encodeURIComponent(join(runs.root, 'secret')),
      '%00',
      'trace/../../secret',
      '%252e%252e/secret',
    ];
    for (const name of names) {
      const answer = await get(`/api/runs/a/files/${name}`);
      expect([name, answer.status]).toEqual([name, 404]);
      expect(await answer.text()).not.toBe('secret');
    }
    for (const path of [
      '/../secret',
      '/%2e%2e/secret',
      '/..%2fsecret',
      '/assets/../../secret',
      '//etc/passwd',
      '/..%5csecret',
    ]) {
      expect([path, await (await get(path)).text()]).not.toEqual([path, 'secret']);
    }
  });
});

describe('a file', () => {
  const TEXT = '0123456789';
  const path = '/api/runs/a/files/data.jsonl';
  beforeEach(() => {
    runs.run('a');
    runs.write('a', {
      'data.jsonl': TEXT,
      'empty.jsonl': '',
      'page.html': '<script>alert(1)</script>',
      'deep/er.json': '{}',
    });
  });

  test.each([
    ['', {}, 200, TEXT, undefined],
    ['?from=4', {}, 200, '456789', undefined],
    ['?from=10', {}, 200, '', undefined],
    ['?from=99', {}, 200, '', undefined],
    ['?from=x', {}, 416, undefined, 'bytes */10'],
    ['', { range: 'bytes=2-4' }, 206, '234', 'bytes 2-4/10'],
    ['', { range: 'bytes=7-' }, 206, '789', 'bytes 7-9/10'],
    ['', { range: 'bytes=-3' }, 206, '789', 'bytes 7-9/10'],
    ['', { range: 'bytes=-99' }, 206, TEXT, 'bytes 0-9/10'],
    ['', { range: 'bytes=8-99' }, 206, '89', 'bytes 8-9/10'],
    ['', { range: 'bytes=10-' }, 416, undefined, 'bytes */10'],
    ['', { range: 'bytes=4-2' }, 416, undefined, 'bytes */10'],
    ['', { range: 'bytes=0-1,3-4' }, 200, TEXT, undefined],
    ['', { range: 'rows=1-2' }, 200, TEXT, undefined],
  ])('is read by %j and %j', async (query, headers, status, text, range) => {
    const answer = await get(`${path}${query}`, headers);
    expect([answer.status, answer.headers.get('content-range') ?? undefined]).toEqual([status, range]);
    if (text === undefined) expect((await parsed(answer)).error?.code).toBe('BAD_RANGE');
    else {
      expect(await answer.text()).toBe(text);
      expect(answer.headers.get('content-length')).toBe(String(text.length));
    }
  });

  it('may be empty, lie in a directory, and be asked for its size alone', async () => {
    expect(await (await get('/api/runs/a/files/empty.jsonl')).text()).toBe('');
    expect(await (await get('/api/runs/a/files/deep/er.json')).json()).toEqual({});
    const head = await get(path, {}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '10', '']);
  });

  it('may be missing, without an error for those who ask whether it is there', async () => {
    const answer = await get('/api/runs/a/files/nothing.json?optional=1');
    expect([answer.status, await answer.text()]).toEqual([204, '']);
    expect((await get('/api/runs/nowhere/files/nothing.json?optional=1')).status).toBe(404);
  });

  it('never becomes a page of the dashboard', async () => {
    const { headers } = await get('/api/runs/a/files/page.html');
    expect(headers.get('content-type')).toBe('application/octet-stream');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });
});

describe('a request', () => {
  test.each(['127.0.0.1', '127.0.0.1:1', 'localhost:6160', '[::1]:6160', 'LOCALHOST'])(
    'to the host %s is answered',
    async (host) => {
      expect((await app.request('/api/runs', { headers: { host } })).status).toBe(200);
    },
  );

  test.each([
    'evil.example',
    '127.0.0.1.evil.example',
    'localhost.evil.example:6160',
    '127.0.0.1:6160@evil.example',
    '10.0.0.1:6160',
    '0.0.0.0',
    '',
  ])('to the host %j is refused, of pages as of runs', async (host) => {
    for (const path of ['/api/runs', '/', '/api/events', '/assets/index-abc.js']) {
      const answer = await app.request(path, { headers: { host } });
      expect(answer.status).toBe(403);
      expect((await parsed(answer)).error).toEqual({
        code: 'FORBIDDEN_HOST',
        problem: 'the host of this address is not this machine',
        fix: 'open the dashboard as http://127.0.0.1 or http://localhost',
      });
    }
  });

  test.each([
    [{ origin: 'http://127.0.0.1:6160' }, 200],
    [{ origin: 'http://127.0.0.1:9999' }, 403],
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ 'sec-fetch-site': 'same-origin' }, 200],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 200],
  ])('with %j is answered with %d', async (headers, status) => {
    expect((await get('/api/runs', headers)).status).toBe(status);
  });

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('by %s is refused', async (method) => {
    const answer = await get('/api/runs', {}, method);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('the pages', () => {
  it('have a strict policy, and may share memory', async () => {
    const { status, headers } = await get('/');
    expect(status).toBe(200);
    expect(headers.get('content-security-policy')).toBe(
      "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; worker-src 'self' blob:; " +
        "img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('cache-control')).toBe('no-cache');
  });

  it('keep what has a hash in its name', async () => {
    const { headers } = await get('/assets/index-abc.js');
    expect(headers.get('cache-control')).toContain('immutable');
    expect(headers.get('content-type')).toContain('javascript');
  });

  it('that are not built are an error that says what to run, and the runs are served all the same', async () => {
    app = dashboardApp({ directory: runs.root, app: undefined });
    const answer = await get('/');
    expect([answer.status, (await parsed(answer)).error?.fix]).toEqual([
      503,
      'run npm run app:build, and start the dashboard again',
    ]);
    expect((await get('/api/runs')).status).toBe(200);
  });

  it('that are not there are an error in JSON', async () => {
    for (const path of ['/nothing', '/api/nothing']) {
      const answer = await get(path);
      expect([answer.status, (await parsed(answer)).error?.code]).toEqual([404, 'NOT_FOUND']);
    }
  });
});
