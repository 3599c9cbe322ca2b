/** Runs below a directory. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findRuns, isRunDirectory } from '../../src/runs/findRuns.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'mathformer-runs-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function makeRun(path: string, mark = 'metrics.jsonl'): string {
  const directory = join(root, path);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'config.json'), '{}');
  writeFileSync(join(directory, mark), '');
  return directory;
}
const found = () => findRuns(root).map(({ id }) => id);

describe('runs', () => {
  test('are found at any depth, in the order of their ids', () => {
    for (const path of ['b', 'a/x', 'a/deep/er/run', 'näme "1"']) makeRun(path);
    expect(found()).toEqual(['a/deep/er/run', 'a/x', 'b', 'näme "1"']);
    expect(findRuns(root)[2]).toEqual({ id: 'b', directory: join(root, 'b') });
  });

  test('are directories with a config.json and a file of a run', () => {
    makeRun('hugging-face', 'model.safetensors');
    mkdirSync(join(root, 'empty'));
    writeFileSync(join(root, 'file'), '');
    for (const mark of ['metrics.jsonl', 'checkpoints', 'evaluation.jsonl', 'summary.json', 'lock'])
      makeRun(`by ${mark}`, mark);
    expect(found()).toEqual([
      'by checkpoints',
      'by evaluation.jsonl',
      'by lock',
      'by metrics.jsonl',
      'by summary.json',
    ]);
    expect(isRunDirectory(join(root, 'by lock'))).toBe(true);
    expect(isRunDirectory(join(root, 'empty'))).toBe(false);
    expect(isRunDirectory(join(root, 'file'))).toBe(false);
  });

  test('are not looked for in runs, behind links, in hidden directories, or too deep', () => {
    makeRun('a');
    makeRun('a/checkpoints/export');
    makeRun('.trash/b');
    makeRun('node_modules/b');
    makeRun('1/2/3/4/5/6');
    makeRun('1/2/3/4/5');
    symlinkSync(join(root, 'a'), join(root, 'link'));
    symlinkSync(root, join(root, 'circle'));
    expect(found()).toEqual(['1/2/3/4/5', 'a']);
  });

  test('may be the directory itself', () => {
    const directory = makeRun('only');
    makeRun('only/within');
    expect(findRuns(directory)).toEqual([{ id: 'only', directory }]);
    // Reached by a link, the directory has its own name.
    symlinkSync(directory, join(root, 'link'));
    expect(findRuns(join(root, 'link')).map(({ id }) => id)).toEqual([basename(directory)]);
  });

  test('are not found where there is no directory', () => {
    expect(() => findRuns(join(root, 'nowhere'))).toThrow(/no such file or directory/);
    writeFileSync(join(root, 'file'), '');
    expect(() => findRuns(join(root, 'file'))).toThrow(/it is no directory; give a directory of runs/);
  });
});
