/** Model configs: presets, validation messages, ALiBi slopes worked by hand, parameter names and counts. */

import fc from 'fast-check';
import { expect, it, describe as suite } from 'vitest';
import type { AlibiConfig } from '../../src/model/architectures/mathformer.ts';
import {
  describe,
  type ModelConfig,
  type ModelOverrides,
  modelConfig,
  validateModelConfig,
} from '../../src/model/config.ts';
import { alibiSlopes } from '../../src/model/layers/position.ts';
import { ModelConfigError } from '../../src/model/modelConfigError.ts';
import { parameterShapes } from '../../src/model/stateDict.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';

const total = (config: ModelConfig): number =>
  [...parameterShapes(config).values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);

/** Parameters counted from the architecture's formula, not from names. */
function countByFormula(c: AlibiConfig): number {
  const linear = (out: number, input: number) => out * input + (c.bias ? out : 0);
  const norm = c.bias ? 2 * c.dModel : c.dModel;
  const feedForward = linear(c.dFF, c.dModel) + linear(c.dModel, c.dFF);
  const mixture = c.numExperts === 0 ? feedForward : c.numExperts * (feedForward + c.dModel);
  const block = 4 * linear(c.dModel, c.dModel) + mixture + 2 * norm;
  const output = (c.tieEmbeddings ? 0 : c.vocabSize * c.dModel) + (c.bias ? c.vocabSize : 0);
  return c.vocabSize * c.dModel + c.nLayers * block + (c.finalNorm ? norm : 0) + output;
}

const arbitraryConfig: fc.Arbitrary<AlibiConfig> = fc
  .record({
    nHeads: fc.integer({ min: 1, max: 12 }),
    headWidth: fc.integer({ min: 1, max: 8 }),
    vocabSize: fc.integer({ min: 1, max: 99 }),
    dFF: fc.integer({ min: 1, max: 40 }),
    nLayers: fc.integer({ min: 1, max: 12 }),
    numExperts: fc.integer({ min: 0, max: 4 }),
    active: fc.integer({ min: 0, max: 3 }),
    flags: fc.record({
      bias: fc.boolean(),
      finalNorm: fc.boolean(),
      tieEmbeddings: fc.boolean(),
      scaleEmbedding: fc.boolean(),
    }),
  })
  .map(({ nHeads, headWidth, numExperts, active, flags, ...sizes }) =>
    modelConfig('tiny', {
      ...sizes,
      ...flags,
      nHeads,
      dModel: nHeads * headWidth,
      numExperts,
      activeExperts: numExperts === 0 ? 0 : 1 + (active % numExperts),
    }),
  );

