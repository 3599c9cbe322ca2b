/** The report of `inspect` on a run's checkpoints, one of which is damaged. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { modelConfig } from '../../../src/model/config.ts';
import { initialStateDict } from '../../../src/model/stateDict.ts';
import { Checkpoints } from '../../../src/runs/checkpoints.ts';
import { VOCAB_SIZE } from '../../../src/tasks/arithmetic/tokenizer.ts';
import { run } from '../inProcess.ts';
// Loaded before the tests, so that mutants of its tables are active in all of them.
import '../../../src/cli/commands/inspect.ts';

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

test('says how many there are, what each takes on the disk, and which goes with the next', async () => {
  const { stdout } = await run('inspect', directory);
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toBe(`${directory}: a run with 3 checkpoints`);
  expect(lines[3]).toBe('');
  expect(lines[4]?.split(/ {2,}/)).toEqual(['checkpoint', 'step', 'bytes', 'files']);
  const { checkpoints } = JSON.parse((await run('inspect', directory, '--json')).stdout);
  const sizes = readdirSync(join(directory, 'checkpoints'))
    .filter((name) => name.startsWith('rl_model_step1.'))
    .map((name) => statSync(join(directory, 'checkpoints', name)).size);
  expect(checkpoints[0]).toMatchObject({
    ...{ name: 'rl_model_step1', step: 1, best: true, temporary: false },
    ...{ bytes: sizes.reduce((sum, size) => sum + size, 0), progress: { step: 1, problems: 8 } },
  });
  expect(checkpoints[1]).toMatchObject({ best: false });
  expect(checkpoints[2]).toMatchObject({
    progress: null,
    problem: expect.stringContaining('not what was saved'),
  });
});

test('says of a run without a best or a whole checkpoint only what there is', async () => {
  const path = join(directory, 'other');
  mkdirSync(join(path, 'checkpoints'), { recursive: true });
  const config = modelConfig('tiny', { nLayers: 1, vocabSize: 8 });
  const model = { config, stateDict: initialStateDict(config, 0), metadata: new Map<string, string>() };
  const state = { progress: {}, optimizer: new Map(), reference: null };
  const checkpoints = new Checkpoints(join(path, 'checkpoints'));
  checkpoints.save({ model, state, session: {} }, { name: 'model_update1', step: 1, temporary: true });
  expect((await run('inspect', path)).stdout).toMatch(
    /^model_update1 .* until the next +as they were saved$/m,
  );
  writeFileSync(join(path, 'checkpoints', 'model_update1.safetensors'), 'torn');
  const { code, stdout } = await run('inspect', path);
  expect(code).toBe(0);
  expect(stdout).not.toMatch(/Best|It goes on/);
});
