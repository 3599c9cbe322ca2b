/** Hugging Face directories: imported weights give the logits of transformers, and exports can be read back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readHuggingFace, writeHuggingFace } from '../../../src/formats/huggingFace/index.ts';
import { type Checkpoint, type StateDict, writeSafetensors } from '../../../src/formats/index.ts';
import { type ModelOverrides, modelConfig } from '../../../src/model/config.ts';
import { ARITHMETIC } from '../../../src/tasks/arithmetic/task.ts';
import { decode, encode, TOKENS, VOCAB_SIZE } from '../../../src/tasks/arithmetic/tokenizer.ts';
import { sorting } from '../../../src/tasks/sorting.ts';
import type { Task } from '../../../src/tasks/task.ts';
import { tokenizerOf } from '../../../src/tasks/tokenizer.ts';
import { randomCheckpoint } from '../../model/referenceModels.ts';
import { array } from '../../oracle/array.ts';
import { expectClose } from '../../oracle/compare.ts';
import { referenceJson } from '../../oracle/reference.ts';
import { forward } from '../../oracle/transformer.ts';
import { refusal } from '../refusal.ts';

const SMALL = { dModel: 8, dFF: 32, nHeads: 2, nLayers: 1 } as const;

function checkpointOf(overrides: Partial<ModelOverrides>, metadata: [string, string][] = []): Checkpoint {
  return { ...randomCheckpoint(overrides), metadata: new Map(metadata) };
}

/** Return both files of an export, as inputs of `readHuggingFace`. */
function exported(checkpoint: Checkpoint, task: Task = ARITHMETIC) {
  const files = writeHuggingFace(checkpoint, task);
  const weights = files.get('model.safetensors');
  if (!(weights instanceof Uint8Array)) throw new Error('there are no weights');
  return { config: String(files.get('config.json')), weights };
}

function json(files: ReadonlyMap<string, unknown>, name: string) {
  return JSON.parse(String(files.get(name)));
}

const importOf = (config: object, weights: Uint8Array): Checkpoint =>
  readHuggingFace({ config: JSON.stringify(config), weights }, 'DIR');

/** Compute the logits of a checkpoint in float64. */
function logits({ config, stateDict }: Checkpoint, sequences: readonly number[][]): number[] {
  const weights = [...stateDict].map(([name, { data, shape }]) => [name, array(data, shape)] as const);
  return forward(config, new Map(weights), sequences).flatMap(({ data }) => [...data]);
}

describe("transformers' MptForCausalLM", () => {
  interface Reference {
    readonly params: Record<string, { readonly shape: number[]; readonly data: number[] }>;
    readonly sequences: { readonly tokens: number[]; readonly logits: number[][] }[];
  }
  const { params, sequences } = referenceJson<Reference>('mpt');
  const sizes = { model_type: 'mpt', d_model: 12, n_heads: 6, n_layers: 2, vocab_size: 11 };
  const file = (names: (name: string) => string = (name) => name, more: typeof params = {}): Uint8Array =>
    writeSafetensors({
      tensors: new Map(
        Object.entries({ ...params, ...more }).map(([name, { shape, data }]) => [
          names(name),
          { dtype: 'F32' as const, shape, data: Float32Array.from(data) },
        ]),
      ),
      metadata: new Map([['format', 'pt']]),
    });

  const tokens = sequences.map((sequence) => sequence.tokens);
  const expected = sequences.flatMap((sequence) => sequence.logits.flat());
  const tensor = (name: string) => params[name] ?? { shape: [], data: [] };
  const embedding = tensor('transformer.wte.weight');
  const norm = tensor('transformer.norm_f.weight');

  it.each([
    ['as it is saved', file()],
    ['without its prefix', file((name) => name.replace('transformer.', ''))],
    ['with a copy of the tied output', file(undefined, { 'lm_head.weight': embedding })],
  ])('has the logits that transformers gives, %s', (_, weights) => {
    // The weights are rounded to float32 on the way.
    expectClose(logits(importOf(sizes, weights), tokens), expected, { rtol: 0, atol: 1e-5 });
  });

  it('names the tensor that does not fit', () => {
    const other = { ...embedding, data: embedding.data.map((value) => -value) };
    for (const [config, weights, message] of [
      [sizes, file(undefined, { 'lm_head.weight': other }), /"lm_head.weight": it is not the embedding/],
      [sizes, file(undefined, { 'transformer.wpe.weight': norm }), /"transformer.wpe.weight": the model of/],
      [sizes, file((name) => name.replace('norm_f', 'norm_g')), /"transformer.norm_g.weight": the model of/],
      [{ ...sizes, n_layers: 3 }, file(), /"transformer.blocks.2.attn.Wqkv.weight": it is missing/],
      [
        { ...sizes, vocab_size: 10 },
        file(),
        /"transformer.wte.weight": it is \[11,12\] instead of \[10,12\]/,
      ],
      [{ ...sizes, tie_word_embeddings: false }, file(), /"lm_head.weight": it is missing/],
    ] as const) {
      const { code, message: text } = refusal(() => importOf(config, weights));
      expect(text).toMatch(message);
      expect(code).toBe('TENSOR_MISMATCH');
    }
    const nan = { shape: norm.shape, data: norm.data.map(() => Number.NaN) };
    expect(refusal(() => importOf(sizes, file(undefined, { 'transformer.norm_f.weight': nan }))).code).toBe(
      'NON_FINITE',
    );
  });
});