suite('modelConfig', () => {
  it.each([
    ['tiny', '2 layers, 32 dim, 128 hidden', 2],
    ['small', '4 layers, 64 dim, 256 hidden', 4],
    ['medium', '8 layers, 512 dim, 2048 hidden', 8],
    ['large', '8 layers, 768 dim, 3072 hidden', 8],
  ] as const)('%s is %s', (size, text, heads) => {
    const config = modelConfig(size, { vocabSize: VOCAB_SIZE });
    expect(describe(config)).toBe(text);
    expect(config).toMatchObject({
      nHeads: heads,
      dropout: 0.05,
      vocabSize: 57,
      numExperts: 0,
      activeExperts: 0,
    });
  });

  it('names the experts of a mixture', () => {
    const config = modelConfig('tiny', { vocabSize: VOCAB_SIZE, numExperts: 4, activeExperts: 2 });
    expect(describe(config)).toBe('2 layers, 32 dim, 128 hidden, 4 experts (2 active)');
  });

  it('has two shapes, of which single flags can be changed', () => {
    const flags = (overrides?: Partial<ModelOverrides>) => {
      const { bias, finalNorm, tieEmbeddings, scaleEmbedding } = modelConfig('tiny', {
        vocabSize: VOCAB_SIZE,
        ...overrides,
      });
      return [bias, finalNorm, tieEmbeddings, scaleEmbedding];
    };
    expect(flags()).toEqual([true, false, false, true]);
    expect(flags({ shape: 'mpt' })).toEqual([false, true, true, false]);
    expect(flags({ shape: 'mpt', scaleEmbedding: true })).toEqual([false, true, true, true]);
  });

  it.each<[string, Partial<ModelOverrides>, RegExp]>([
    [
      'heads',
      { dModel: 30, nHeads: 4 },
      /dModel 30 is not divisible by nHeads 4; use a multiple such as dModel 32/,
    ],
    ['experts', { numExperts: 2, activeExperts: 3 }, /activeExperts 3 exceeds numExperts 2; use at most 2/],
    ['experts unset', { activeExperts: 2 }, /activeExperts 2 exceeds numExperts 0; set numExperts/],
    [
      'no active',
      { numExperts: 2 },
      /activeExperts is 0 although numExperts is 2; set activeExperts to 1 … 2/,
    ],
    ['zero', { nLayers: 0 }, /nLayers: .*1/],
    ['fraction', { dFF: 1.5 }, /dFF: .*int/],
    ['NaN', { vocabSize: Number.NaN }, /vocabSize: /],
    ['dropout', { dropout: 1 }, /dropout: /],
    ['too many', { nLayers: 1024, numExperts: 256, activeExperts: 1 }, /over 16384 experts; use fewer/],
  ])('refuses bad %s by name', (_, overrides, message) => {
    expect(() => modelConfig('tiny', { vocabSize: VOCAB_SIZE, ...overrides })).toThrow(ModelConfigError);
    expect(() => modelConfig('tiny', { vocabSize: VOCAB_SIZE, ...overrides })).toThrow(message);
  });

  it('refuses unknown sizes and shapes, also those of Object.prototype', () => {
    for (const size of ['huge', 'toString', '__proto__']) {
      expect(() => modelConfig(size as 'tiny', { vocabSize: VOCAB_SIZE })).toThrow(
        /use one of tiny, small, medium, large/,
      );
    }
    expect(() => modelConfig('tiny', { vocabSize: VOCAB_SIZE, shape: 'gpt' as 'mpt' })).toThrow(
      /use one of mathformer, mpt/,
    );
  });

  it.each(['mathformer', 'mpt'] as const)(
    'takes a config of %s from before architectures had names',
    (shape) => {
      const config = modelConfig('tiny', { shape, vocabSize: VOCAB_SIZE });
      const { architecture, ...old } = config;
      expect(architecture).toBe(shape);
      expect(validateModelConfig(old)).toEqual(config);
    },
  );

  it('has llamas, whose key-value heads divide the heads', () => {
    const config = modelConfig('small', { shape: 'llama', vocabSize: VOCAB_SIZE, nKVHeads: 2 });
    expect(config).toMatchObject({ architecture: 'llama', headDim: 16, nKVHeads: 2, tieEmbeddings: false });
    expect(describe(config)).toBe('4 layers, 64 dim, 256 hidden, llama with 2 key-value heads');
    expect(validateModelConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
    for (const [changes, message] of [
      [{ nKVHeads: 3 }, /nKVHeads 3 does not divide nHeads 4/],
      [{ ropeTheta: 0 }, /ropeTheta: /],
      [{ dModel: 62 }, /headDim: /],
    ] as const) {
      expect(() => modelConfig('small', { shape: 'llama', vocabSize: 9, ...changes })).toThrow(message);
    }
    expect(() => validateModelConfig({ ...config, bias: true })).toThrow(ModelConfigError);
    expect(() => validateModelConfig({ ...config, architecture: 'gpt' })).toThrow(/no architecture "gpt"/);
  });

  it('refuses what is not a config at all', () => {
    for (const candidate of [
      null,
      'tiny',
      [],
      {},
      { ...modelConfig('tiny', { vocabSize: VOCAB_SIZE }), extra: 1 },
    ]) {
      expect(() => validateModelConfig(candidate)).toThrow(ModelConfigError);
    }
  });
});

suite('alibiSlopes', () => {
  const half = (exponent: number) => Math.fround(2 ** -exponent);
  it.each([
    [1, [8]],
    [2, [4, 8]],
    [4, [2, 4, 6, 8]],
    [8, [1, 2, 3, 4, 5, 6, 7, 8]],
    [6, [2, 4, 6, 8, 1, 3]],
    [12, [1, 2, 3, 4, 5, 6, 7, 8, 0.5, 1.5, 2.5, 3.5]],
  ])('of %i heads are 2^−x for x = %j', (heads, exponents) => {
    expect([...alibiSlopes(heads)]).toEqual(exponents.map(half));
  });

  it('are distinct and between 0 and 1 for any number of heads', () => {
    for (let heads = 1; heads <= 70; heads++) {
      const slopes = alibiSlopes(heads);
      expect(slopes).toHaveLength(heads);
      expect(new Set(slopes).size).toBe(heads);
      expect(slopes.every((slope) => slope > 0 && slope < 1)).toBe(true);
    }
  });
});

suite('parameterShapes', () => {
  it('counts what the architecture needs, for any config', () => {
    fc.assert(fc.property(arbitraryConfig, (config) => total(config) === countByFormula(config)));
  });

  it('survives a trip through JSON validation, for any config', () => {
    fc.assert(
      fc.property(arbitraryConfig, (config) => {
        expect(validateModelConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
      }),
    );
  });

  it('leaves out biases and the output matrix and adds norm_f in the mpt shape', () => {
    const names = [
      ...parameterShapes(modelConfig('tiny', { vocabSize: VOCAB_SIZE, shape: 'mpt', nLayers: 1 })).keys(),
    ];
    expect(names).toEqual([
      'tok_emb.weight',
      'blocks.0.q_proj.weight',
      'blocks.0.k_proj.weight',
      'blocks.0.v_proj.weight',
      'blocks.0.out_proj.weight',
      'blocks.0.linear1.weight',
      'blocks.0.linear2.weight',
      'blocks.0.norm1.weight',
      'blocks.0.norm2.weight',
      'norm_f.weight',
    ]);
  });

  it('gives linear weights as (out, in), in experts too', () => {
    const shapes = parameterShapes(
      modelConfig('tiny', { vocabSize: VOCAB_SIZE, numExperts: 3, activeExperts: 1 }),
    );
    expect(shapes.get('blocks.1.moe.router.weight')).toEqual([3, 32]);
    expect(shapes.get('blocks.1.moe.experts.2.0.weight')).toEqual([128, 32]);
    expect(shapes.get('blocks.1.moe.experts.2.3.weight')).toEqual([32, 128]);
    expect(shapes.get('blocks.1.moe.experts.2.3.bias')).toEqual([32]);
    expect(shapes.has('blocks.1.linear1.weight')).toBe(false);
    expect(shapes.get('out_proj.weight')).toEqual([57, 32]);
  });
});
