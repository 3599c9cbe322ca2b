/** GRPO steps against the float64 reference, from token ids to the gradient of every weight; and what must not matter. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import type { GrpoMetrics, Rollout } from '../../src/grpo/metrics.ts';
import { type GrpoOptions, grpoOptions } from '../../src/grpo/options.ts';
import { GrpoTrainer } from '../../src/grpo/trainer.ts';
import { ProblemStream } from '../../src/math/generator.ts';
import { grade } from '../../src/math/grader.ts';
import { prompt } from '../../src/math/sample.ts';
import { EOS } from '../../src/math/tokenizer.ts';
import type { StateDict } from '../../src/model/checkpoint/index.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import { openDevice, VARIANTS } from '../device.ts';
import {
  expectSameGradients,
  fixtureModel,
  gradients,
  gradients64,
  parameters64,
  readFixture,
} from '../model/referenceModels.ts';
import {
  type Array64,
  array,
  cat,
  gather,
  logSoftmax,
  maskedFill,
  mul,
  backward as oracleBackward,
  reshape,
  slice,
} from '../oracle/array.ts';
import { expectClose } from '../oracle/compare.ts';
import { advantages, clipFractions, type PolicyBatch, type TotalLoss, totalLoss } from '../oracle/grpo.ts';
import { normals } from '../oracle/random.ts';
import { type OracleConfig, forward as oracleForward } from '../oracle/transformer.ts';

const SMALL = {
  batchSize: 3,
  groupSize: 4,
  maxGenLen: 12,
  maxDigits: 1,
  maxDepth: 1,
  lr: 1e-3,
  gradClip: 0,
  seed: 7,
};

/** Lets a trainer learn from a given rollout in every step. */
function replaying(trainer: GrpoTrainer, rollout: Rollout): GrpoTrainer {
  trainer.rollout = () => Promise.resolve(rollout);
  return trainer;
}

/** The same completions with rewards and recorded log-probabilities that make every branch of the loss happen. */
function varied(rollout: Rollout): Rollout {
  return {
    ...rollout,
    completions: rollout.completions.map((completion, i) => {
      const noise = normals(50 + i, completion.logps.length, 0, 0.3);
      return { ...completion, logps: completion.logps.map((logp, t) => logp + noise[t]) };
    }),
    rewards: rollout.rewards.map((_, i) => [1, 0, 0.25, 0, 0, 1, 1, 1, 0.5, 0.5, 0.5, 0.5][i % 12]),
  };
}

/** Weights moved a little, as if trained meanwhile. */
function moved(stateDict: StateDict): StateDict {
  return new Map(
    [...stateDict].map(([name, { shape, data }], i) => {
      const noise = normals(900 + i, data.length, 0, 0.02);
      return [name, { shape, data: data.map((value, j) => value + noise[j]) }];
    }),
  );
}

/** The loss of a rollout by the definition, (completions, longest) padded, in float64. */
function reference(
  config: OracleConfig,
  policy: ReadonlyMap<string, Array64>,
  anchor: ReadonlyMap<string, Array64>,
  rollout: Rollout,
  options: GrpoOptions,
): TotalLoss & { readonly batch: PolicyBatch } {
  const { problems, completions, rewards } = rollout;
  const longest = Math.max(...completions.map(({ tokens }) => tokens.length));
  const padded = (values: ArrayLike<number>): number[] => [
    ...Array.from(values),
    ...new Array<number>(longest - values.length).fill(0),
  ];
  const scores = (params: ReadonlyMap<string, Array64>): Array64 => {
    const rows = completions.map(({ prompt: i, tokens, kept }) => {
      const start = prompt(problems[i].expression);
      const [logits] = oracleForward(config, params, [[...start, ...tokens]]);
      const scaled = mul(
        slice(logits, 0, start.length - 1, start.length + tokens.length - 1),
        1 / options.temperature,
      );
      const dropped = Array.from(scaled.data, (_, at) => {
        const [t, v] = [Math.floor(at / 57), at % 57];
        return kept ? 1 - ((kept[2 * t + (v >> 5)] >>> (v & 31)) & 1) : 0;
      });
      const table = logSoftmax(maskedFill(scaled, array(dropped, scaled.shape), Number.NEGATIVE_INFINITY));
      const chosen = gather(table, 1, { data: tokens, shape: [tokens.length, 1] });
      return cat(
        [
          reshape(chosen, [1, -1]),
          array(new Float64Array(longest - tokens.length), [1, longest - tokens.length]),
        ],
        1,
      );
    });
    return cat(rows, 0);
  };
  const shape = [completions.length, longest];
  const batch = {
    logProbs: scores(policy),
    oldLogProbs: array(
      completions.flatMap(({ logps }) => padded(logps)),
      shape,
    ),
    refLogProbs: scores(anchor).detach(),
    mask: array(
      completions.flatMap(({ tokens }) => padded(tokens.map(() => 1))),
      shape,
    ),
    advantages: array(advantages(rewards, options.groupSize)),
  };
  const clip = { epsilonLow: options.clipRatio, epsilonHigh: options.clipRatio };
  return { ...totalLoss(batch, { loss: 'grpo', maxLength: 1, ...clip, klCoef: options.klCoef }), batch };
}

