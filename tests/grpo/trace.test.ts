/** The trace of a step against the float64 reference, for every way in which completions are learnt from or left out. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { type GrpoOptions, grpoOptions } from '../../src/grpo/options.ts';
import { groupsOf, joined, type Rollout } from '../../src/grpo/rollout.ts';
import type { StepTrace } from '../../src/grpo/trace.ts';
import { GrpoTrainer } from '../../src/grpo/trainer.ts';
import { openDevice } from '../device.ts';
import { fixtureModel, parameters64, readFixture } from '../model/referenceModels.ts';
import { expectClose } from '../oracle/compare.ts';
import { reference, replaying, SMALL, SMALL_TASK, varied } from './rollouts.ts';

let device: Device;
let rollout: Rollout;
beforeAll(async () => {
  device = await openDevice();
  rollout = varied(await withTrainer({}, (trainer) => trainer.rollout()));
});
afterAll(() => device.destroy());

async function withTrainer<Result>(
  overrides: Partial<GrpoOptions>,
  work: (trainer: GrpoTrainer) => Promise<Result>,
): Promise<Result> {
  const policy = fixtureModel(device, 'tiny.safetensors');
  const trainer = new GrpoTrainer(policy, grpoOptions({ ...SMALL, ...overrides }), { task: SMALL_TASK });
  const result = await work(trainer);
  trainer.dispose();
  policy.dispose();
  return result;
}

/** Learn from a rollout, and trace the step. */
function traced(overrides: Partial<GrpoOptions>, from: Rollout, groups = 3): Promise<StepTrace> {
  return withTrainer(overrides, async (trainer) => {
    await replaying(trainer, from).step();
    const trace = trainer.trace(groups);
    if (!trace) throw new Error('there is no trace');
    return trace;
  });
}

const completionsOf = ({ groups }: StepTrace) => groups.flatMap(({ completions }) => completions);
const isMissing = (values: Float32Array): boolean => values.length > 0 && values.every(Number.isNaN);

