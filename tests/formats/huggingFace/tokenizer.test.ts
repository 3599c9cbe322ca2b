/** Tokenizers of Hugging Face directories: ids and texts worked by hand, our own exports, and those of a real llama. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readHuggingFace, writeHuggingFace } from '../../../src/formats/huggingFace/index.ts';
import { readTokenizer, type TokenizerTexts } from '../../../src/formats/huggingFace/tokenizer.ts';
import { ARITHMETIC } from '../../../src/tasks/arithmetic/task.ts';
import { randomCheckpoint } from '../../model/referenceModels.ts';
import { hasStories, STORIES, storiesGolden } from '../../model/stories.ts';
import { refusal } from '../refusal.ts';

/** Words of letters, merged from left to right; "▁" stands for the space before a word. */
const VOCAB = ['<unk>', '<s>', '</s>', '▁', 'a', 'b', 'c', 'ab', '▁ab'];
const special = (id: number) => ({
  ...{ id, content: VOCAB[id], special: true, normalized: false },
  ...{ single_word: false, lstrip: false, rstrip: false },
});
const small = {
  version: '1.0',
  added_tokens: [special(0), special(1), special(2)],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
  pre_tokenizer: null,
  post_processor: null as object | null,
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  model: {
    ...{ type: 'BPE', unk_token: '<unk>', fuse_unk: true, byte_fallback: false },
    vocab: Object.fromEntries(VOCAB.map((token, id) => [token, id])),
    merges: ['a b', '▁ ab'],
  },
};
const template = {
  type: 'TemplateProcessing',
  single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
  pair: [],
  special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
};

const texts = (changes: Partial<Record<keyof TokenizerTexts, object>> = {}): TokenizerTexts => {
  const whole = { tokenizer: small, config: { vocab_size: 9, eos_token_id: 2 }, ...changes };
  const { tokenizer, config, tokenizerConfig, generationConfig } = whole as Record<string, object>;
  return {
    tokenizer: JSON.stringify(tokenizer),
    config: JSON.stringify(config),
    tokenizerConfig: tokenizerConfig && JSON.stringify(tokenizerConfig),
    generationConfig: generationConfig && JSON.stringify(generationConfig),
  };
};
const read = (changes?: Parameters<typeof texts>[0]) => readTokenizer(texts(changes), 'DIR');

