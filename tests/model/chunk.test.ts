/**
 * Chunks of tokens in one dispatch against tokens one dispatch after another, and both against a forward pass that replays their
 * draws: for random models of every architecture, prompts, lengths and options.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { chunkForm } from '../../src/kernels/chunk/index.ts';
import { lanesKernel } from '../../src/kernels/chunk/lanes/kernel.ts';
import { lanesLayout } from '../../src/kernels/chunk/lanes/layout.ts';
import { ChunkWeights } from '../../src/model/chunkWeights.ts';
import { architectureOf, modelConfig } from '../../src/model/config.ts';
import { replayCompletions } from '../../src/model/replay.ts';
import { type Completion, type SampleOptions, Sampler } from '../../src/model/sampler.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import { isInterpreted, openDevice, randomCases } from '../device.ts';
import { expectClose } from '../oracle/compare.ts';
import { randomModel } from './referenceModels.ts';

/** An id that ends completions after about fifty tokens. */
const END = 7;
/** Largest difference of log-probabilities, and of noisy logits for tokens that are drawn differently. */
const TOLERANCE = { rtol: 0, atol: 1e-5 };
const NEAR_TIE = 1e-4;

const multipleOf = (step: number, min: number, max: number) =>
  fc.integer({ min: min / step, max: max / step }).map((n) => n * step);

const alibi = fc.record({
  shape: fc.constantFrom('mathformer' as const, 'mpt' as const),
  nHeads: fc.constantFrom(1, 2, 4),
  headDim: fc.constantFrom(4, 8, 12, 32),
  dFF: multipleOf(4, 4, isInterpreted ? 32 : 256),
  nLayers: fc.integer({ min: 1, max: isInterpreted ? 1 : 3 }),
  vocabSize: fc.integer({ min: 9, max: 90 }),
  bias: fc.boolean(),
  finalNorm: fc.boolean(),
  tieEmbeddings: fc.boolean(),
  scaleEmbedding: fc.boolean(),
});
const llama = fc.record({
  shape: fc.constant('llama' as const),
  nKVHeads: fc.constantFrom(1, 2),
  group: fc.constantFrom(1, 2, 3),
  headDim: fc.constantFrom(8, 16),
  dModel: multipleOf(4, 8, 128),
  dFF: multipleOf(4, 4, 200),
  nLayers: fc.integer({ min: 1, max: isInterpreted ? 1 : 3 }),
  vocabSize: fc.integer({ min: 9, max: 90 }),
  attentionBias: fc.boolean(),
  mlpBias: fc.boolean(),
  tieEmbeddings: fc.boolean(),
});
const models = fc.oneof(
  alibi.map(({ headDim, ...fields }) => ({ ...fields, dModel: fields.nHeads * headDim })),
  llama.map(({ group, ...fields }) => ({ ...fields, nHeads: group * fields.nKVHeads })),
);
const options = fc.record({
  maxNewTokens: fc.integer({ min: 1, max: isInterpreted ? 5 : 50 }),
  groupSize: fc.integer({ min: 1, max: isInterpreted ? 1 : 3 }),
  temperature: fc.constantFrom(0, 0.5, 1, 1.7),
  topK: fc.constantFrom(0, 1, 5, 9),
  topP: fc.constantFrom(1, 0.9, 0.4),
  minP: fc.constantFrom(0, 0.05, 0.5),
  seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  firstSequenceId: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
});
const prompts = fc.array(fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 40 }), {
  minLength: 1,
  maxLength: isInterpreted ? 2 : 4,
});

/** Expect that a forward pass draws these completions, with the same log-probabilities. */
async function expectDrawn(
  model: Transformer,
  given: readonly (readonly number[])[],
  completions: readonly Completion[],
  sampling: SampleOptions,
): Promise<void> {
  const { logps, margins, filterGaps } = await replayCompletions(model, given, completions, sampling);
  expectClose(
    completions.flatMap((completion) => [...completion.logps]),
    logps,
    TOLERANCE,
  );
  expect(Math.max(...margins)).toBeLessThanOrEqual(NEAR_TIE);
  expect(Math.max(...filterGaps)).toBeLessThanOrEqual(NEAR_TIE);
}

async function generated(model: Transformer, given: readonly (readonly number[])[], sampling: SampleOptions) {
  const sampler = new Sampler(model, { eos: END });
  const completions = await sampler.generate(given, sampling);
  sampler.dispose();
  return completions;
}

