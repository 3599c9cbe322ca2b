/** Attention probabilities against the float64 reference, and against the outputs of the fused kernels. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { attentionProbabilities } from '../../src/model/attentionProbabilities.ts';
import type { ModelOverrides, ModelShape } from '../../src/model/config.ts';
import type { ObservedAttention } from '../../src/model/layers/pass.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { noGrad, Packing, Tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';
import { expectClose } from '../oracle/compare.ts';
import { integers } from '../oracle/random.ts';
import { forward } from '../oracle/transformer.ts';
import { parameters64, randomCheckpoint, randomModel } from './referenceModels.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const SHAPES: readonly (readonly [string, Partial<ModelOverrides<ModelShape>>])[] = [
  ['the original shape', {}],
  ['three heads', { dModel: 12, nHeads: 3, dFF: 40, vocabSize: 11 }],
  ['experts', { dModel: 16, nHeads: 1, dFF: 20, numExperts: 5, activeExperts: 2 }],
  ['mpt', { shape: 'mpt', dModel: 24, nHeads: 6, dFF: 96 }],
  ['llama, one key-value head for two', { shape: 'llama', nHeads: 4, nKVHeads: 2, dFF: 40 }],
  [
    'llama, one for three, wide',
    { shape: 'llama', dModel: 20, nHeads: 3, nKVHeads: 1, headDim: 12, dFF: 24 },
  ],
];

/** Compute the logits by the usual pass, and what each layer's attention computed them from. */
async function usualForward(model: Transformer, tokens: readonly number[]) {
  using _ = device.scope();
  const ids = Tensor.from(device, Uint32Array.from(tokens));
  const packing = new Packing([tokens.length]);
  const pending: Promise<{ output: Float32Array; values: Float32Array }>[] = [];
  const onAttention = async ({ qkv, output }: ObservedAttention): Promise<void> => {
    const read = async (tensor: Tensor) => Float32Array.from(await tensor.data());
    pending.push(Promise.all([read(output), read(qkv)]).then(([out, values]) => ({ output: out, values })));
  };
  const logits = await noGrad(() => model.forward(ids, packing)).data();
  noGrad(() => model.forward(ids, packing, { onAttention }));
  return { logits: Float32Array.from(logits), layers: await Promise.all(pending) };
}

describe.each(SHAPES)('%s', (_, overrides) => {
  test.each([1, 2, 40])('%i tokens: the probabilities of the float64 reference', async (length) => {
    const { config, stateDict } = randomCheckpoint(overrides);
    const model = new Transformer(device, config, stateDict);
    const tokens = integers(length, length, config.vocabSize);
    const expected: number[] = [];
    const [logits] = forward(config, parameters64(stateDict), [tokens], ({ data }) => expected.push(...data));
    const found = await attentionProbabilities(model, tokens);
    expect(found).toMatchObject({ layers: config.nLayers, heads: config.nHeads, length });
    expectClose(found.probabilities, expected, { rtol: 1e-4, atol: 1e-5 });
    expectClose(found.logits, logits.data, { rtol: 1e-5, atol: 1e-4 });
    model.dispose();
  });

  test('probabilities times values are what the fused kernel gives, and the logits are those of every pass', async () => {
    const model = randomModel(device, overrides, 2);
    const { config } = model;
    const tokens = integers(7, 33, config.vocabSize);
    const { logits, layers } = await usualForward(model, tokens);
    const found = await attentionProbabilities(model, tokens);
    expect(found.logits).toEqual(logits);
    const { heads, length, probabilities } = found;
    for (const [layer, { output, values }] of layers.entries()) {
      const headDim = output.length / length / heads;
      const width = values.length / length;
      const kvHeads = (width / headDim - heads) / 2;
      const products = Float64Array.from(output, (_, at) => {
        const [i, column] = [Math.floor(at / (heads * headDim)), at % (heads * headDim)];
        const [head, c] = [Math.floor(column / headDim), column % headDim];
        const valueColumn = (heads + kvHeads + Math.floor(head / (heads / kvHeads))) * headDim + c;
        let sum = 0;
        for (let j = 0; j < length; j++) {
          const weight = probabilities[((layer * heads + head) * length + i) * length + j];
          sum += weight * values[j * width + valueColumn];
        }
        return sum;
      });
      expectClose(output, products, { rtol: 1e-4, atol: 1e-5, label: `layer ${layer}` });
    }
    model.dispose();
  });
});

test('every row adds up to 1, and nothing is seen of what follows', async () => {
  const model = randomModel(device, { nHeads: 4 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 56 }), { minLength: 1, maxLength: 50 }), async (tokens) => {
      const { probabilities, layers, heads, length } = await attentionProbabilities(model, tokens);
      expect(probabilities).toHaveLength(layers * heads * length * length);
      for (let row = 0; row < layers * heads * length; row++) {
        const values = probabilities.subarray(row * length, (row + 1) * length);
        expectClose([values.reduce((sum, value) => sum + value, 0)], [1], { rtol: 1e-5 });
        expect(values.subarray((row % length) + 1).every((value) => value === 0)).toBe(true);
        expect(values.every((value) => value >= 0)).toBe(true);
      }
    }),
    { numRuns: 20 },
  );
  model.dispose();
});

test('tokens of another vocabulary, and too many, are refused', async () => {
  const model = randomModel(device, {});
  for (const tokens of [[], [57], [0.5], [-1]]) {
    await expect(attentionProbabilities(model, tokens)).rejects.toThrow('not all below 57');
  }
  const long = new Array<number>(8192).fill(0);
  await expect(attentionProbabilities(model, long)).rejects.toThrow('give a shorter text');
  model.dispose();
});
