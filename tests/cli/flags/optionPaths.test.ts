/** Paths in options stay valid in other working directories. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { withAbsolutePaths, withPathsOfFile } from '../../../src/cli/flags/optionPaths.ts';

const directory = mkdtempSync(join(tmpdir(), 'mathformer-paths-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('withAbsolutePaths', () => {
  it('changes modules and the checkpoint, and nothing else', () => {
    const options = {
      ...{ task: './task.ts', checkpoint: 'runs/base', out: 'runs/next', logCsv: 'a.csv', lr: 1 },
      reward: 'correctness, ./r.ts:0.5,format:0.2,own.mjs:-1e-2',
    };
    expect(withAbsolutePaths(options)).toEqual({
      ...options,
      task: resolve('task.ts'),
      checkpoint: resolve('runs/base'),
      reward: ['correctness', `${resolve('r.ts')}:0.5`, 'format:0.2', `${resolve('own.mjs')}:-1e-2`],
    });
  });

  it.each([
    [{ task: 'sort', reward: 'correctness,partial:0.5', lr: 1 }],
    [{ task: 'arithmetic', reward: ['format:0.2'] }],
    [{ seed: 0 }],
  ])('leaves %j alone', (options) => {
    expect(withAbsolutePaths(options)).toEqual(options);
  });

  it('may be done twice, to paths with commas too', () => {
    const once = withAbsolutePaths({ reward: ['./a,b.ts:2', 'format'] });
    expect(once).toEqual({ reward: [`${resolve('a,b.ts')}:2`, 'format'] });
    expect(withAbsolutePaths(once)).toEqual(once);
  });
});

describe('withPathsOfFile', () => {
  it('finds what lies beside the file, and else leaves the path to the current directory', () => {
    const beside = join(directory, 'parts');
    mkdirSync(beside);
    for (const name of ['task.ts', 'r.ts', 'model.pt']) writeFileSync(join(beside, name), '');
    const options = { task: './task.ts', reward: ['r.ts:0.5', './elsewhere.ts'], checkpoint: 'model.pt' };
    expect(withPathsOfFile(options, join(beside, 'config.json'))).toEqual({
      task: join(beside, 'task.ts'),
      reward: [`${join(beside, 'r.ts')}:0.5`, './elsewhere.ts'],
      checkpoint: join(beside, 'model.pt'),
    });
  });
});