describe('a tokenizer', () => {
  it('merges as its file says, and gives back what was added', () => {
    const { encode, decode, vocabSize, eos } = read();
    expect([vocabSize, eos]).toEqual([9, 2]);
    expect(encode('ab')).toEqual([8]);
    expect(encode('ab cab')).toEqual([8, 3, 6, 7]);
    // The space of a word that follows others stays.
    expect(decode([8, 3, 6, 7])).toBe(' ab cab');
    expect(decode([7, 2])).toBe('ab');
  });

  it('begins texts as its post-processor or its config says', () => {
    expect(read().bos).toBeUndefined();
    expect(read({ tokenizer: { ...small, post_processor: template } }).bos).toBe(1);
    const end = { SpecialToken: { id: '</s>', type_id: 0 } };
    const special_tokens = { ...template.special_tokens, '</s>': { id: '</s>', ids: [2], tokens: ['</s>'] } };
    const [start, sequence] = template.single;
    const both = { ...template, single: [start, sequence, end], special_tokens };
    expect(read({ tokenizer: { ...small, post_processor: both } }).bos).toBe(1);
    const ending = { ...both, single: [sequence, end] };
    expect(read({ tokenizer: { ...small, post_processor: ending } }).bos).toBeUndefined();
    const twice = { ...both, single: [start, start, sequence] };
    expect(refusal(() => read({ tokenizer: { ...small, post_processor: twice } })).message).toMatch(
      /it puts 2 tokens before a text/,
    );
    const tokenizerConfig = { add_bos_token: true, bos_token: '<s>' };
    expect(read({ tokenizerConfig }).bos).toBe(1);
    expect(read({ tokenizerConfig: { ...tokenizerConfig, bos_token: { content: '<s>' } } }).bos).toBe(1);
    expect(read({ tokenizerConfig: { ...tokenizerConfig, add_bos_token: false } }).bos).toBeUndefined();
  });

  it('ends texts as generation_config.json says, or config.json, or tokenizer_config.json', () => {
    expect(read().ends).toEqual([2]);
    const config = { vocab_size: 9, eos_token_id: null };
    expect(read({ config, tokenizerConfig: { eos_token: '</s>' } }).ends).toEqual([2]);
    expect(read({ config, tokenizerConfig: { eos_token: { content: '<s>' } } }).ends).toEqual([1]);
    const { eos, ends } = read({ generationConfig: { eos_token_id: [7, 2] } });
    expect([eos, ends]).toEqual([7, [7, 2]]);
  });

  it.each<[Parameters<typeof texts>[0], RegExp]>([
    [{ config: { vocab_size: 9 } }, /eos_token_id is missing/],
    [{ config: { eos_token_id: 2 } }, /config\.json: vocab_size/],
    [{ tokenizer: { model: { type: 'Telepathy' } } }, /DIR, tokenizer\.json: /],
    [{ tokenizer: [] }, /tokenizer\.json: /],
    [{ tokenizerConfig: { add_bos_token: 'yes' } }, /tokenizer_config\.json: add_bos_token/],
  ])('is refused by file with %j', (changes, message) => {
    expect(refusal(() => read(changes))).toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(message),
    });
  });

  it('of another model is refused when it makes an id that the model has not', () => {
    const { encode } = read({ config: { vocab_size: 8, eos_token_id: 2 } });
    expect(() => encode('ab')).toThrow(/it makes the id 8; the model has 8 tokens/);
  });

  it('of an export is that of the task', () => {
    const random = { ...randomCheckpoint({ shape: 'llama' }), metadata: new Map() };
    const files = writeHuggingFace(random, ARITHMETIC);
    const { encode, decode, ends } = readTokenizer(
      { tokenizer: String(files.get('tokenizer.json')), config: String(files.get('config.json')) },
      'DIR',
    );
    for (const problem of ARITHMETIC.heldOut(20)) {
      const text = ARITHMETIC.tokenizer.decode(ARITHMETIC.prompt(problem).slice(1));
      expect(encode(text)).toEqual(ARITHMETIC.tokenizer.encode(text));
      expect(decode(encode(text))).toBe(text);
    }
    expect(ends).toEqual([ARITHMETIC.tokenizer.eos]);
  });
});

describe.skipIf(!hasStories)('stories260K', () => {
  const file = (name: string): string => readFileSync(`${STORIES}/${name}.json`, 'utf8');
  it('has the ids and the story of its author', () => {
    const { encode, decode, bos, ends } = readTokenizer(
      {
        tokenizer: file('tokenizer'),
        config: file('config'),
        tokenizerConfig: file('tokenizer_config'),
        generationConfig: file('generation_config'),
      },
      STORIES,
    );
    const { cases, greedy } = storiesGolden();
    expect([bos, ends]).toEqual([1, [2]]);
    expect([1, ...encode('Once upon a time')]).toEqual(cases[0].ids);
    expect(decode(greedy)).toMatch(
      /^ Once upon a time, there was a little girl named Lily\. She loved to play outs/,
    );
  });
});

it('is copied when a model of elsewhere is written again', () => {
  const files = texts({ tokenizerConfig: { add_bos_token: true, bos_token: '<s>' } });
  const random = { ...randomCheckpoint({ shape: 'llama', vocabSize: VOCAB.length }), metadata: new Map() };
  const written = writeHuggingFace(random, files);
  expect(written.get('tokenizer.json')).toBe(files.tokenizer);
  expect(written.get('tokenizer_config.json')).toBe(files.tokenizerConfig);
  expect(JSON.parse(String(written.get('generation_config.json')))).toMatchObject({
    ...{ bos_token_id: 1, eos_token_id: 2 },
  });
  const again = readTokenizer(
    {
      tokenizer: String(written.get('tokenizer.json')),
      tokenizerConfig: String(written.get('tokenizer_config.json')),
      config: String(written.get('config.json')),
      generationConfig: String(written.get('generation_config.json')),
    },
    'DIR',
  );
  expect(again).toMatchObject({ bos: 1, eos: 2, vocabSize: 9 });
  const weights = written.get('model.safetensors');
  if (!(weights instanceof Uint8Array)) throw new Error('there are no weights');
  expect(readHuggingFace({ config: String(written.get('config.json')), weights }, 'DIR')).toEqual(random);
});
