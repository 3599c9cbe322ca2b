/** Weights as bytes. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ClusterError } from '../../../src/cluster/protocol/error.ts';
import { readWeights, weightBytes } from '../../../src/cluster/protocol/weights.ts';
import { writeSafetensors } from '../../../src/formats/safetensors.ts';
import { initialStateDict, modelConfig, type StateDict } from '../../../src/model/index.ts';
import { writeWeights } from '../writeWeights.ts';

const CONFIGS = [
  modelConfig('tiny', { vocabSize: 20 }),
  modelConfig('tiny', { vocabSize: 20, shape: 'llama' }),
  modelConfig('tiny', { vocabSize: 20, shape: 'mpt', numExperts: 2, activeExperts: 1 }),
];

it.each(CONFIGS)('are read as they were written, in as many bytes as announced', (config) => {
  const weights = initialStateDict(config, 1);
  const bytes = writeWeights(weights);
  expect(readWeights(bytes, config)).toEqual(new Map(weights));
  expect(writeWeights(readWeights(bytes, config))).toEqual(bytes);
  const { numbers, most } = weightBytes(config);
  const count = [...weights.values()].reduce((sum, { data }) => sum + data.length, 0);
  expect(numbers).toBe(4 * count);
  expect(bytes.length).toBeGreaterThan(numbers);
  expect(bytes.length).toBeLessThanOrEqual(most);
});

const [TINY = modelConfig('tiny', { vocabSize: 20 }), LLAMA = TINY] = CONFIGS;
const badMessage = expect.objectContaining({ code: 'BAD_MESSAGE', where: 'weights' });

it('are refused if they are of another model, not finite, or not f32', () => {
  const weights = initialStateDict(TINY, 1);
  const with1 = (change: (data: Float32Array) => Float32Array | undefined): StateDict =>
    new Map(
      [...weights].flatMap(([name, tensor], i) => {
        const data = i === 0 ? change(tensor.data.slice()) : tensor.data;
        return data ? [[name, { ...tensor, data }]] : [];
      }),
    );
  expect(() => readWeights(writeWeights(weights), LLAMA)).toThrow(badMessage);
  expect(() => readWeights(writeWeights(with1(() => undefined)), TINY)).toThrow(badMessage);
  expect(() => readWeights(writeWeights(with1((data) => data.fill(Number.NaN, 3, 4))), TINY)).toThrow(
    badMessage,
  );
  const doubles = new Map(
    [...weights].map(
      ([name, { shape, data }]) =>
        [name, { dtype: 'F64' as const, shape, data: Float64Array.from(data) }] as const,
    ),
  );
  expect(() => readWeights(writeSafetensors({ tensors: doubles, metadata: new Map() }), TINY)).toThrow(
    badMessage,
  );
});

it('are refused, or read as finite numbers, with any byte changed', () => {
  const bytes = writeWeights(initialStateDict(TINY, 1));
  fc.assert(
    fc.property(fc.nat({ max: 8000 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ flip;
      try {
        for (const { data } of readWeights(changed, TINY).values())
          expect(data.every((value) => Number.isFinite(value))).toBe(true);
      } catch (error) {
        if (!(error instanceof ClusterError)) throw error;
        expect(error.code).toBe('BAD_MESSAGE');
      }
    }),
  );
});
