/** A real llama: the logits and the story of llama2.c, and the gradients of the float64 reference. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { Sampler } from '../../src/model/sampler.ts';
import { scoreTokens } from '../../src/model/score.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { loadCheckpoint } from '../../src/runs/checkpointFile.ts';
import { backward, mul, noGrad, Packing, sum, Tensor } from '../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../device.ts';
import { backward as oracleBackward } from '../oracle/array.ts';
import { expectClose } from '../oracle/compare.ts';
import { nextTokenLoss } from '../oracle/transformer.ts';
import { expectSameGradients, gradients, gradients64, parameters64 } from './referenceModels.ts';
import { hasStories, STORIES, storiesGolden } from './stories.ts';

describe.skipIf(!hasStories).each(VARIANTS)('stories260K, $variant kernels', ({ portableKernels }) => {
  let device: Device;
  let model: Transformer;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
    const { config, stateDict } = loadCheckpoint(STORIES);
    model = new Transformer(device, config, stateDict);
  });
  afterAll(() => device?.destroy());

  test('logits of every position, packed together', async () => {
    const { cases } = storiesGolden();
    expect(cases.length).toBe(6);
    using _ = device.scope();
    const tokens = Tensor.from(device, Uint32Array.from(cases.flatMap(({ ids }) => ids)));
    const packing = new Packing(cases.map(({ ids }) => ids.length));
    const found = Float32Array.from(await noGrad(() => model.forward(tokens, packing)).data());
    expectClose(
      found,
      cases.flatMap(({ logits }) => logits.flat()),
      { rtol: 0, atol: 1e-4 },
    );
  });

  test('the story, and log-probabilities that are those of scoring', async () => {
    const { greedy } = storiesGolden();
    const sampler = new Sampler(model, { eos: 2 });
    const [start = 1, ...story] = greedy;
    const options = { maxNewTokens: story.length, temperature: 0, seed: 0 };
    const [told] = await sampler.generate([[start]], options);
    expect(told.tokens).toEqual(story);
    const sampled = await sampler.generate([[start], greedy.slice(0, 20)], {
      ...{ ...options, maxNewTokens: 100, temperature: 1, groupSize: 4 },
    });
    using _ = device.scope();
    const scored = [{ ...told, prompt: 0 }, ...sampled].map(({ prompt, tokens }) => {
      const before = prompt === 0 ? [start] : greedy.slice(0, 20);
      return { tokens: [...before, ...tokens], from: before.length };
    });
    const { logp } = noGrad(() => scoreTokens(model, scored));
    const recorded = [told, ...sampled].flatMap(({ logps }) => [...logps]);
    expectClose(Float32Array.from(await logp.data()), recorded, { rtol: 0, atol: 1e-4 });
    sampler.dispose();
  });

  test('the gradient of every weight', async () => {
    const sequences = storiesGolden().cases.flatMap(({ ids }) => (ids.length > 1 ? [ids] : []));
    using _ = device.scope();
    model.parameters.zeroGrad();
    const scored = sequences.map((tokens) => ({ tokens, from: 1 }));
    const { logp } = scoreTokens(model, scored);
    const loss = mul(sum(logp), -1 / logp.size);
    backward(loss);
    const params = parameters64(await model.stateDict());
    const expected = nextTokenLoss(model.config, params, sequences);
    oracleBackward(expected);
    expectClose([await loss.item()], [expected.item()], { rtol: 1e-5 });
    expectSameGradients(await gradients(model), gradients64(params), { rtol: 1e-4, atol: 1e-6 });
  });
});
