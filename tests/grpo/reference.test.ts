/** GRPO steps against the float64 reference, from token ids to the gradient of every weight, for every loss. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import { GrpoTrainer, type Rollout } from '../../src/grpo/trainer.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import { arithmetic } from '../../src/tasks/arithmetic/task.ts';
import { openDevice, VARIANTS } from '../device.ts';
import {
  expectSameGradients,
  fixtureModel,
  gradients,
  gradients64,
  parameters64,
  randomModel,
} from '../model/referenceModels.ts';
import { backward } from '../oracle/array.ts';
import { expectClose } from '../oracle/compare.ts';
import { clipFractions } from '../oracle/grpo.ts';
import { moved, reference, replaying, SMALL, SMALL_TASK, varied } from './rollouts.ts';

/** Check a step of a policy that has changed since the rollout, with an unchanged reference. */
async function checkStep(device: Device, name: string, overrides: object): Promise<void> {
  const options = grpoOptions({ ...SMALL, ...overrides });
  const policy = modelOf(device, name);
  const anchor = await policy.stateDict();
  const trainer = new GrpoTrainer(policy, options, { task: SMALL_TASK });
  const rollout = cutShort(varied(await trainer.rollout()));
  // Kept sets contain what was sampled, whatever the weights are now.
  policy.load(moved(anchor));
  const params = parameters64(await policy.stateDict());
  const metrics = await replaying(trainer, rollout).step();
  const expected = reference(policy.config, params, parameters64(anchor), rollout, options);
  backward(expected.total);
  expect(Math.abs(expected.kl.item())).toBeGreaterThan(1e-3);
  const { total, policy: policyLoss } = expected;
  expectClose([metrics.loss, metrics.policy_loss], [total.item(), policyLoss.item()], {
    rtol: 1e-4,
    atol: 1e-5,
  });
  if (options.loss !== 'gspo') {
    const range = { epsilonLow: options.clipRatio, epsilonHigh: options.clipRatioHigh };
    const { low, high, region } = clipFractions(expected.batch, range);
    expect(region).toBeGreaterThan(0);
    expectClose(
      ['low', 'high', 'region'].map((side) => metrics[`clip_ratio/${side}_mean`]),
      [low, high, region],
      { rtol: 1e-9 },
    );
  }
  const weights = new Map([...params].filter(([tensor]) => !tensor.endsWith('alibi_slopes')));
  expectSameGradients(await gradients(policy), gradients64(weights), { rtol: 1e-3, atol: 1e-5 });
  const squares = [...gradients64(weights).values()].reduce((sum, g) => sum + Math.hypot(...g) ** 2, 0);
  expect(squares).toBeGreaterThan(0);
  expectClose([metrics.grad_norm], [Math.sqrt(squares)], { rtol: 1e-3 });
  trainer.dispose();
  policy.dispose();
}

/** A committed checkpoint, or a random llama. */
const modelOf = (device: Device, name: string): Transformer =>
  name === 'llama'
    ? randomModel(device, { shape: 'llama', nHeads: 4, nKVHeads: 2, dFF: 64, tieEmbeddings: true })
    : fixtureModel(device, `${name}.safetensors`);

/** Cut off every other completion of a rollout. */
function cutShort(rollout: Rollout): Rollout {
  const completions = rollout.completions.map((completion, i) => ({ ...completion, finished: i % 2 === 0 }));
  return { ...rollout, completions };
}

describe.each(VARIANTS)('a step, $variant kernels', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test.each([
    ['tiny', {}],
    ['tiny', { temperature: 1.4, topK: 6, topP: 0.9, minP: 0.02 }],
    ['llama', { temperature: 1.4, topK: 6 }],
    ['moe_tiny', { klCoef: 0.5, clipRatio: 0.1 }],
    ['tiny', { loss: 'gspo', clipRatio: 0.05, clipRatioHigh: 0.1, klEstimator: 'k2' }],
    ['tiny', { klEstimator: 'exact', temperature: 1.4, topK: 20, microBatchTokens: 128 }],
  ])('%s, %o: loss, metrics and every gradient of the float64 reference', (name, overrides) =>
    checkStep(device, name, overrides),
  );

  test.each(['tiny', 'moe_tiny', 'llama'])('%s: the first step is on policy', async (name) => {
    const policy = modelOf(device, name);
    const trainer = new GrpoTrainer(policy, grpoOptions({ ...SMALL, maxNewTokens: 64 }), {
      task: arithmetic({ maxDigits: 2, maxDepth: 2 }),
    });
    const metrics = await trainer.step();
    expect(metrics['completions/max_length']).toBeGreaterThan(10);
    expect(metrics['sampling/sampling_logp_difference/max']).toBeLessThan(1e-4);
    expect(metrics['clip_ratio/region_mean']).toBe(0);
    expect(metrics.kl).toBe(0);
    trainer.dispose();
    policy.dispose();
  });
});

describe('other losses and terms', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test.each([
    { loss: 'grpo', maskTruncated: true, advantages: 'center', entropyCoef: 0.05 },
    { loss: 'dr_grpo', advantages: 'center', klEstimator: 'k3+' },
    { loss: 'dapo', dualClip: 1.2, entropyCoef: 0.1 },
    { loss: 'dapo', maskTruncated: true, klEstimator: 'exact' },
    { loss: 'gspo', maskTruncated: true, klCoef: 0.5, microBatchTokens: 64 },
    { loss: 'cispo', klEstimator: 'k2', temperature: 0.8, minP: 0.01 },
  ])('%o: loss, metrics and every gradient of the float64 reference', (overrides) =>
    checkStep(device, 'tiny', overrides),
  );
});
