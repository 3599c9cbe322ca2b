/** The transformer against the original's numbers, and against the float64 reference in shapes the original lacks. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import {
  type ModelConfig,
  type ModelOverrides,
  type ModelShape,
  modelConfig,
} from '../../src/model/config.ts';
import { ModelConfigError } from '../../src/model/modelConfigError.ts';
import { scoreTokens } from '../../src/model/score.ts';
import { initialStateDict } from '../../src/model/stateDict.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import {
  AdamW,
  backward,
  logSoftmaxGather,
  mul,
  noGrad,
  Packing,
  sum,
  Tensor,
} from '../../src/tensor/index.ts';
import { ALL_VARIANTS, openDevice, VARIANTS } from '../device.ts';
import { backward as oracleBackward } from '../oracle/array.ts';
import { expectClose } from '../oracle/compare.ts';
import { integers } from '../oracle/random.ts';
import { referenceJson } from '../oracle/reference.ts';
import { nextTokenLoss, forward as oracleForward } from '../oracle/transformer.ts';
import {
  expectSameGradients,
  fixtureModel,
  gradients,
  gradients64,
  parameters64,
  randomCheckpoint,
  randomModel,
  readFixture,
} from './referenceModels.ts';

const MODELS = ['tiny', 'moe_tiny'] as const;
type ModelName = (typeof MODELS)[number];

interface LogitsCase {
  readonly tokens: number[];
  readonly positions: number[];
  readonly logits: number[][];
}

interface GradsCase {
  readonly padded: number[][];
  readonly pad_and_ignore_index: number;
  readonly loss: number;
  readonly params: Record<string, { readonly l2_f64: number; readonly first5_f64: number[] }>;
}

/** Compute the logits of all sequences in one pass. */
async function logitsOf(
  model: Transformer,
  sequences: readonly (readonly number[])[],
): Promise<Float32Array[]> {
  const { device, config } = model;
  using _ = device.scope();
  const packing = new Packing(sequences.map(({ length }) => length));
  const tokens = Tensor.from(device, Uint32Array.from(sequences.flat()));
  const all = Float32Array.from(await noGrad(() => model.forward(tokens, packing)).data());
  return sequences.map((_, i) =>
    all.slice((packing.offsets[i] ?? 0) * config.vocabSize, (packing.offsets[i + 1] ?? 0) * config.vocabSize),
  );
}

describe.each(VARIANTS)('the original model, $variant kernels', ({ portableKernels }) => {
  const reference = referenceJson<Record<ModelName, LogitsCase[]>>('logits');
  const grads = referenceJson<Record<ModelName, GradsCase>>('grads');
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  /** Expect logits within the guaranteed absolute error of 1e-4. */
  function expectLogits(found: Float32Array, { tokens, positions, logits }: LogitsCase): void {
    expect(found.length).toBe(57 * tokens.length);
    positions.forEach((t, i) => {
      const label = `${tokens.length} tokens, position ${t}`;
      expectClose(found.slice(57 * t, 57 * (t + 1)), logits[i], { rtol: 0, atol: 1e-4, label });
    });
  }

  test.each(MODELS)('%s: logits of every sequence, one by one and packed together', async (name) => {
    const model = fixtureModel(device, `${name}.safetensors`);
    const cases = reference[name];
    expect(cases.length).toBeGreaterThan(3);
    for (const each of cases) expectLogits((await logitsOf(model, [each.tokens]))[0], each);
    const packed = await logitsOf(
      model,
      cases.map(({ tokens }) => tokens),
    );
    cases.forEach((each, i) => {
      expectLogits(packed[i], each);
    });
    model.dispose();
  });

  test.each(['tiny.pt', 'tiny_legacy.pt', 'moe_tiny.pt'])(
    '%s: the same logits from the original file',
    async (file) => {
      const model = fixtureModel(device, file);
      const [, each] = reference[file.startsWith('moe') ? 'moe_tiny' : 'tiny'];
      expectLogits((await logitsOf(model, [each.tokens]))[0], each);
      model.dispose();
    },
  );

  test.each(MODELS)('%s: the loss and the gradient of every parameter', async (name) => {
    const { padded, pad_and_ignore_index: ignored, loss: expected, params } = grads[name];
    const model = fixtureModel(device, `${name}.safetensors`);
    using _ = device.scope();
    const inputs = padded.map((row) => row.slice(0, -1));
    const targets = padded.flatMap((row) => row.slice(1));
    const packing = new Packing(inputs.map(({ length }) => length));
    const logits = model.forward(Tensor.from(device, Uint32Array.from(inputs.flat())), packing);
    const loss = crossEntropy(device, logits, targets, ignored);
    backward(loss);
    expectClose([await loss.item()], [expected], { rtol: 1e-3, atol: 0 });
    const found = await gradients(model);
    expect([...found.keys()].sort()).toEqual(Object.keys(params).sort());
    for (const [tensor, { l2_f64, first5_f64 }] of Object.entries(params)) {
      const gradient = found.get(tensor) ?? new Float32Array();
      // Keys' biases have no influence: their gradient is rounding noise around 0.
      expectClose([Math.hypot(...gradient)], [l2_f64], { rtol: 1e-3, atol: 1e-6, label: `${tensor}, norm` });
      expectClose(gradient.slice(0, 5), first5_f64, { rtol: 1e-3, atol: 1e-6, label: tensor });
    }
    model.dispose();
  });
});

