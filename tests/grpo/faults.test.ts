/** Values that are not finite never reach the policy: such steps are skipped and counted; ten in a row end the training. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import type { Reward } from '../../src/grpo/reward.ts';
import { type GrpoMetrics, GrpoTrainer } from '../../src/grpo/trainer.ts';
import { Warnings } from '../../src/grpo/warnings.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { openDevice } from '../device.ts';
import { readFixture } from '../model/referenceModels.ts';
import { SMALL, SMALL_TASK } from './rollouts.ts';

const { config, stateDict } = readFixture('tiny_easy.pt');

describe('a step that is not finite', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  /** Make a trainer whose rewards alternate between 1 and -1, times a variable factor. */
  function training() {
    const policy = new Transformer(device, config, stateDict);
    const scale = { factor: 1 };
    let sign = 1;
    const alternating: Reward = {
      name: 'alternating',
      reward: () => {
        sign = -sign;
        return sign * scale.factor;
      },
    };
    const options = grpoOptions({ ...SMALL, lr: 1e-3, advantages: 'center', klTarget: 0.1, klHorizon: 100 });
    const trainer = new GrpoTrainer(policy, options, { task: SMALL_TASK, rewards: [alternating] });
    const dispose = (): void => {
      trainer.dispose();
      policy.dispose();
    };
    return { policy, trainer, scale, dispose };
  }

  // 1e39 is a number in float64; the advantage made of it is none in float32.
  test.each([Number.NaN, Number.POSITIVE_INFINITY, 1e39])(
    'rewards of %d change nothing, are counted, and the training goes on',
    async (factor) => {
      const { policy, trainer, scale, dispose } = training();
      scale.factor = factor;
      const left = [await trainer.step(), await trainer.step()];
      expect(left.map(({ skipped }) => skipped)).toEqual([1, 2]);
      expect(await policy.stateDict()).toEqual(stateDict);
      scale.factor = 1;
      const good = await trainer.step();
      expect(good).toMatchObject({ skipped: 2, kl_coef: expect.closeTo(0.1, 2) });
      expect(good.grad_norm).toBeGreaterThan(0);
      expect(Object.keys(left[0] ?? {}).sort()).toEqual(Object.keys(good).sort());
      expect(await policy.stateDict()).not.toEqual(stateDict);
      expect((await trainer.state()).progress.step).toBe(3);
      dispose();
    },
  );

  test('ten rewards in a row end it, and name the reward; nine do not, and nine more after a good step', async () => {
    const { trainer, scale, dispose } = training();
    scale.factor = Number.NaN;
    for (let i = 0; i < 9; i++) await trainer.step();
    scale.factor = 1;
    await trainer.step();
    scale.factor = Number.NaN;
    const state = await trainer.state();
    for (let i = 0; i < 9; i++) await trainer.step();
    await expect(trainer.step()).rejects.toMatchObject({ code: 'REWARD_NOT_FINITE', reward: 'alternating' });
    // The count is part of the state: another trainer goes on with it.
    expect(state.progress.unrewarded).toEqual({ steps: 9, inARow: 0 });
    const other = training();
    other.trainer.restore({ ...state, progress: { ...state.progress, unrewarded: { steps: 9, inARow: 8 } } });
    other.scale.factor = Number.NaN;
    expect((await other.trainer.step()).skipped).toBe(10);
    await expect(other.trainer.step()).rejects.toMatchObject({ code: 'REWARD_NOT_FINITE' });
    other.dispose();
    dispose();
  });

  test.each([true, undefined, '1', [1], {}])('a reward of %j ends the first step', async (value) => {
    const policy = new Transformer(device, config, stateDict);
    // biome-ignore lint/suspicious/noExplicitAny: the point is to return what the types forbid.
    const rewards = [{ name: 'odd', reward: async () => value as any }];
    const trainer = new GrpoTrainer(policy, grpoOptions(SMALL), { task: SMALL_TASK, rewards });
    await expect(trainer.step()).rejects.toMatchObject({ code: 'REWARD_NOT_FINITE', reward: 'odd', value });
    expect(await policy.stateDict()).toEqual(stateDict);
    trainer.dispose();
    policy.dispose();
  });

  test('rewards that are all null end the first step; later they count as 0, and are said', async () => {
    const policy = new Transformer(device, config, stateDict);
    let given: number | null = null;
    const rewards: Reward[] = [{ name: 'odd', reward: (_, { tokens }) => given && given + tokens.length }];
    const trainer = new GrpoTrainer(policy, grpoOptions(SMALL), { task: SMALL_TASK, rewards });
    const failure = await trainer.step().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'REWARD_NOT_FINITE', reward: 'odd', value: null });
    expect(String(failure)).toMatch(/the reward odd gave null for every completion, such as for problem/);
    given = 1;
    expect(await trainer.step()).toMatchObject({ skipped: 0, frac_reward_missing: 0 });
    given = null;
    const silent = await trainer.step();
    expect(silent).toMatchObject({ reward: 0, frac_reward_missing: 1, 'rewards/odd/mean': Number.NaN });
    expect(new Warnings().check(3, silent).map(({ name }) => name)).toContain('no rewards');
    trainer.dispose();
    policy.dispose();
  });

  test('a reward that changes what it is shown changes neither the training nor the samples', async () => {
    const run = async (vandal: boolean) => {
      const policy = new Transformer(device, config, stateDict);
      const reward: Reward['reward'] = (problem, completion) => {
        const value = completion.tokens.length % 3;
        if (vandal) {
          (completion.tokens as number[]).reverse();
          Object.assign(problem, { expression: 'gone', answer: 'gone' });
        }
        return value;
      };
      const trainer = new GrpoTrainer(policy, grpoOptions(SMALL), {
        task: SMALL_TASK,
        rewards: [{ name: 'mine', reward }],
      });
      const metrics: GrpoMetrics = { ...(await trainer.step()), step_time: 0 };
      const result = { metrics, samples: trainer.samples(), weights: await policy.stateDict() };
      trainer.dispose();
      policy.dispose();
      return result;
    };
    const wanted = await run(false);
    expect(wanted.metrics.grad_norm).toBeGreaterThan(0);
    expect(await run(true)).toEqual(wanted);
  });

  test('a weight that is NaN ends it after ten steps that leave the others as they were', async () => {
    const { policy, trainer, dispose } = training();
    const name = 'blocks.1.q_proj.weight';
    const damaged = new Map(stateDict);
    const { shape, data } = stateDict.get(name) ?? { shape: [], data: new Float32Array() };
    damaged.set(name, { shape, data: data.map((value, i) => (i === 7 ? Number.NaN : value)) });
    policy.load(damaged);
    for (let i = 0; i < 9; i++) expect((await trainer.step()).skipped).toBe(i + 1);
    await expect(trainer.step()).rejects.toMatchObject({ code: 'DIVERGED', where: 'step 10' });
    expect(await policy.stateDict()).toEqual(damaged);
    dispose();
  });
});
