/** The file of `npm run bench -- share`: no text in it tells who ran it or where, and it is read as it was written. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  readShared,
  type SharedParts,
  withoutPersonalData,
  writeShared,
} from '../../../bench/share/results.ts';
import { showShared } from '../../../bench/share/show.ts';

const folder = mkdtempSync(join(tmpdir(), 'mathformer-share-'));
const file = join(folder, 'results.json');
afterAll(() => rmSync(folder, { recursive: true }));

describe('a text', () => {
  test.each([
    [`at ${process.cwd()}/src/a.ts:3`, process.cwd()],
    [`in ${homedir()}/.cache`, homedir()],
    [`on ${hostname()}, port 80`, hostname()],
    [`of (${userInfo().username})`, userInfo().username],
  ])('%s', (text, word) => {
    expect(withoutPersonalData(text).split(/[^\w./\\-]+/)).not.toContain(word);
    expect(withoutPersonalData(text)).not.toBe(text);
  });

  test.each([
    ['cannot open /srv/build/x.so', 'cannot open <path>'],
    ['at run (file:///srv/a/b.ts:3:1)', 'at run (<path>:3:1)'],
    ['C:\\Drivers\\vendor\\x.dll is missing', '<path> is missing'],
    ['cannot open "/srv/build/x.so"', 'cannot open "<path>"'],
  ])('%s has no path', (text, clean) => {
    expect(withoutPersonalData(text)).toBe(clean);
  });

  test.each(['matmul bias+gelu Bᵀ', 'slices 16×32 ×8', 'GELU 4/3, 1/2', '32 × 4 × 256', 'Radeon RX 7800 XT'])(
    '%s stays as it is',
    (text) => {
      expect(withoutPersonalData(text)).toBe(text);
    },
  );
});

const PARTS: SharedParts = {
  tests: {
    seconds: 12,
    result: {
      passed: 8,
      failed: 1,
      skipped: 0,
      failures: [{ name: 'sum', message: '/srv/build/x.ts is wrong' }],
    },
  },
  tuning: {
    seconds: 3,
    result: [
      {
        ...{ key: 'softmax any', untuned: 'thread', chosen: 'row' },
        candidates: [
          { variant: 'thread', result: 1 },
          { variant: 'row', result: 0.25 },
          { variant: 'row subgroup', result: 'wrong' },
        ],
      },
    ],
  },
  kernels: { seconds: 1, problem: 'the process ended with SIGSEGV' },
};

test('it is written without paths, read, and printed with what failed', () => {
  writeShared(file, PARTS);
  expect(readFileSync(file, 'utf8')).not.toContain('/srv');
  const lines = showShared(readShared(file)).join('\n');
  expect(lines).toContain('8 passed, 1 failed, 0 skipped');
  expect(lines).toContain('sum: <path> is wrong');
  expect(lines).toMatch(/softmax any +thread +row +0\.25 +3 +row subgroup \(wrong\)/);
  expect(lines).toContain('failed: the process ended with SIGSEGV');
});

test('another file is refused', () => {
  writeFileSync(file, '{"version":1}');
  expect(() => readShared(file)).toThrow('is not a file of npm run bench -- share');
  writeFileSync(file, 'no JSON');
  expect(() => readShared(file)).toThrow('cannot be read as JSON');
});
