/** What is not finite never reaches the policy: such steps are left out and counted, and ten in a row end the training. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import type { Reward } from '../../src/grpo/reward.ts';
import { GrpoTrainer } from '../../src/grpo/trainer.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { openDevice } from '../device.ts';
import { readFixture } from '../model/referenceModels.ts';
import { SMALL } from './rollouts.ts';

const { config, stateDict } = readFixture('tiny_easy.pt');

describe('a step that is not finite', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  /** A trainer whose rewards are 1 and -1 in turns, times a factor that can be changed. */
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
    const trainer = new GrpoTrainer(policy, options, { rewards: [alternating] });
    const dispose = (): void => {
      trainer.dispose();
      policy.dispose();
    };
    return { policy, trainer, scale, dispose };
  }

  // 1e38 is a number; advantages of ±1e38, and gradients made of them, are not for long.
  test.each([Number.NaN, Number.POSITIVE_INFINITY, 1e38])(
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
    // The count is part of the state.
    trainer.restore({ ...state, progress: { ...state.progress, unrewarded: { steps: 9, inARow: 9 } } });
    await expect(trainer.step()).rejects.toMatchObject({ code: 'REWARD_NOT_FINITE' });
    dispose();
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