describe('what MPT represents', () => {
  const sizes = fc.record({
    nHeads: fc.integer({ min: 1, max: 7 }),
    headWidth: fc.integer({ min: 1, max: 4 }),
    nLayers: fc.integer({ min: 1, max: 3 }),
    dropout: fc.constantFrom(0, 0.05, 0.5),
    tieEmbeddings: fc.boolean(),
  });

  it('comes back bit for bit, config and metadata included', () => {
    fc.assert(
      fc.property(sizes, fc.string(), ({ nHeads, headWidth, ...rest }, text) => {
        const dModel = nHeads * headWidth;
        const checkpoint = checkpointOf({ shape: 'mpt', nHeads, dModel, dFF: 4 * dModel, ...rest }, [
          ['kind', text],
        ]);
        expect(readHuggingFace(exported(checkpoint), 'DIR')).toEqual(checkpoint);
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ['a scaled embedding', { scaleEmbedding: true, tieEmbeddings: false }],
    ['a scaled embedding that is the output too', { scaleEmbedding: true, tieEmbeddings: true }],
    ['biases that are all 0', { bias: true, tieEmbeddings: false }],
  ])('includes %s, with the same logits', (_, overrides) => {
    const checkpoint = checkpointOf({ shape: 'mpt', ...SMALL, ...overrides });
    const stateDict: StateDict = new Map(
      [...checkpoint.stateDict].map(([name, tensor]) =>
        name.endsWith('.bias') ? [name, { ...tensor, data: tensor.data.map(() => 0) }] : [name, tensor],
      ),
    );
    const changed = { ...checkpoint, stateDict };
    const back = readHuggingFace(exported(changed), 'DIR');
    expect(back.config).toEqual(
      modelConfig('tiny', {
        vocabSize: VOCAB_SIZE,
        shape: 'mpt',
        dropout: 0,
        ...SMALL,
        tieEmbeddings: false,
      }),
    );
    const sequences = [[1, 2, 3, 4, 5], [56]];
    expectClose(logits(back, sequences), logits(changed, sequences), { rtol: 0, atol: 1e-5 });
  });

  it.each([
    [{}, /biases \(bias; blocks\.0\.q_proj\.bias is not 0\), nor an output without a LayerNorm/],
    [{ bias: false }, /cannot represent an output without a LayerNorm before it \(finalNorm is false\)/],
    [{ shape: 'mpt', numExperts: 2, activeExperts: 1 }, /a mixture of experts \(numExperts is 2\)/],
    [{ shape: 'mpt', dFF: 16 }, /not 4·dModel wide \(dFF is 16\)/],
  ] as const)('does not include %o', (overrides, message) => {
    const error = refusal(() => exported(checkpointOf({ ...SMALL, ...overrides })));
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ code: 'UNSUPPORTED', fix: expect.stringContaining('--shape mpt') });
  });

  it('needs the vocabulary of the task', () => {
    const checkpoint = checkpointOf({ shape: 'mpt', ...SMALL, vocabSize: 58 });
    expect(() => writeHuggingFace(checkpoint, ARITHMETIC)).toThrow(
      /58 tokens, that of the task arithmetic 57/,
    );
  });
});

describe('config.json', () => {
  const { config, weights } = exported(checkpointOf({ shape: 'mpt', ...SMALL }));
  const valid = JSON.parse(config);

  it('says what transformers needs, and which tokens are special', () => {
    const files = writeHuggingFace(checkpointOf({ shape: 'mpt', ...SMALL }), ARITHMETIC);
    const ids = { bos_token_id: 52, eos_token_id: 53, pad_token_id: 53 };
    expect(valid).toMatchObject({ ...ids, architectures: ['MptForCausalLM'], d_model: 8, no_bias: true });
    expect(json(files, 'generation_config.json')).toMatchObject(ids);
    // transformers takes no 1 for a float, and JSON.stringify writes no 1.0.
    expect(valid).not.toHaveProperty('embedding_fraction');
    expect(TOKENS[52]).toBe('<sos>');
    expect(TOKENS[53]).toBe('<eos>');
  });

  it.each([
    [{ model_type: 'gpt2' }, /model_type is "gpt2"/],
    [{ model_type: undefined }, /model_type is missing/],
    [{ no_bias: false }, /no_bias is false; give a model where it is true/],
    [{ expansion_ratio: 2 }, /expansion_ratio is 2; give a model where it is 4/],
    [{ layer_norm_epsilon: 1e-6 }, /layer_norm_epsilon is 0.000001/],
    [{ norm_type: 'rmsnorm' }, /norm_type is "rmsnorm"/],
    [{ logit_scale: 'inv_sqrt_d_model' }, /logit_scale is "inv_sqrt_d_model"/],
    [{ embedding_fraction: 0.5 }, /embedding_fraction is 0.5/],
    [{ quantization_config: { bits: 4 } }, /quantization_config is \{"bits":4\}/],
    [{ emb_pdrop: 0.5 }, /emb_pdrop is 0.5 and resid_pdrop 0/],
    [{ d_model: 1e9 }, /dModel/],
    [{ n_heads: 3 }, /dModel 8 is not divisible by nHeads 3/],
    [{ vocab_size: '57' }, /vocab_size is "57"/],
    [{ n_layers: 1.5 }, /n_layers is 1.5/],
    [{ attn_config: 5 }, /attn_config is 5/],
    ...Object.entries({
      attn_type: 'multiquery_attention',
      alibi: false,
      alibi_bias_max: 16,
      attn_pdrop: 0.1,
      clip_qkv: 8,
      softmax_scale: 0.1,
      prefix_lm: true,
      qk_ln: true,
      attn_uses_sequence_id: true,
    }).map(([key, value]): [object, RegExp] => [
      { attn_config: { [key]: value } },
      new RegExp(`attn_config.${key} is ${JSON.stringify(value)}`),
    ]),
  ])('refuses %o by its name', (change, message) => {
    expect(refusal(() => importOf({ ...valid, ...change }, weights)).message).toMatch(message);
  });

  it('may leave out what has its default in transformers, and hold what has no meaning here', () => {
    const { model_type, d_model, n_heads, n_layers, vocab_size } = valid;
    const least = { model_type, d_model, n_heads, n_layers, vocab_size, torch_dtype: 'float16', verbose: 0 };
    expect(importOf(least, weights)).toEqual(importOf(valid, weights));
  });

  it('is never more than refused, whatever it is', () => {
    const attempt = (text: string): void => {
      try {
        readHuggingFace({ config: text, weights }, 'DIR');
      } catch (error) {
        expect(error).toMatchObject({ name: 'CheckpointError', code: expect.not.stringMatching('INTERNAL') });
      }
    };
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), attempt));
    const keys = fc.constantFrom(...Object.keys(valid), '__proto__', 'constructor');
    fc.assert(
      fc.property(keys, fc.jsonValue(), (key, value) => {
        attempt(`{${JSON.stringify(key)}:${JSON.stringify(value)},"model_type":"mpt"}`);
        attempt(JSON.stringify({ ...valid, [key]: value }));
      }),
    );
  });
});