/** Compute the mean cross-entropy from plain ops, without one target as with PyTorch's ignore_index. */
function crossEntropy(device: Device, logits: Tensor, targets: readonly number[], ignored: number): Tensor {
  const { logp } = logSoftmaxGather(logits, Tensor.from(device, Uint32Array.from(targets)));
  const counted = targets.filter((target) => target !== ignored).length;
  const weights = Float32Array.from(targets, (target) => (target === ignored ? 0 : -1 / counted));
  return sum(mul(logp, Tensor.from(device, weights)));
}

const SHAPES: readonly (readonly [string, Partial<ModelOverrides<ModelShape>>])[] = [
  ['mpt, six heads', { shape: 'mpt', dModel: 24, nHeads: 6, dFF: 96, vocabSize: 57 }],
  ['mpt, three experts', { shape: 'mpt', dModel: 24, nHeads: 6, dFF: 28, numExperts: 3, activeExperts: 2 }],
  ['the original shape, three heads, odd vocabulary', { dModel: 12, nHeads: 3, dFF: 40, vocabSize: 11 }],
  ['five experts, one active', { dModel: 16, nHeads: 1, dFF: 20, numExperts: 5, activeExperts: 1 }],
  [
    'llama, one key-value head for two',
    { shape: 'llama', nHeads: 4, nKVHeads: 2, dFF: 40, tieEmbeddings: true },
  ],
  [
    'llama, wide heads, biases, another theta',
    {
      ...{ shape: 'llama', dModel: 20, nHeads: 3, nKVHeads: 1, headDim: 12, dFF: 24, vocabSize: 13 },
      ...{ attentionBias: true, mlpBias: true, ropeTheta: 50, rmsNormEps: 1e-2 },
    },
  ],
  ['the heads of medium, of 64', { dModel: 128, nHeads: 2, dFF: 40, nLayers: 1 }],
  ['the heads of large, of 96', { dModel: 192, nHeads: 2, dFF: 40, nLayers: 1 }],
  ['biases, final norm and tied output', { finalNorm: true, tieEmbeddings: true, nLayers: 1, vocabSize: 6 }],
];

describe.each(ALL_VARIANTS)('other shapes, $variant kernels', (options) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice(options);
  });
  afterAll(() => device.destroy());

  test.each(SHAPES)('%s: logits and all gradients of the float64 reference', async (_, overrides) => {
    const { config, stateDict } = randomCheckpoint(overrides);
    const model = new Transformer(device, config, stateDict);
    const params = parameters64(stateDict);
    const sequences = [1, 7, 19].map((length) => integers(length, length + 1, config.vocabSize));
    const expected = oracleForward(config, params, sequences);
    (await logitsOf(model, sequences)).forEach((found, i) => {
      expectClose(found, expected[i].data, { rtol: 1e-5, atol: 1e-4, label: `sequence ${i}` });
    });
    using _scope = device.scope();
    const { logp } = scoreTokens(
      model,
      sequences.map((tokens) => ({ tokens, from: 1 })),
    );
    const loss = mul(sum(logp), -1 / logp.size);
    backward(loss);
    const oracleLoss = nextTokenLoss(config, params, sequences);
    oracleBackward(oracleLoss);
    expectClose([await loss.item()], [oracleLoss.item()], { rtol: 1e-5 });
    expectSameGradients(await gradients(model), gradients64(params), { rtol: 1e-4, atol: 1e-6 });
    model.dispose();
  });
});

