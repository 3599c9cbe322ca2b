/** The GRPO trainer: its rollout, its gradient, and settings that must not change either. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StateDict } from '../../src/formats/index.ts';
import type { Device } from '../../src/gpu/device.ts';
import { LOSS_NAMES } from '../../src/grpo/clipping.ts';
import { type GrpoOptions, grpoOptions } from '../../src/grpo/options.ts';
import { type GrpoMetrics, GrpoTrainer, type Rollout } from '../../src/grpo/trainer.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import { ProblemStream } from '../../src/tasks/arithmetic/generator.ts';
import { grade } from '../../src/tasks/arithmetic/grader.ts';
import { prompt } from '../../src/tasks/arithmetic/sample.ts';
import { EOS } from '../../src/tasks/arithmetic/tokenizer.ts';
import { openDevice } from '../device.ts';
import {
  expectSameGradients,
  fixtureModel,
  gradients,
  gradients64,
  parameters64,
  readFixture,
} from '../model/referenceModels.ts';
import { gather, logSoftmax, backward as oracleBackward, slice } from '../oracle/array.ts';
import { expectClose } from '../oracle/compare.ts';
import { advantages } from '../oracle/grpo.ts';
import { forward as oracleForward } from '../oracle/transformer.ts';
import { moved, replaying, SMALL, SMALL_TASK, varied } from './rollouts.ts';

describe('the GRPO trainer', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  const tiny = (): Transformer => fixtureModel(device, 'tiny.safetensors');

  /** Sample a rollout of the small task with the fixture's weights. */
  async function roll(overrides: Partial<GrpoOptions> = {}): Promise<Rollout> {
    const policy = tiny();
    const trainer = new GrpoTrainer(policy, grpoOptions({ ...SMALL, ...overrides }), { task: SMALL_TASK });
    const rollout = await trainer.rollout();
    trainer.dispose();
    policy.dispose();
    return rollout;
  }

  /** Return gradient, weights and metrics of one step on `rollout`. */
  async function stepOn(rollout: Rollout, overrides: Partial<GrpoOptions> = {}) {
    const policy = tiny();
    const trainer = replaying(
      new GrpoTrainer(policy, { ...grpoOptions(SMALL), ...overrides }, { task: SMALL_TASK }),
      rollout,
    );
    const metrics = await trainer.step();
    const result = { metrics, gradients: await gradients(policy), weights: await policy.stateDict() };
    trainer.dispose();
    policy.dispose();
    return result;
  }

  const flat = (weights: StateDict): number[] =>
    [...weights.values()].flatMap(({ data }) => Array.from(data));

  test('a rollout: problems of the training split, a group each, graded; nothing after <eos>', async () => {
    const policy = tiny();
    const options = grpoOptions(SMALL);
    const trainer = new GrpoTrainer(policy, options, { task: SMALL_TASK });
    const { problems, completions, rewards } = await trainer.rollout();
    const stream = new ProblemStream(
      { seed: options.seed, maxDigits: 1, maxDepth: 1 },
      { split: 'training', stream: 2 },
    );
    expect(problems).toEqual([stream.next(), stream.next(), stream.next()]);
    expect(completions.map((completion) => completion.prompt)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    expect(rewards).toEqual(completions.map(({ prompt: i, tokens }) => grade(problems[i], tokens).reward));
    for (const { tokens, finished, logps } of completions) {
      expect(tokens.length).toBe(logps.length);
      expect(tokens.length).toBeLessThanOrEqual(12);
      // Nothing after <eos> is there to carry gradient.
      expect(tokens.indexOf(EOS)).toBe(finished ? tokens.length - 1 : -1);
    }
    trainer.dispose();
    policy.dispose();
  });

  test('on policy without KL, the gradient is −Σ A/(B·n)·∇ℓ', async () => {
    const rollout = varied(await roll());
    const policy = tiny();
    const params = parameters64(await policy.stateDict());
    policy.dispose();
    const onPolicy = await roll();
    const { gradients: found } = await stepOn({ ...onPolicy, rewards: rollout.rewards }, { klCoef: 0 });
    const { config } = readFixture('tiny.safetensors');
    const advantage = advantages(rollout.rewards, 4);
    onPolicy.completions.forEach(({ prompt: i, tokens }, at) => {
      const start = prompt(onPolicy.problems[i].expression);
      const [logits] = oracleForward(config, params, [[...start, ...tokens]]);
      const table = logSoftmax(slice(logits, 0, start.length - 1, start.length + tokens.length - 1));
      const chosen = gather(table, 1, { data: tokens, shape: [tokens.length, 1] });
      oracleBackward(
        chosen,
        tokens.map(() => -advantage[at] / (12 * tokens.length)),
      );
    });
    const weights = new Map([...params].filter(([name]) => !name.endsWith('alibi_slopes')));
    expectSameGradients(found, gradients64(weights), { rtol: 1e-3, atol: 1e-5 });
  });

  test.each(LOSS_NAMES)('%s: micro-batches of every size give the same gradient', async (loss) => {
    const rollout = varied(await roll());
    const overrides = grpoOptions({ ...SMALL, loss, entropyCoef: 0.01 });
    const whole = await stepOn(rollout, { ...overrides, microBatchTokens: 1 << 20 });
    const before = flat(readFixture('tiny.safetensors').stateDict);
    expect(flat(whole.weights)).not.toEqual(before);
    // 1: every completion by itself.
    for (const microBatchTokens of [1, 30, 64, 100]) {
      const parts = await stepOn(rollout, { ...overrides, microBatchTokens });
      expectSameGradients(parts.gradients, whole.gradients, { rtol: 1e-5, atol: 1e-6 });
      for (const name of ['loss', 'policy_loss', 'kl', 'entropy']) {
        expectClose([parts.metrics[name]], [whole.metrics[name]], { atol: 1e-6, label: name });
      }
      // Adam's first step is lr·sign(g): it amplifies the rounding of gradients that are nearly 0, by less than lr.
      const [a, b] = [flat(parts.weights), flat(whole.weights)];
      const off = a.filter((value, i) => Math.abs(value - b[i]) > 1e-6).length;
      expect(off / a.length).toBeLessThan(0.02);
    }
  });

  test('the order of groups, and of completions within them, changes nothing', async () => {
    const rollout = varied(await roll());
    const whole = await stepOn(rollout);
    const order = [10, 8, 11, 9, 1, 3, 2, 0, 7, 6, 4, 5];
    const problemOrder = [2, 0, 1];
    const permuted: Rollout = {
      problems: problemOrder.map((i) => rollout.problems[i]),
      completions: order.map((i) => {
        const completion = rollout.completions[i];
        return { ...completion, prompt: problemOrder.indexOf(completion.prompt) };
      }),
      rewards: order.map((i) => rollout.rewards[i]),
    };
    const { gradients: found, metrics } = await stepOn(permuted);
    expectSameGradients(found, whole.gradients, { rtol: 1e-5, atol: 1e-6 });
    for (const name of ['loss', 'kl', 'entropy', 'reward', 'reward_std', 'num_tokens']) {
      expectClose([metrics[name]], [whole.metrics[name]], { label: name });
    }
  });

  test('rewards that are equal in every group give a gradient of exactly 0 without KL', async () => {
    const rollout = await roll();
    const equal = { ...rollout, rewards: [1, 1, 1, 1, 0, 0, 0, 0, 0.1, 0.1, 0.1, 0.1] };
    const { gradients: found, weights, metrics } = await stepOn(equal, { klCoef: 0 });
    for (const [name, gradient] of found) {
      expect(
        gradient.every((g) => g === 0),
        name,
      ).toBe(true);
    }
    expect(weights).toEqual(readFixture('tiny.safetensors').stateDict);
    expect(metrics).toMatchObject({ grad_norm: 0, frac_reward_zero_std: 1, reward_std: 0 });
    expect(Math.abs(metrics.policy_loss)).toBe(0);
  });

  test.each([
    {},
    { loss: 'dapo', dualClip: 1.5, entropyCoef: 0.1, klEstimator: 'exact' },
    { loss: 'dr_grpo', klEstimator: 'k3+' },
    { loss: 'gspo', clipRatio: 0.2, klEstimator: 'k2', microBatchTokens: 64 },
  ])('%o: the gradient is that of the loss, by finite differences', async (overrides) => {
    const rollout = varied(await roll());
    const start = readFixture('tiny.safetensors').stateDict;
    const policy = tiny();
    const trainer = replaying(
      new GrpoTrainer(policy, grpoOptions({ ...SMALL, klCoef: 0.2, lr: 1e-9, ...overrides }), {
        task: SMALL_TASK,
      }),
      rollout,
    );
    const base = moved(start);
    policy.load(base);
    await trainer.step();
    const found = await gradients(policy);
    const lossAt = async (name: string, at: number, by: number): Promise<number> => {
      const changed = new Map(base);
      const tensor = base.get(name);
      if (!tensor) throw new Error(`no ${name}`);
      const data = tensor.data.slice();
      data[at] += by;
      changed.set(name, { shape: tensor.shape, data });
      policy.load(changed);
      return (await trainer.step()).loss;
    };
    for (const name of [
      'tok_emb.weight',
      'blocks.0.v_proj.weight',
      'blocks.1.linear1.bias',
      'out_proj.weight',
    ]) {
      const gradient = found.get(name) ?? new Float32Array();
      // The steepest weight of the tensor: its differences stand out of the rounding of the loss.
      const at = gradient.reduce((best, g, i) => (Math.abs(g) > Math.abs(gradient[best]) ? i : best), 0);
      const eps = 5e-4;
      const slope = ((await lossAt(name, at, eps)) - (await lossAt(name, at, -eps))) / (2 * eps);
      expectClose([gradient[at]], [slope], { rtol: 0.03, atol: 1e-3, label: name });
    }
    trainer.dispose();
    policy.dispose();
  });

  test('two runs from the same seed are the same to the bit', async () => {
    const run = async (seed: number): Promise<[Omit<GrpoMetrics, 'step_time'>[], StateDict]> => {
      const policy = tiny();
      const trainer = new GrpoTrainer(
        policy,
        grpoOptions({ ...SMALL, maxNewTokens: 24, seed, microBatchTokens: 128 }),
        { task: SMALL_TASK },
      );
      const metrics: GrpoMetrics[] = [];
      for (let i = 0; i < 4; i++) metrics.push({ ...(await trainer.step()), step_time: 0 });
      const weights = await policy.stateDict();
      trainer.dispose();
      policy.dispose();
      return [metrics, weights];
    };
    const first = await run(1);
    expect(await run(1)).toEqual(first);
    expect((await run(2))[0]).not.toEqual(first[0]);
    // Problems and samples differ from step to step.
    expect(new Set(first[0].map(({ entropy }) => entropy)).size).toBe(4);
  });

  test('weights that are not finite: nothing is updated, and ten steps end the run', async () => {
    const rollout = varied(await roll());
    const policy = tiny();
    const trainer = replaying(new GrpoTrainer(policy, grpoOptions(SMALL), { task: SMALL_TASK }), rollout);
    const poisoned = new Map(await policy.stateDict());
    poisoned.set('out_proj.bias', { shape: [57], data: new Float32Array(57).fill(Number.NaN) });
    policy.load(poisoned);
    for (let i = 0; i < 9; i++) expect((await trainer.step()).grad_norm).toBeNaN();
    await expect(trainer.step()).rejects.toMatchObject({ code: 'DIVERGED', where: 'step 10' });
    expect(await policy.stateDict()).toEqual(poisoned);
    trainer.dispose();
    policy.dispose();
  });

  test('memory stays as it is from step to step, and dispose gives all of it back', async () => {
    const policy = tiny();
    const rollout = varied(await roll());
    replaying(new GrpoTrainer(policy, grpoOptions(SMALL), { task: SMALL_TASK }), rollout).dispose();
    const warm = new GrpoTrainer(policy, grpoOptions(SMALL), { task: SMALL_TASK });
    await warm.step();
    warm.dispose();
    const before = device.memory().liveBytes;
    const trainer = replaying(new GrpoTrainer(policy, grpoOptions(SMALL), { task: SMALL_TASK }), rollout);
    await trainer.step();
    const { liveBytes } = device.memory();
    for (let i = 0; i < 3; i++) await trainer.step();
    expect(device.memory().liveBytes).toBe(liveBytes);
    trainer.dispose();
    expect(device.memory().liveBytes).toBe(before);
    policy.dispose();
  });
});
