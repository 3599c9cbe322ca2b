/** Hugging Face llamas: the logits of an independent implementation, what comes back, and what is refused by name. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readHuggingFace, writeHuggingFace } from '../../../src/formats/huggingFace/index.ts';
import {
  type Checkpoint,
  readCheckpoint,
  writeCheckpoint,
  writeSafetensors,
} from '../../../src/formats/index.ts';
import { ARITHMETIC } from '../../../src/tasks/arithmetic/task.ts';
import { randomCheckpoint } from '../../model/referenceModels.ts';
import { array } from '../../oracle/array.ts';
import { expectClose } from '../../oracle/compare.ts';
import { type LlamaReference, referenceJson } from '../../oracle/reference.ts';
import { forward } from '../../oracle/transformer.ts';
import { refusal } from '../refusal.ts';

const { config, params, sequences } = referenceJson<LlamaReference>('llama');

type Tensors = LlamaReference['params'];

const file = (tensors: Tensors): Uint8Array =>
  writeSafetensors({
    tensors: new Map(
      Object.entries(tensors).map(([name, { shape, data }]) => [
        name,
        { dtype: 'F32' as const, shape, data: Float32Array.from(data) },
      ]),
    ),
    metadata: new Map([['format', 'pt']]),
  });

const importOf = (changes: object, weights: Uint8Array | readonly Uint8Array[] = file(params)): Checkpoint =>
  readHuggingFace({ config: JSON.stringify({ ...config, ...changes }), weights }, 'DIR');

function expectGolden({ config: found, stateDict }: Checkpoint): void {
  const weights = new Map([...stateDict].map(([name, { data, shape }]) => [name, array(data, shape)]));
  const outputs = forward(
    found,
    weights,
    sequences.map(({ tokens }) => tokens),
  );
  // The weights are rounded to float32 on the way.
  sequences.forEach(({ logits }, i) => {
    expectClose(outputs[i].data, logits.flat(), { rtol: 0, atol: 1e-5 });
  });
}

const entries = Object.entries(params);
const unprefixed = Object.fromEntries(
  entries.map(([name, tensor]) => [name.replace(/^model\./, ''), tensor]),
);
const frequencies = (theta: number) => ({
  shape: [4],
  data: [0, 1, 2, 3].map((i) => theta ** ((-2 * i) / 8)),
});
const INV_FREQ = 'model.layers.1.self_attn.rotary_emb.inv_freq';

describe('a llama', () => {
  it.each([
    ['as it is saved', file(params)],
    ['without its prefix', file(unprefixed)],
    [
      'in shards',
      [file(Object.fromEntries(entries.slice(0, 9))), file(Object.fromEntries(entries.slice(9)))],
    ],
    ['with its frequencies', file({ ...params, [INV_FREQ]: frequencies(500) })],
    ['with its frequencies once', file({ ...params, 'model.rotary_emb.inv_freq': frequencies(500) })],
  ])('has the logits of an independent implementation, %s', (_, weights) => {
    expectGolden(importOf({}, weights));
  });

  it('takes theta as transformers 5 writes it', () => {
    const rope_parameters = { rope_type: 'default', rope_theta: 500 };
    expectGolden(importOf({ rope_theta: undefined, rope_parameters }));
    expectGolden(importOf({ rope_theta: undefined, rope_scaling: rope_parameters }));
    expectGolden(
      importOf({ rope_scaling: null, sliding_window: null, hidden_act: 'silu', pretraining_tp: 1 }),
    );
  });

  it.each<[object, RegExp]>([
    [{ rope_scaling: { rope_type: 'llama3', factor: 8 } }, /rope_scaling.* is .*llama3/],
    [{ rope_scaling: { type: 'linear', factor: 2 } }, /rope_scaling.* is .*linear/],
    [
      { rope_scaling: { rope_type: 'dynamic', factor: 2 } },
      /rope_scaling\.rope_type is "dynamic"; give a model where it is "default"/,
    ],
    [{ rope_scaling: { factor: 2 } }, /rope_scaling\.factor is 2; give a model without it/],
    [{ rope_parameters: { rope_type: 'yarn', rope_theta: 500 } }, /rope_parameters.* is .*yarn/],
    [{ rope_parameters: { partial_rotary_factor: 0.5 } }, /rope_parameters\.partial_rotary_factor is 0.5/],
    [{ rope_parameters: { full_attention: { rope_theta: 500 } } }, /rope_parameters\.full_attention is/],
    [{ architectures: ['MistralForCausalLM'] }, /architectures\.0 is "MistralForCausalLM"/],
    [{ hidden_size: 2 ** 17 }, /hidden_size: Too big/],
    [{ num_hidden_layers: 1e6 }, /num_hidden_layers: Too big/],
    [{ hidden_size: 18, head_dim: null }, /head_dim: /],
    [{ sliding_window: 4096 }, /sliding_window is 4096; give a model where it is null/],
    [{ layer_types: ['full_attention', 'sliding_attention'] }, /layer_types.* is .*sliding_attention/],
    [{ hidden_act: 'gelu' }, /hidden_act is "gelu"; give a model where it is "silu"/],
    [{ attention_dropout: 0.1 }, /attention_dropout is 0.1/],
    [{ partial_rotary_factor: 0.5 }, /partial_rotary_factor is 0.5/],
    [{ quantization_config: { bits: 4 } }, /quantization_config is \{"bits":4\}/],
    [{ num_key_value_heads: 3 }, /num_key_value_heads 3 does not divide num_attention_heads 4/],
    [{ head_dim: 7 }, /head_dim: /],
    [{ vocab_size: '11' }, /vocab_size is "11"/],
    [{ rope_theta: 0 }, /rope_theta is 0/],
    [{ num_hidden_layers: 3 }, /"model.layers.2.self_attn.q_proj.weight": it is missing/],
    [{ tie_word_embeddings: true }, /"lm_head.weight": it is not the embedding/],
    [{ mlp_bias: false }, /"model.layers.0.mlp.gate_proj.bias": the model of config.json has no such tensor/],
  ])('is refused by name with %j', (changes, message) => {
    expect(refusal(() => importOf(changes)).message).toMatch(message);
  });

  it('is refused with a tensor in two files', () => {
    const shards = [file(params), file(Object.fromEntries(entries.slice(0, 1)))];
    expect(refusal(() => importOf({}, shards)).message).toMatch(
      /"model.embed_tokens.weight": several files of weights have it/,
    );
  });

  it('is refused with frequencies of another theta', () => {
    const weights = file({ ...params, [INV_FREQ]: frequencies(10_000) });
    expect(refusal(() => importOf({}, weights)).message).toMatch(/inv_freq": .* not those of theta 500/);
  });

  it('is never more than refused, whatever its config', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(config)), fc.jsonValue(), (key, value) => {
        try {
          importOf({ [key]: value });
        } catch (error) {
          expect(error).toMatchObject({
            name: 'CheckpointError',
            code: expect.not.stringMatching('INTERNAL'),
          });
        }
      }),
    );
  });
});

describe('a llama of one’s own', () => {
  const shapes = fc.record({
    nKVHeads: fc.constantFrom(1, 2, 4),
    headDim: fc.constantFrom(4, 8),
    nLayers: fc.integer({ min: 1, max: 3 }),
    tieEmbeddings: fc.boolean(),
    attentionBias: fc.boolean(),
    mlpBias: fc.boolean(),
    ropeTheta: fc.constantFrom(100, 500_000),
    rmsNormEps: fc.constantFrom(1e-5, 1e-6),
    maxPositions: fc.constantFrom(64, 8192),
  });

  it('comes back bit for bit from a directory and from a checkpoint, config and metadata included', () => {
    fc.assert(
      fc.property(shapes, fc.string(), (shape, text) => {
        const random = randomCheckpoint({ shape: 'llama', dModel: 12, nHeads: 4, dFF: 8, ...shape });
        const checkpoint = { ...random, metadata: new Map([['kind', text]]) };
        const files = writeHuggingFace(checkpoint, ARITHMETIC);
        const weights = files.get('model.safetensors');
        if (!(weights instanceof Uint8Array)) throw new Error('there are no weights');
        expect(readHuggingFace({ config: String(files.get('config.json')), weights }, 'DIR')).toEqual(
          checkpoint,
        );
        const again = readCheckpoint(writeCheckpoint(checkpoint), 'a file');
        expect(again).toEqual({ ...checkpoint, format: 'safetensors' });
      }),
      { numRuns: 30 },
    );
  });

  it('has a config.json that transformers reads', () => {
    const random = randomCheckpoint({ shape: 'llama', nKVHeads: 1, maxPositions: 99 });
    const files = writeHuggingFace({ ...random, metadata: new Map() }, ARITHMETIC);
    expect(JSON.parse(String(files.get('config.json')))).toMatchObject({
      architectures: ['LlamaForCausalLM'],
      ...{
        model_type: 'llama',
        vocab_size: 57,
        hidden_size: 32,
        intermediate_size: 128,
        num_hidden_layers: 2,
      },
      ...{
        num_attention_heads: 2,
        num_key_value_heads: 1,
        head_dim: 16,
        hidden_act: 'silu',
        rms_norm_eps: 1e-6,
      },
      ...{ rope_theta: 10_000, max_position_embeddings: 99, tie_word_embeddings: false, eos_token_id: 53 },
    });
    expect(JSON.parse(String(files.get('tokenizer_config.json')))).toMatchObject({ model_max_length: 99 });
  });
});