describe('a model', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test.each(['tiny.safetensors', 'moe_tiny.safetensors'])(
    '%s: weights in, the same weights out',
    async (file) => {
      const { stateDict } = readFixture(file);
      const model = fixtureModel(device, file);
      const out = await model.stateDict();
      expect([...out.keys()]).toEqual([...stateDict.keys()]);
      expect(out).toEqual(stateDict);
      model.dispose();
    },
  );

  test('load replaces every weight, also in what was derived from the old ones', async () => {
    const overrides = { nLayers: 1, numExperts: 2, activeExperts: 1, vocabSize: 9 };
    const [a, b] = [randomModel(device, overrides, 1), randomModel(device, overrides, 2)];
    const tokens = [[1, 2, 3, 4]];
    const [before, wanted] = [await logitsOf(a, tokens), await logitsOf(b, tokens)];
    expect(before).not.toEqual(wanted);
    a.load(await b.stateDict());
    expect(await logitsOf(a, tokens)).toEqual(wanted);
    for (const model of [a, b]) model.dispose();
  });

  test('weights that lack a tensor are refused by its name', () => {
    const { config, stateDict } = randomCheckpoint({ nLayers: 1 });
    const partial = new Map(stateDict);
    partial.delete('blocks.0.k_proj.weight');
    expect(() => new Transformer(device, config, partial)).toThrow("'blocks.0.k_proj.weight'");
  });

  test('heads that the kernels cannot handle are refused', () => {
    const config: ModelConfig = modelConfig('tiny', { vocabSize: VOCAB_SIZE, dModel: 6, nHeads: 3 });
    expect(() => Transformer.create(device, config, 0)).toThrow(ModelConfigError);
    const wide = modelConfig('tiny', { vocabSize: VOCAB_SIZE, dModel: 1560, nHeads: 6 });
    expect(() => new Transformer(device, wide)).toThrow(
      /heads of 260 values are above 256; use .* nHeads 10 /,
    );
  });

  test('a clone has the same weights, and a life of its own', async () => {
    const model = randomModel(device, { nLayers: 1, vocabSize: 9 });
    const tokens = [[1, 2, 3, 4, 5]];
    const before = await logitsOf(model, tokens);
    const clone = model.clone();
    expect(await logitsOf(clone, tokens)).toEqual(before);
    {
      using _ = device.scope();
      backward(sum(scoreTokens(model, [{ tokens: tokens[0], from: 1 }]).logp));
    }
    expect((await gradients(clone)).get('tok_emb.weight')?.every((g) => g === 0)).toBe(true);
    const optimizer = new AdamW(model.parameters);
    optimizer.step(0.1);
    optimizer.dispose();
    expect(await logitsOf(model, tokens)).not.toEqual(before);
    expect(await logitsOf(clone, tokens)).toEqual(before);
    model.dispose();
    expect(await logitsOf(clone, tokens)).toEqual(before);
    clone.dispose();
  });

  test.each([0, 2])(
    'dropout with %d experts: the embedding and both branches of every block, each by a mask of its own',
    async (numExperts) => {
      // All weights are 0 but one constant for each place: what is kept of it, doubled, is a digit of the result.
      const config = modelConfig('tiny', {
        vocabSize: VOCAB_SIZE,
        numExperts,
        activeExperts: numExperts / 2,
      });
      const places = ['tok_emb.weight', 'blocks.0.out', 'blocks.0.', 'blocks.1.out', 'blocks.1.'];
      const constant = (name: string): number => {
        if (name === 'tok_emb.weight') return 1 / Math.sqrt(config.dModel);
        if (!/(out_proj|linear2|experts\.\d+\.3)\.bias$/.test(name) || name === 'out_proj.bias') return 0;
        return (
          10 **
          places.findLastIndex(
            (place) => name.startsWith(place) && (place.endsWith('out') || !name.includes('out_proj')),
          )
        );
      };
      const weights = [...initialStateDict(config, 0)].map(
        ([name, { shape, data }]) =>
          [name, { shape, data: new Float32Array(data.length).fill(constant(name)) }] as const,
      );
      const model = new Transformer(device, config, new Map(weights));
      const tokens = Tensor.from(device, Uint32Array.from(integers(1, 64, 57)));
      const hiddenAt = (step: number) =>
        noGrad(() =>
          model.hidden(tokens, new Packing([64]), { dropout: { p: 0.5, seed: 3, step: () => step } }),
        ).data();
      const digits = Array.from(await hiddenAt(0), (x) =>
        String(Math.round(x / 2)).padStart(places.length, '0'),
      );
      const masks = places.map((_, place) => digits.map((text) => Number(text.at(-1 - place))));
      for (const [place, mask] of masks.entries()) {
        expect(new Set(mask)).toEqual(new Set([0, 1]));
        // 2,048 elements: half are kept, and half agree with any other mask, within five standard errors.
        const kept = mask.reduce((sum, bit) => sum + bit, 0);
        expect(Math.abs(kept - 1024), places[place]).toBeLessThan(5 * Math.sqrt(512));
        for (const other of masks.slice(0, place)) {
          const same = mask.filter((bit, i) => bit === other[i]).length;
          expect(Math.abs(same - 1024), places[place]).toBeLessThan(5 * Math.sqrt(512));
        }
      }
      expect(await hiddenAt(1)).not.toEqual(await hiddenAt(0));
      model.dispose();
    },
  );

  test('dispose gives back all memory, that of derived weights too', async () => {
    await device.idle();
    const before = device.memory().liveBytes;
    const model = randomModel(device, { numExperts: 2, activeExperts: 1 });
    await logitsOf(model, [[1, 2, 3]]);
    expect(device.memory().liveBytes).toBeGreaterThan(before);
    model.dispose();
    expect(device.memory().liveBytes).toBe(before);
  });
});

