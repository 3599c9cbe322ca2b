/** `export` writes a directory that every command reads, or prints one line with the reason. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadModel, newModel } from '../../../src/cli/flags/modelFlags.ts';
import { saveCheckpoint } from '../../../src/runs/checkpointFile.ts';
import { sorting } from '../../../src/tasks/sorting.ts';
import { settingsEntry } from '../../../src/training/trainedSettings.ts';
import { run } from '../inProcess.ts';
// Loaded before the tests, so that mutants of its tables are active in all of them.
import '../../../src/cli/commands/export.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-export-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

it('writes a directory that is loaded as the checkpoint was, and is not overwritten', async () => {
  const task = sorting();
  const checkpoint = newModel({ modelsize: 'tiny', shape: 'mpt' }, 0, task);
  const [path, out] = [join(directory, 'model.safetensors'), join(directory, 'export')];
  saveCheckpoint(path, checkpoint);
  const args = [path, '--task', 'sort', '--out', out, '--json'];
  const { code, stdout, stderr } = await run('export', ...args);
  expect(code, stderr).toBe(0);
  const { files } = JSON.parse(stdout);
  expect(readdirSync(out).sort()).toEqual(files.toSorted());
  expect(files).toEqual(
    expect.arrayContaining(['config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json']),
  );
  expect(loadModel(out, { modelsize: 'tiny', shape: 'mpt' }, task)).toMatchObject(checkpoint);

  const again = await run('export', ...args);
  expect(again).toMatchObject({ code: 1, stdout: '' });
  expect(again.stderr).toMatch(/^error: .*: the directory is not empty — choose another --out/m);
});

it('says what MPT cannot represent, and writes nothing', async () => {
  const out = join(directory, 'never');
  const { code, stderr } = await run('export', 'tests/fixtures/checkpoints/tiny.pt', '--out', out);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^error: .*cannot represent biases .*finalNorm.* — train a dense model with --shape mpt/m,
  );
  expect(existsSync(out)).toBe(false);
});

it('says what it loads, takes and writes, or nothing under --quiet but the result', async () => {
  const checkpoint = newModel({ modelsize: 'tiny', shape: 'mpt' }, 0, sorting());
  const path = join(directory, 'trained.safetensors');
  saveCheckpoint(path, { ...checkpoint, metadata: new Map([settingsEntry({ task: 'sort', maxDigits: 2 })]) });
  const out = join(directory, 'said');
  const { code, stdout } = await run('export', path, '--out', out);
  expect(code).toBe(0);
  expect(stdout.split('\n')).toEqual(
    [
      'As it was trained (flags win over it): --task sort --max_digits 2',
      `Loading checkpoint from ${path}`,
      expect.stringMatching(/^Model loaded: 2 layers, /),
      `Saved ${readdirSync(out).sort().join(', ')} to ${out}`,
      '',
    ].map((line) =>
      typeof line === 'string' && line.startsWith('Saved')
        ? expect.stringMatching(/^Saved \S+, .* to /)
        : line,
    ),
  );
  const quiet = await run(
    'export',
    path,
    '--out',
    `${out}2`,
    '--quiet',
    '--task',
    'sort',
    '--max_digits',
    '2',
  );
  expect(quiet.stdout).toMatch(/^Saved [^\n]*\n$/);
  const size = await run('export', path, '--out', `${out}3`, '--modelsize', 'small');
  expect([size.code, size.stderr]).toEqual([2, expect.stringMatching(/--modelsize small is not the size/)]);
});