describe('the trace of a step', () => {
  test.each([
    ['one optimiser step', {}],
    ['two epochs', { epochs: 2 }],
    ['small micro-batches', { microBatchTokens: 64 }],
    ['the exact KL', { klEstimator: 'exact' }],
    ['k3+', { klEstimator: 'k3+', epochs: 2 }],
  ] as const)('has the values of the first optimiser step: %s', async (_, overrides) => {
    const { config, stateDict } = readFixture('tiny.safetensors');
    const params = parameters64(stateDict);
    const options = grpoOptions({ ...SMALL, ...overrides });
    const { batch } = reference(config, params, params, rollout, options);
    const [, longest = 0] = batch.logProbs.shape;
    const trace = await traced(overrides, rollout);
    const order = trace.groups.map(({ expression }) =>
      rollout.problems.findIndex((problem) => problem.expression === expression),
    );
    // The rewards of the last group are equal.
    expect(order).toEqual([0, 1, 2]);
    for (const [i, { tokens, logp, oldLogp, entropy, kl, advantage }] of completionsOf(trace).entries()) {
      const row = (values: Float64Array) => values.slice(i * longest, i * longest + tokens.length);
      expectClose(logp, row(batch.logProbs.data), { rtol: 1e-4, atol: 1e-4, label: `logp ${i}` });
      expectClose(entropy, row(batch.tokenEntropy.data), { rtol: 1e-4, atol: 1e-4, label: `entropy ${i}` });
      expectClose([advantage], [batch.advantages.data[i]], { rtol: 1e-5, atol: 1e-6 });
      expect(oldLogp).toEqual(rollout.completions[i].logps);
      // The policy is still the reference.
      expectClose(
        kl,
        kl.map(() => 0),
        { rtol: 0, atol: 1e-5, label: `KL ${i}` },
      );
    }
  });

  test('has the texts, rewards and verdicts of completions, and the rewards of every group', async () => {
    const trace = await traced({}, rollout, 1);
    expect(trace).toMatchObject({ step: 1, loss: 'grpo', clipRatio: 0.2, clipRatioHigh: 0.2 });
    expect(trace.rewards.map(({ rewards }) => [...rewards])).toEqual([
      [1, 0, 0.25, 0],
      [0, 1, 1, 1],
      [0.5, 0.5, 0.5, 0.5],
    ]);
    const [group] = trace.groups;
    expect(trace.groups).toHaveLength(1);
    expect(group?.prompt.join('')).toBe(SMALL_TASK.tokenizer.decode(SMALL_TASK.prompt(rollout.problems[0])));
    for (const [i, { texts, tokens, reward, correct, finished }] of (group?.completions ?? []).entries()) {
      const completion = rollout.completions[i];
      expect(texts.join('')).toBe(SMALL_TASK.tokenizer.decode(completion.tokens));
      expect(tokens).toEqual(completion.tokens);
      expect(reward).toBe(rollout.rewards[i]);
      expect(finished).toBe(completion.finished);
      expect(correct).toBe(SMALL_TASK.grade(rollout.problems[0], tokens).outcome === 'correct');
    }
  });

  test('gives equal completions the values that were computed once', async () => {
    const [first, second] = groupsOf(rollout, SMALL.groupSize);
    const [one, other] = first.completions;
    const repeated = { ...first, completions: [one, { ...one }, { ...one }, other], rewards: [1, 1, 1, 0] };
    const completions = completionsOf(await traced({}, joined([repeated, second]), 1));
    expect(completions.slice(1, 3).map(({ logp }) => logp)).toEqual([
      completions[0].logp,
      completions[0].logp,
    ]);
    expect(completions[0].logp.every(Number.isFinite)).toBe(true);
  });

  test('shows the first values of each mini-batch', async () => {
    const whole = await traced({}, rollout);
    const parts = await traced({ miniBatches: 3, epochs: 2 }, rollout);
    const logps = ({ groups }: StepTrace) =>
      groups.map(({ completions }) => completions.flatMap(({ logp }) => [...logp]));
    // One group is in the first mini-batch, before any optimiser step; the others are behind one.
    const unmoved = logps(parts).filter((logp, group) => `${logp}` === `${logps(whole)[group]}`);
    expect(unmoved).toHaveLength(1);
    expect(logps(parts).flat().every(Number.isFinite)).toBe(true);
  });

  test('shows what was not learnt from, without values', async () => {
    const masked = completionsOf(await traced({ maskTruncated: true }, rollout));
    expect(masked.some(({ finished }) => !finished)).toBe(true);
    for (const { finished, logp, kl, entropy, oldLogp } of masked) {
      expect([logp, kl, entropy].map(isMissing)).toEqual([!finished, !finished, !finished]);
      expect(oldLogp.every(Number.isFinite)).toBe(true);
    }
    const [first, second, third] = groupsOf(rollout, SMALL.groupSize);
    const trace = await traced({}, { ...joined([first, second]), dropped: third });
    expect(trace.rewards.map(({ dropped }) => dropped)).toEqual([false, false, true]);
    const missing = completionsOf(trace).map(({ advantage, logp }) => [
      Number.isNaN(advantage),
      isMissing(logp),
    ]);
    expect(missing).toEqual([0, 1, 2].flatMap((group) => [0, 1, 2, 3].map(() => [group === 2, group === 2])));
  });

  test('has no KL without a reference', async () => {
    const completions = completionsOf(await traced({ klCoef: 0 }, rollout));
    expect(completions.map(({ kl }) => isMissing(kl))).toEqual(completions.map(() => true));
  });
});

test('there is none before the first step, and of a step without rewards', async () => {
  await withTrainer({}, async (trainer) => {
    expect(trainer.trace(1)).toBeUndefined();
    await replaying(trainer, rollout).step();
    expect(trainer.trace(1)?.step).toBe(1);
  });
  const policy = fixtureModel(device, 'tiny.safetensors');
  let calls = 0;
  const rewards = [{ name: 'odd', reward: () => (calls++ < 12 ? 1 : Number.NaN) }];
  const trainer = new GrpoTrainer(policy, grpoOptions(SMALL), { task: SMALL_TASK, rewards });
  await trainer.step();
  expect(trainer.trace(1)?.step).toBe(1);
  await trainer.step();
  expect(trainer.trace(1)).toBeUndefined();
  trainer.dispose();
  policy.dispose();
});