describe.each(VARIANTS)('a step, $variant kernels', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test.each([
    ['tiny', {}],
    ['tiny', { temperature: 1.4, topK: 6, topP: 0.9 }],
    ['moe_tiny', { klCoef: 0.5, clipRatio: 0.1 }],
  ] as const)(
    '%s, %o: loss, metrics and every gradient of the float64 reference',
    async (name, overrides) => {
      const options = grpoOptions({ ...SMALL, ...overrides });
      const policy = fixtureModel(device, `${name}.safetensors`);
      const anchor = await policy.stateDict();
      const trainer = new GrpoTrainer(policy, options);
      const rollout = varied(await trainer.rollout());
      // Kept sets contain what was sampled, whatever the weights are now.
      policy.load(moved(anchor));
      const params = parameters64(await policy.stateDict());
      const metrics = await replaying(trainer, rollout).step();
      const expected = reference(policy.config, params, parameters64(anchor), rollout, options);
      oracleBackward(expected.total);
      const { low, high, region } = clipFractions(expected.batch, {
        epsilonLow: options.clipRatio,
        epsilonHigh: options.clipRatio,
      });
      expect(low).toBeGreaterThan(0);
      expect(high).toBeGreaterThan(0);
      expect(expected.kl.item()).toBeGreaterThan(1e-3);
      expectClose([metrics.loss, metrics.policy_loss], [expected.total.item(), expected.policy.item()], {
        rtol: 1e-4,
        atol: 1e-5,
      });
      expectClose(
        ['low', 'high', 'region'].map((side) => metrics[`clip_ratio/${side}_mean`]),
        [low, high, region],
        { rtol: 1e-9 },
      );
      const weights = new Map([...params].filter(([tensor]) => !tensor.endsWith('alibi_slopes')));
      expectSameGradients(await gradients(policy), gradients64(weights), { rtol: 1e-3, atol: 1e-5 });
      const squares = [...gradients64(weights).values()].reduce((sum, g) => sum + Math.hypot(...g) ** 2, 0);
      expectClose([metrics.grad_norm], [Math.sqrt(squares)], { rtol: 1e-3 });
      trainer.dispose();
      policy.dispose();
    },
  );

  test.each(['tiny', 'moe_tiny'])('%s: the first step is on policy', async (name) => {
    const policy = fixtureModel(device, `${name}.safetensors`);
    const trainer = new GrpoTrainer(
      policy,
      grpoOptions({ ...SMALL, maxGenLen: 64, maxDigits: 2, maxDepth: 2 }),
    );
    const metrics = await trainer.step();
    expect(metrics['completions/max_length']).toBeGreaterThan(10);
    expect(metrics['sampling/sampling_logp_difference/max']).toBeLessThan(1e-4);
    expect(metrics['clip_ratio/region_mean']).toBe(0);
    expect(metrics.kl).toBe(0);
    trainer.dispose();
    policy.dispose();
  });
});

describe('the GRPO trainer', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  const tiny = (): Transformer => fixtureModel(device, 'tiny.safetensors');

  /** A rollout of the small task from the fixture's weights. */
  async function roll(overrides: Partial<GrpoOptions> = {}): Promise<Rollout> {
    const policy = tiny();
    const trainer = new GrpoTrainer(policy, grpoOptions({ ...SMALL, ...overrides }));
    const rollout = await trainer.rollout();
    trainer.dispose();
    policy.dispose();
    return rollout;
  }

  /** Gradient, weights and metrics of one step from `rollout`. */
  async function stepOn(rollout: Rollout, overrides: Partial<GrpoOptions> = {}) {
    const policy = tiny();
    const trainer = replaying(new GrpoTrainer(policy, { ...grpoOptions(SMALL), ...overrides }), rollout);
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
    const trainer = new GrpoTrainer(policy, options);
    const { problems, completions, rewards } = await trainer.rollout();
    const stream = new ProblemStream(options, { split: 'training', stream: 2 });
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

  test('micro-batches of every size give the same gradient and the same step', async () => {
    const rollout = varied(await roll());
    const whole = await stepOn(rollout, { microBatchTokens: 1 << 20 });
    const before = flat(readFixture('tiny.safetensors').stateDict);
    expect(flat(whole.weights)).not.toEqual(before);
    // 1: every completion by itself.
    for (const microBatchTokens of [1, 30, 64, 100]) {
      const parts = await stepOn(rollout, { microBatchTokens });
      expectSameGradients(parts.gradients, whole.gradients, { rtol: 1e-5, atol: 1e-6 });
      expectClose([parts.metrics.loss, parts.metrics.kl], [whole.metrics.loss, whole.metrics.kl], {
        atol: 1e-6,
      });
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

  test('the gradient is that of the loss, by finite differences', async () => {
    const rollout = varied(await roll());
    const start = readFixture('tiny.safetensors').stateDict;
    const policy = tiny();
    const trainer = replaying(
      new GrpoTrainer(policy, grpoOptions({ ...SMALL, klCoef: 0.2, lr: 1e-9 })),
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
      const eps = 3e-3;
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
        grpoOptions({ ...SMALL, maxGenLen: 24, seed, microBatchTokens: 128 }),
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
    const trainer = replaying(new GrpoTrainer(policy, grpoOptions(SMALL)), rollout);
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
    replaying(new GrpoTrainer(policy, grpoOptions(SMALL)), rollout).dispose();
    const warm = new GrpoTrainer(policy, grpoOptions(SMALL));
    await warm.step();
    warm.dispose();
    const before = device.memory().liveBytes;
    const trainer = replaying(new GrpoTrainer(policy, grpoOptions(SMALL)), rollout);
    await trainer.step();
    const { liveBytes } = device.memory();
    for (let i = 0; i < 3; i++) await trainer.step();
    expect(device.memory().liveBytes).toBe(liveBytes);
    trainer.dispose();
    expect(device.memory().liveBytes).toBe(before);
    policy.dispose();
  });
});