describe('chunks', () => {
  let chunked: Device;
  let single: Device;
  beforeAll(async () => {
    chunked = await openDevice({ adapterClass: 'gpu' });
    single = await openDevice({ adapterClass: 'cpu' });
  });
  afterAll(() => {
    chunked.destroy();
    single.destroy();
  });

  test('random models draw the same tokens in chunks as one by one, and as a forward pass does', async () => {
    let [same, all] = [0, 0];
    await fc.assert(
      fc.asyncProperty(models, prompts, options, async (fields, given, sampling) => {
        const [inChunks, oneByOne] = [randomModel(chunked, fields), randomModel(single, fields)];
        expect(ChunkWeights.of(inChunks)).toBeDefined();
        expect(ChunkWeights.of(oneByOne)).toBeUndefined();
        const topK = Math.min(sampling.topK, fields.vocabSize);
        const found = await generated(inChunks, given, { ...sampling, topK });
        const expected = await generated(oneByOne, given, { ...sampling, topK });
        await expectDrawn(inChunks, given, found, { ...sampling, topK });
        await expectDrawn(oneByOne, given, expected, { ...sampling, topK });
        // Both are drawn: where they differ, two tokens were as likely up to rounding errors.
        for (const [i, { tokens, logps, kept, ...rest }] of found.entries()) {
          const other = expected[i] as Completion;
          all += 1;
          if (`${tokens}` !== `${other.tokens}`) continue;
          same += 1;
          expectClose(logps, other.logps, TOLERANCE);
          expect(rest).toEqual({ prompt: other.prompt, finished: other.finished });
          expect(kept?.length).toBe(other.kept?.length);
        }
        for (const model of [inChunks, oneByOne]) model.dispose();
      }),
      { numRuns: randomCases(isInterpreted ? 3 : 15) },
    );
    expect(same).toBeGreaterThanOrEqual(Math.floor(0.98 * all));
  });

  test('a rollout takes one dispatch for 16 tokens, beside its prefill', async () => {
    const model = randomModel(chunked, { vocabSize: 57 });
    const sampler = new Sampler(model, { eos: null });
    const spent = async (maxNewTokens: number): Promise<number> => {
      const before = chunked.counters().dispatches;
      await sampler.generate([[1, 2], [3]], { maxNewTokens, groupSize: 2, temperature: 1, seed: 1 });
      return chunked.counters().dispatches - before;
    };
    await spent(2); // packs the weights
    const prefill = await spent(1);
    expect(await spent(17)).toBe(prefill + 1);
    expect(await spent(50)).toBe(prefill + 4);
    sampler.dispose();
    model.dispose();
  });

  test('it samples from the weights as they are now', async () => {
    const model = randomModel(chunked, {}, 1);
    const other = randomModel(chunked, {}, 2);
    const sampler = new Sampler(model, { eos: END });
    const sampling = { maxNewTokens: 20, groupSize: 4, temperature: 1, seed: 3 };
    const before = await sampler.generate([[1]], sampling);
    model.parameters.copyFrom(other.parameters);
    const after = await sampler.generate([[1]], sampling);
    expect(after).toEqual(await generated(other, [[1]], sampling));
    expect(after).not.toEqual(before);
    sampler.dispose();
    for (const each of [model, other]) each.dispose();
  });

  test('a batch that exceeds the memory limit is cut, to the same bits', async () => {
    const wide = { dModel: 64, nHeads: 4, dFF: 256, nLayers: 2 };
    const sampling = { maxNewTokens: isInterpreted ? 4 : 20, temperature: 1, seed: 1, groupSize: 6, topK: 9 };
    const given = Array.from({ length: 9 }, (_, i) => [i, 1, 2]);
    const limited = await openDevice({ memoryLimit: 3 * 2 ** 20, adapterClass: 'gpu' });
    const [model, whole] = [randomModel(limited, wide), randomModel(chunked, wide)];
    const sampler = new Sampler(model, { eos: END });
    expect(await sampler.generate(given, sampling)).toEqual(await generated(whole, given, sampling));
    expect(limited.memory().peakBytes).toBeLessThanOrEqual(3 * 2 ** 20);
    limited.destroy();
    whole.dispose();
  });

  test('wide models, mixtures of experts and heads that cannot be turned as vec4s take no chunks', async () => {
    for (const fields of [
      { dModel: 132, nHeads: 3 },
      { numExperts: 4, activeExperts: 2 },
      { shape: 'llama' as const, dModel: 32, nHeads: 4, headDim: 12 },
    ]) {
      const model = randomModel(chunked, fields);
      expect(ChunkWeights.of(model)).toBeUndefined();
      model.dispose();
    }
  });
});

const LIMITS = { maxComputeWorkgroupStorageSize: 16_384, maxComputeInvocationsPerWorkgroup: 256 };

test('a workgroup keeps to 16 KB and 256 invocations, and the layout counts what the kernel declares', () => {
  fc.assert(
    fc.property(models, fc.boolean(), fc.constantFrom(1, 2, 4), (fields, filtered, most) => {
      const config = modelConfig('tiny', { dropout: 0, ...fields });
      const { chunk } = architectureOf(config).decoder(config);
      const form = chunk && chunkForm(chunk, () => 0);
      const layout = form && lanesLayout(form, filtered, most, LIMITS);
      if (!form || !layout) throw new Error(`no layout for ${JSON.stringify(fields)}`);
      expect(layout.sequences).toBeLessThanOrEqual(most);
      expect(layout.threads).toBeLessThanOrEqual(256);
      const { wgsl, bufferNames } = lanesKernel({ form, layout, filtered });
      const declared = [...wgsl.matchAll(/var<workgroup> \w+: array<(.*), (\d+)>;/g)];
      const sizes: Readonly<Record<string, number>> = {
        vec4f: 16,
        f32: 4,
        u32: 4,
        'atomic<u32>': 4,
        Slot: 16,
      };
      const bytes = declared.reduce(
        (sum, [, type = '', count]) => sum + (sizes[type] ?? Number.NaN) * Number(count),
        0,
      );
      expect(declared.length).toBe(filtered ? 11 : 9);
      expect(bytes).toBeLessThanOrEqual(16_384);
      expect(bufferNames.length).toBeLessThanOrEqual(8);
    }),
    { numRuns: 60 },
  );
});