describe('tokenizer.json', () => {
  const tasks: readonly [string, Task][] = [
    ['arithmetic', ARITHMETIC],
    ['sort', sorting()],
  ];

  it.each(tasks)('of %s splits into the same tokens', (_, task) => {
    const { vocabSize } = task.tokenizer;
    const files = writeHuggingFace(checkpointOf({ shape: 'mpt', ...SMALL, vocabSize }), task);
    const { model, pre_tokenizer: split, decoder } = json(files, 'tokenizer.json');
    const pattern = new RegExp(split.pattern.Regex, 'gu');
    const ids = fc.array(fc.integer({ min: 0, max: vocabSize - 1 }));
    fc.assert(
      fc.property(ids, (tokens) => {
        const text = task.tokenizer.decode(tokens);
        const pieces = text.match(pattern) ?? [];
        expect(pieces.join('')).toBe(text);
        expect(pieces.map((piece) => model.vocab[piece])).toEqual(task.tokenizer.encode(text));
      }),
    );
    expect(decoder.type).toBe('Fuse');
    expect(Object.keys(model.vocab)).not.toContain(model.unk_token);
  });

  it('marks only the beginning and the end as special', () => {
    const files = writeHuggingFace(checkpointOf({ shape: 'mpt', ...SMALL }), ARITHMETIC);
    const { added_tokens: added } = json(files, 'tokenizer.json');
    expect(added.map(({ id, content }: Record<string, unknown>) => [id, content])).toEqual([
      [52, '<sos>'],
      [53, '<eos>'],
    ]);
    expect(json(files, 'special_tokens_map.json')).toEqual({
      bos_token: '<sos>',
      eos_token: '<eos>',
      pad_token: '<eos>',
    });
    expect(decode(encode('<sos><eos>'))).toBe('<sos><eos>');
  });

  it('is not written for a tokenizer that splits otherwise', () => {
    const sort = sorting();
    const spread = tokenizerOf([...'0123456789 =sort', 'so', '<eos>'], '<eos>');
    const letters = (text: string): number[] => [...text].flatMap((letter) => spread.encode(letter));
    const shortest: Task = {
      ...sort,
      tokenizer: { ...spread, encode: letters },
      prompt: ({ expression }) => letters(expression),
    };
    const checkpoint = checkpointOf({ shape: 'mpt', ...SMALL, vocabSize: spread.vocabSize });
    expect(refusal(() => writeHuggingFace(checkpoint, shortest)).message).toMatch(/"sort .* longest tokens/);
  });
});
