/** The report of `inspect` on a run's checkpoints, one of which is damaged. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { modelConfig } from '../../../src/model/config.ts';
import { initialStateDict } from '../../../src/model/stateDict.ts';
import { Checkpoints } from '../../../src/runs/checkpoints.ts';
import { VOCAB_SIZE } from '../../../src/tasks/arithmetic/tokenizer.ts';
import { run } from '../inProcess.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-inspect-run-'));
  mkdirSync(join(directory, 'checkpoints'));
  const checkpoints = new Checkpoints(join(directory, 'checkpoints'));
  const config = modelConfig('tiny', { vocabSize: VOCAB_SIZE, nLayers: 1 });
  for (const step of [1, 2, 3]) {
    const model = { config, stateDict: initialStateDict(config, step), metadata: new Map<string, string>() };
    const state = { progress: { step, problems: 8 * step }, optimizer: new Map(), reference: null };
    checkpoints.save({ model, state, session: {} }, { name: `rl_model_step${step}`, step });
  }
  checkpoints.offer('rl_model_step1', 0.625);
  const damaged = join(directory, 'checkpoints', 'rl_model_step3.safetensors');
  writeFileSync(damaged, readFileSync(damaged).subarray(1));
});
afterAll(() => rmSync(directory, { recursive: true }));

test('tells which is the best, which are whole, and where the run goes on', async () => {
  const { code, stdout } = await run('inspect', directory);
  expect(code).toBe(0);
  expect(stdout).toContain('Best: rl_model_step1, 62.50% after step 1');
  expect(stdout).toContain('It goes on from rl_model_step2: {"step":2,"problems":16}');
  const rows = stdout.split('\n').filter((line) => line.startsWith('rl_model_step'));
  expect(rows[0]).toMatch(/best +as they were saved$/);
  expect(rows[2]).toMatch(/rl_model_step3\.safetensors: it is not what was saved; put a copy back$/);
});

test('--json has the same', async () => {
  const { stdout } = await run('inspect', directory, '--json');
  const { format, best, checkpoints } = JSON.parse(stdout);
  expect([format, best]).toEqual(['run', { name: 'rl_model_step1', step: 1, accuracy: 0.625 }]);
  expect(checkpoints.map(({ problem }: { problem: string | null }) => problem === null)).toEqual([
    true,
    true,
    false,
  ]);
});
