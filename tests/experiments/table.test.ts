/** The table of experiments is valid: names, starts and options. No model is trained. */
import { expect, test } from 'vitest';
import { trialName, trialsOf } from '../../experiments/experiment.ts';
import { STARTS } from '../../experiments/starts.ts';
import { EXPERIMENTS } from '../../experiments/table.ts';
import { rewardsOf } from '../../src/cli/flags/rewardFlag.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import { pretrainOptions } from '../../src/pretrain/options.ts';
import { ARITHMETIC, arithmeticTask } from '../../src/tasks/arithmetic/task.ts';
import { madeTask } from '../../src/tasks/definition.ts';

test('no two trainings have one name, and every start is there', () => {
  const names = EXPERIMENTS.flatMap(trialsOf).map(trialName);
  expect(new Set(names).size).toBe(names.length);
  expect(new Set(STARTS.map(({ name }) => name)).size).toBe(STARTS.length);
  for (const { start, rows } of EXPERIMENTS) {
    expect(STARTS.some(({ name }) => name === start)).toBe(true);
    expect(rows.length).toBeGreaterThan(0);
  }
});

test('the trainers take the options of every row and start', async () => {
  for (const { experiment, row } of EXPERIMENTS.flatMap(trialsOf)) {
    const { reward, ...options } = { ...experiment.base, ...row.change };
    const { steps } = grpoOptions(options);
    for (const step of experiment.examination?.steps ?? []) expect(step).toBeLessThanOrEqual(steps);
    if (reward !== undefined) expect(await rewardsOf(reward, ARITHMETIC)).not.toHaveLength(0);
  }
  for (const start of STARTS) {
    const { maxNewTokens, ...problems } = start.setting;
    grpoOptions({ maxNewTokens });
    if (start.kind === 'reference') {
      await madeTask(arithmeticTask, problems);
      continue;
    }
    const { littleProbability, scratchpadProbability, ...training } = start.options;
    pretrainOptions(training);
    const forms = { littleProbability, scratchpadProbability };
    await madeTask(arithmeticTask, { ...problems, ...forms }, 'pretraining');
  }
});
