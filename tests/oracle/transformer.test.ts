/** The reference model against the original's logits and gradients, and against transformers' MPT. */
import { describe, expect, test } from 'vitest';
import { type Array64, array, backward, cat, type Shape, slice } from './array.ts';
import { expectClose, gradCheck } from './compare.ts';
import { normals } from './random.ts';
import { type LlamaReference, referenceJson, referenceWeights } from './reference.ts';
import {
  type AlibiOracleConfig,
  alibiSlopes,
  forward,
  MATHFORMER_SHAPE,
  MPT_SHAPE,
  nextTokenLoss,
} from './transformer.ts';

const TINY = { nHeads: 2, nLayers: 2, numExperts: 0, activeExperts: 0, ...MATHFORMER_SHAPE };
const models = { tiny: TINY, moe_tiny: { ...TINY, numExperts: 4, activeExperts: 2 } } as const;
type ModelName = keyof typeof models;
const modelNames = ['tiny', 'moe_tiny'] as const;

interface LogitsCase {
  readonly tokens: number[];
  readonly positions: number[];
  readonly logits: number[][];
  readonly float64_max_abs_diff: number;
}

interface GradsCase {
  readonly padded: number[][];
  readonly pad_and_ignore_index: number;
  readonly loss_f64: number;
  readonly params: Record<
    string,
    { readonly shape: number[]; readonly l2_f64: number; readonly first5_f64: number[] }
  >;
}

describe('the original model', () => {
  const logits = referenceJson<Record<ModelName, LogitsCase[]>>('logits');
  const grads = referenceJson<Record<ModelName, GradsCase>>('grads');

  test.each(modelNames)('%s: logits of every sequence, to the rounding of its float32', (name) => {
    const cases = logits[name];
    const outputs = forward(
      models[name],
      detached(referenceWeights(name)),
      cases.map(({ tokens }) => tokens),
    );
    cases.forEach(({ tokens, positions, logits: expected, float64_max_abs_diff }, i) => {
      expect(outputs[i].shape).toEqual([tokens.length, 57]);
      const rows = cat(
        positions.map((t) => slice(outputs[i], 0, t, t + 1)),
        0,
      );
      const label = `${name}, ${tokens.length} tokens`;
      expectClose(rows.data, Float32Array.from(expected.flat()), {
        rtol: 0,
        atol: float64_max_abs_diff * 1.0001,
        label,
      });
    });
  });

  test.each(modelNames)('%s: loss and the gradient of every parameter, in float64', (name) => {
    const reference = grads[name];
    const params = referenceWeights(name);
    const loss = nextTokenLoss(models[name], params, reference.padded, reference.pad_and_ignore_index);
    backward(loss);
    expectClose([loss.item()], [reference.loss_f64], { rtol: 1e-12, atol: 0, label: 'loss' });
    const trained = [...params.keys()].filter((tensor) => !tensor.endsWith('alibi_slopes'));
    expect(trained.sort()).toEqual(Object.keys(reference.params).sort());
    for (const [tensor, { shape, l2_f64, first5_f64 }] of Object.entries(reference.params)) {
      const gradient = params.get(tensor)?.grad ?? new Float64Array();
      expect(params.get(tensor)?.shape).toEqual(shape);
      // The key bias has no influence at all: its gradient is rounding noise around 0, hence the atol.
      expectClose([Math.hypot(...gradient)], [l2_f64], { rtol: 1e-9, atol: 1e-15, label: `${tensor}, norm` });
      expectClose(gradient.slice(0, 5), first5_f64, { rtol: 1e-9, atol: 1e-14, label: tensor });
    }
  });

  test('the slopes in the checkpoint are the ones computed here', () => {
    const stored = referenceWeights('tiny').get('blocks.0.alibi_slopes');
    expectClose(alibiSlopes(2), stored?.data ?? [], { rtol: 1e-7, atol: 0 });
  });
});

describe('the MPT shape', () => {
  interface MptReference {
    readonly config: Pick<AlibiOracleConfig, 'nHeads' | 'nLayers'>;
    readonly params: Record<string, { readonly shape: number[]; readonly data: number[] }>;
    readonly sequences: { readonly tokens: number[]; readonly logits: number[][] }[];
  }

  test("agrees with transformers' MptForCausalLM, six heads", () => {
    const { config, params, sequences } = referenceJson<MptReference>('mpt');
    const weights = new Map(
      Object.entries(params).map(([name, { data, shape }]) => [name, array(data, shape)]),
    );
    const full = { ...config, ...MPT_SHAPE, numExperts: 0, activeExperts: 0 };
    const outputs = forward(
      full,
      weights,
      sequences.map(({ tokens }) => tokens),
    );
    sequences.forEach(({ logits }, i) => {
      expectClose(outputs[i].data, logits.flat(), { rtol: 1e-9, atol: 1e-11, label: `sequence ${i}` });
    });
  });
});

