/** The CSV file that a resumed run continues: always its own, at any path. */
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { csvRecord, resumedCsv } from '../../src/runs/csvPlace.ts';

let parent: string;
let run: string;
let outside: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'mathformer-csv-'));
  run = join(parent, 'run');
  outside = join(parent, 'out.csv');
  mkdirSync(run);
  writeFileSync(outside, 'rows');
});
afterEach(() => rmSync(parent, { recursive: true }));

function record(directory: string, path: string): void {
  writeFileSync(join(directory, 'csv.json'), JSON.stringify(csvRecord(directory, path)));
}

describe('a CSV file in the run', () => {
  it('is recorded relative to it, and goes with it', () => {
    const path = join(run, 'logs', 'a.csv');
    expect(csvRecord(run, path)).toEqual({ path: 'logs/a.csv' });
    expect(csvRecord(relative(process.cwd(), run), path)).toEqual({ path: 'logs/a.csv' });
    record(run, path);
    const copy = join(parent, 'copy');
    cpSync(run, copy, { recursive: true });
    expect(resumedCsv(copy, false)).toBe(join(copy, 'logs', 'a.csv'));
    expect(resumedCsv(run, false)).toBe(path);
  });
});

describe('a CSV file elsewhere', () => {
  beforeEach(() => record(run, outside));

  it('is continued by its run, even after that was moved', () => {
    expect(resumedCsv(run, false)).toBe(outside);
    const moved = join(parent, 'moved');
    renameSync(run, moved);
    expect(resumedCsv(moved, true)).toBe(outside);
  });

  it('is not continued by a copy of its run', () => {
    const copy = join(parent, 'copy');
    cpSync(run, copy, { recursive: true });
    expect(resumedCsv(copy, true)).toBe(join(copy, 'metrics.csv'));
    expect(resumedCsv(copy, false)).toBe(join(copy, 'metrics.csv'));
  });

  it.each([
    ['another file', () => writeFileSync(outside, 'mine')],
    ['a link to one', () => symlinkSync(join(parent, 'mine'), outside)],
    ['nothing', () => undefined],
  ])('is not continued if %s is in its place', (_, replace) => {
    renameSync(outside, join(parent, 'mine'));
    replace();
    expect(resumedCsv(run, false)).toBe(join(run, 'metrics.csv'));
  });
});

it.each([
  ['a path out of the run', { path: '../out.csv' }],
  ['the run itself', { path: '.' }],
  ['an absolute path without a proof', { path: '/', run: '1:1', file: '1:1' }],
])('a record of somebody else with %s leads nowhere', (_, forged) => {
  writeFileSync(join(run, 'csv.json'), JSON.stringify(forged));
  expect(resumedCsv(run, false)).toBe(join(run, 'metrics.csv'));
});

it('an absolute path that claims to be in the run is taken as one below it', () => {
  writeFileSync(join(run, 'csv.json'), JSON.stringify({ path: outside }));
  expect(resumedCsv(run, false)).toBe(join(run, outside));
});

it('without a record that can be understood, a run that wants a CSV file has its own', () => {
  expect(resumedCsv(run, true)).toBe(join(run, 'metrics.csv'));
  expect(resumedCsv(run, false)).toBeUndefined();
  for (const text of ['', '{', '[]', '{"path":""}', '{"path":"a","more":1}', '{"path":"a","run":"1:1"}']) {
    writeFileSync(join(run, 'csv.json'), text);
    expect(resumedCsv(run, true)).toBe(join(run, 'metrics.csv'));
    expect(resumedCsv(run, false)).toBeUndefined();
  }
});
