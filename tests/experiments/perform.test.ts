/** A trial from its start to its saved result, in this process; a finished one is not trained again. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { everyProblem } from '../../experiments/everyProblem.ts';
import { type Experiment, type Start, trialName, trialsOf } from '../../experiments/experiment.ts';
import { perform } from '../../experiments/perform.ts';
import { readRun } from '../../experiments/savedRun.ts';
import { SHUFFLED } from '../../experiments/shuffledReward.ts';
import { startNamed } from '../../experiments/starts.ts';
import { readRunConfig } from '../../src/cli/earlierRun.ts';
import { machineOf } from '../../src/training/machine.ts';
import { openDevice } from '../device.ts';

const folder = mkdtempSync(join(tmpdir(), 'mathformer-perform-'));
afterAll(() => rmSync(folder, { recursive: true }));

const experiment: Experiment = {
  ...{ name: 'little', start: 'tiny_easy', seeds: [4], evalInterval: 1, samples: 2 },
  base: { steps: 2, batchSize: 4, groupSize: 2 },
  rows: [{ name: 'shuffled rewards', change: { reward: SHUFFLED } }],
  examination: { task: everyProblem, evalSize: 6, steps: [0, 2] },
};

test('a trial is trained, evaluated, examined and sampled', async () => {
  const easy = startNamed('tiny_easy');
  const start: Start = { ...easy, evalSize: 8, setting: { ...easy.setting, maxNewTokens: 12 } };
  const [trial] = trialsOf(experiment);
  if (!trial) throw new Error('there is no trial');
  const open = async () => machineOf(await openDevice());
  const place = { results: join(folder, 'results'), runs: join(folder, 'runs'), open };
  const path = await perform(trial, start, place);
  const saved = readRun(path);
  expect(saved).toMatchObject({
    ...{ name: 'little/shuffled-rewards/seed-4', start: 'tiny_easy', seed: 4 },
    ...{ options: { steps: 2, reward: SHUFFLED }, model: '2 layers, 32 wide' },
    ...{ before: expect.stringMatching(/^[01]{8}$/), after: expect.stringMatching(/^[01]{8}$/) },
    examination: { 0: expect.stringMatching(/^[01]{6}$/), 2: expect.stringMatching(/^[01]{6}$/) },
  });
  expect(saved.evaluations.map(([step]) => step)).toEqual([0, 1, 2]);
  expect(saved.samples?.before).toHaveLength(8);
  const run = join(folder, 'runs', trialName(trial));
  const rows = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  expect(rows.map((row) => JSON.parse(row)['rewards/shuffled/mean'])).toEqual([0, 0]);
  // The command line can resume it.
  expect(readRunConfig(run).options).toMatchObject({ reward: SHUFFLED, evalSize: 8, steps: 2 });
  const { mtimeMs } = statSync(join(run, 'summary.json'));
  expect(readRun(await perform(trial, start, place))).toEqual(saved);
  expect(statSync(join(run, 'summary.json')).mtimeMs).toBe(mtimeMs);
});