test("a llama agrees with NumPy's, grouped key-value heads and heads wider than d/H", () => {
  const { config, params, sequences } = referenceJson<LlamaReference>('llama');
  const weights = new Map(
    Object.entries(params).map(([name, { data, shape }]) => [name, array(data, shape)]),
  );
  const outputs = forward(
    {
      nHeads: config.num_attention_heads,
      nKVHeads: config.num_key_value_heads,
      headDim: config.head_dim,
      nLayers: config.num_hidden_layers,
      ropeTheta: config.rope_theta,
      rmsNormEps: config.rms_norm_eps,
      tieEmbeddings: config.tie_word_embeddings,
    },
    weights,
    sequences.map(({ tokens }) => tokens),
  );
  sequences.forEach(({ logits }, i) => {
    expectClose(outputs[i].data, logits.flat(), { rtol: 1e-9, atol: 1e-11, label: `sequence ${i}` });
  });
});

test('ALiBi slopes, also for head counts that are no power of two', () => {
  expect(alibiSlopes(1)).toEqual([2 ** -8]);
  expect(alibiSlopes(4)).toEqual([2 ** -2, 2 ** -4, 2 ** -6, 2 ** -8]);
  expect(alibiSlopes(6)).toEqual([2 ** -2, 2 ** -4, 2 ** -6, 2 ** -8, 2 ** -1, 2 ** -3]);
  expectClose(alibiSlopes(3), [2 ** -4, 2 ** -8, 2 ** -2], { rtol: 1e-15 });
});

describe('properties', () => {
  const shape: AlibiOracleConfig = { ...TINY, nLayers: 1, numExperts: 3, activeExperts: 2 };
  const params = randomParams(shape, 5, 4, 6);

  test('a later token changes nothing before it', () => {
    const [a, b] = forward(shape, params, [
      [1, 2, 3, 4],
      [1, 2, 0, 0],
    ]);
    expect(slice(a, 0, 0, 2)).toEqual(slice(b, 0, 0, 2));
    expect(slice(a, 0, 2)).not.toEqual(slice(b, 0, 2));
  });

  test('the whole loss passes a finite-difference check in every parameter', () => {
    const names = [...params.keys()];
    const tokens = [
      [0, 1, 2, 3, 4],
      [3, 1],
    ];
    const loss = (values: readonly Array64[]): Array64 =>
      nextTokenLoss(shape, new Map(names.map((name, i) => [name, values[i]])), tokens, 1);
    gradCheck(loss, [...params.values()], { rtol: 1e-6, atol: 1e-9 });
  });

  test('a missing weight is named', () => {
    const partial = new Map(params);
    partial.delete('blocks.0.norm2.weight');
    expect(() => forward(shape, partial, [[1]])).toThrow('"blocks.0.norm2.weight"');
  });
});

function detached(params: ReadonlyMap<string, Array64>): Map<string, Array64> {
  return new Map([...params].map(([name, value]) => [name, value.detach()]));
}

/** One MoE block of the original's shape with random weights. */
function randomParams({ numExperts }: AlibiOracleConfig, vocabulary: number, width: number, hidden: number) {
  const shapes: Record<string, Shape> = {
    'tok_emb.weight': [vocabulary, width],
    'blocks.0.moe.router.weight': [numExperts, width],
    'out_proj.weight': [vocabulary, width],
    'out_proj.bias': [vocabulary],
  };
  for (const name of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) {
    shapes[`blocks.0.${name}.weight`] = [width, width];
    shapes[`blocks.0.${name}.bias`] = [width];
  }
  for (const name of ['norm1.weight', 'norm1.bias', 'norm2.weight', 'norm2.bias'])
    shapes[`blocks.0.${name}`] = [width];
  for (let expert = 0; expert < numExperts; expert++) {
    const prefix = `blocks.0.moe.experts.${expert}`;
    shapes[`${prefix}.0.weight`] = [hidden, width];
    shapes[`${prefix}.0.bias`] = [hidden];
    shapes[`${prefix}.3.weight`] = [width, hidden];
    shapes[`${prefix}.3.bias`] = [width];
  }
  return new Map(
    Object.entries(shapes).map(([name, dims], i) => {
      const count = dims.reduce((a, b) => a * b, 1);
      return [name, array(normals(i, count, 0, 0.7), dims)];
    }),
  );
}