describe('initial weights', () => {
  const dense = initialStateDict(modelConfig('small', { vocabSize: VOCAB_SIZE }), 3);
  const experts = initialStateDict(
    modelConfig('tiny', { vocabSize: VOCAB_SIZE, numExperts: 3, activeExperts: 2 }),
    3,
  );

  /** Return half the width of a tensor's uniform initial distribution; that of PyTorch for Linear layers. */
  function boundOf(name: string, config: { readonly dModel: number; readonly dFF: number }): number {
    if (name === 'tok_emb.weight' || name === 'out_proj.weight') return 0.02;
    return 1 / Math.sqrt(/linear2|experts\.\d+\.3\./.test(name) ? config.dFF : config.dModel);
  }

  test.each([
    ['dense', dense, { dModel: 64, dFF: 256 }],
    ['experts', experts, { dModel: 32, dFF: 128 }],
  ] as const)('%s: ranges, means and constants', (_, stateDict, config) => {
    for (const [name, { data }] of stateDict) {
      if (/norm.\.weight/.test(name)) expect(data.every((value) => value === 1)).toBe(true);
      else if (/norm.\.bias/.test(name) || name === 'out_proj.bias') {
        expect(data.every((value) => value === 0)).toBe(true);
      } else {
        const bound = boundOf(name, config);
        const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        expect(largest, name).toBeLessThanOrEqual(bound * (1 + 1e-6));
        // Of n uniform numbers the largest is below 1 − 12/n with probability e^-12.
        expect(largest, name).toBeGreaterThan(bound * (1 - 12 / data.length));
        // Five standard errors of the mean and of the mean square of a uniform distribution.
        const mean = data.reduce((total, value) => total + value, 0) / data.length / bound;
        const square = data.reduce((total, value) => total + value * value, 0) / data.length / bound ** 2;
        expect(Math.abs(mean), name).toBeLessThan(5 * Math.sqrt(1 / 3 / data.length));
        expect(Math.abs(square - 1 / 3), name).toBeLessThan(5 * Math.sqrt(4 / 45 / data.length));
      }
    }
  });

  test('a seed gives the same weights every time, another seed and another tensor others', () => {
    expect(initialStateDict(modelConfig('small', { vocabSize: VOCAB_SIZE }), 3)).toEqual(dense);
    const other = initialStateDict(modelConfig('small', { vocabSize: VOCAB_SIZE }), 4);
    const drawn = [...dense].filter(([name]) => !/norm|^out_proj\.bias/.test(name));
    for (const [name, { data }] of drawn) expect(other.get(name)?.data, name).not.toEqual(data);
    const starts = drawn.map(([name, { data }]) => (data[0] ?? 0) / boundOf(name, { dModel: 64, dFF: 256 }));
    expect(new Set(starts).size).toBe(drawn.length);
  });
});
