/**
 * Reading and writing checkpoints: every fixture of the original, values read independently, round trips, inferred configs
 * of files without one, and one-line errors that name the wrong tensors.
 */

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withCheckpointErrors } from '../../src/formats/error.ts';
import {
  type Checkpoint,
  type NamedArray,
  readCheckpoint,
  type StateTensor,
  writeCheckpoint,
  writeSafetensors,
} from '../../src/formats/index.ts';
import { type ModelOverrides, modelConfig } from '../../src/model/config.ts';
import { parameterShapes } from '../../src/model/stateDict.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { MINI, MINI_WEIGHTS, miniLegacy, miniPickle, miniZip } from './mini.ts';
import { refusal } from './refusal.ts';
import { dict, float32Bytes, int, pickle, tensor, text, torchZip } from './torch/pickleAssembler.ts';

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../fixtures/checkpoints/${name}`, import.meta.url));

/** Read safetensors in the simplest way, with JSON.parse and readFloatLE. */
function plainSafetensors(name: string): Map<string, { shape: number[]; data: number[] }> {
  const file = fixture(name);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, start).toString('utf8'));
  delete header.__metadata__;
  return new Map(
    Object.entries<{ shape: number[]; data_offsets: [number, number] }>(header).map(([tensorName, entry]) => {
      const [begin, end] = entry.data_offsets;
      const data = Array.from({ length: (end - begin) / 4 }, (_, i) =>
        file.readFloatLE(start + begin + 4 * i),
      );
      return [tensorName, { shape: entry.shape, data }];
    }),
  );
}

function withoutSlopes<Value>(tensors: ReadonlyMap<string, Value>): [string, Value][] {
  return [...tensors].filter(([name]) => !name.endsWith('alibi_slopes')).sort(([a], [b]) => (a < b ? -1 : 1));
}

function plainState(checkpoint: Checkpoint): [string, { shape: readonly number[]; data: number[] }][] {
  return withoutSlopes(
    new Map([...checkpoint.stateDict].map(([k, v]) => [k, { shape: v.shape, data: [...v.data] }])),
  );
}

const read = (name: string) => readCheckpoint(fixture(name), name);

describe('the original’s files', () => {
  it.each([
    ['tiny.pt', 'torch-zip', 'tiny.safetensors'],
    ['tiny_legacy.pt', 'torch-legacy', 'tiny.safetensors'],
    ['tiny_bare.pt', 'torch-zip', 'tiny.safetensors'],
    ['tiny_bare_legacy.pt', 'torch-legacy', 'tiny.safetensors'],
    ['tiny.safetensors', 'safetensors', 'tiny.safetensors'],
    ['moe_tiny.pt', 'torch-zip', 'moe_tiny.safetensors'],
    ['moe_tiny.safetensors', 'safetensors', 'moe_tiny.safetensors'],
  ])('%s (%s) holds the values of %s', (name, format, same) => {
    const checkpoint = read(name);
    const experts = name.startsWith('moe') ? { numExperts: 4, activeExperts: 2 } : {};
    expect(checkpoint.format).toBe(format);
    expect(checkpoint.config).toEqual(modelConfig('tiny', { vocabSize: VOCAB_SIZE, ...experts }));
    expect(plainState(checkpoint)).toEqual(withoutSlopes(plainSafetensors(same)));
    expect([...checkpoint.stateDict.keys()]).toEqual([...parameterShapes(checkpoint.config).keys()]);
  });

  it('tiny_easy.pt holds the values that Python’s zipfile and struct find', () => {
    const { config, stateDict } = read('tiny_easy.pt');
    expect(config).toEqual(modelConfig('tiny', { vocabSize: VOCAB_SIZE }));
    const embedding = stateDict.get('tok_emb.weight')?.data ?? new Float32Array();
    expect([...embedding.subarray(0, 3)]).toEqual([
      0.0861542820930481, -0.06816219538450241, 0.13318964838981628,
    ]);
    expect(embedding.reduce((sum, value) => sum + Math.abs(value), 0)).toBeCloseTo(57.560871279587445, 9);
    const bias = stateDict.get('out_proj.bias')?.data ?? new Float32Array();
    expect([bias[0], bias[56]]).toEqual([0.023961272090673447, 0.07645750790834427]);
  });

  it('keeps the model’s name and drops the config from the metadata', () => {
    expect([...read('tiny.pt').metadata]).toEqual([['model_type', 'tiny']]);
    expect([...read('tiny.safetensors').metadata]).toEqual([['model_type', 'tiny']]);
  });

  it('does not change or keep hold of the bytes it reads', () => {
    for (const name of ['tiny_legacy.pt', 'tiny.pt', 'tiny.safetensors']) {
      const bytes = fixture(name);
      const { stateDict } = readCheckpoint(bytes, name);
      expect(bytes.equals(fixture(name))).toBe(true);
      const before = stateDict.get('out_proj.bias')?.data[0];
      bytes.fill(0);
      expect(stateDict.get('out_proj.bias')?.data[0]).toBe(before);
    }
  });

  it('reads a file at an odd offset of a larger buffer', () => {
    const file = fixture('tiny.safetensors');
    const larger = new Uint8Array(file.length + 3);
    larger.set(file, 3);
    expect(plainState(readCheckpoint(larger.subarray(3), 'odd'))).toEqual(
      plainState(read('tiny.safetensors')),
    );
  });
});

describe('small files of each format', () => {
  const expected = withoutSlopes(
    new Map([...MINI_WEIGHTS].map(([k, v]) => [k, { ...v, data: [...v.data] }])),
  );
  it.each([
    ['zip', miniZip()],
    ['deflated zip', miniZip(miniPickle(true), 9)],
    ['bare zip', miniZip(miniPickle(false))],
    ['legacy', miniLegacy(true)],
    ['bare legacy', miniLegacy(false)],
  ])('%s is read', (_, file) => {
    const checkpoint = readCheckpoint(file, 'mini.pt');
    expect(checkpoint.config).toEqual(MINI);
    expect(plainState(checkpoint)).toEqual(expected);
  });
});

const arbitraryCheckpoint: fc.Arbitrary<Checkpoint> = fc
  .record({
    shape: fc.constantFrom<'mathformer' | 'mpt'>('mathformer', 'mpt'),
    nHeads: fc.integer({ min: 1, max: 3 }),
    numExperts: fc.integer({ min: 0, max: 2 }),
    dFF: fc.integer({ min: 1, max: 4 }),
    seed: fc.float({ noNaN: true, noDefaultInfinity: true }),
    metadata: fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }))),
  })
  .map(({ seed, metadata, nHeads, numExperts, ...rest }) => {
    const overrides: ModelOverrides = {
      ...rest,
      nHeads,
      dModel: 2 * nHeads,
      numExperts,
      nLayers: 1,
      vocabSize: 3,
    };
    const config = modelConfig('tiny', {
      ...overrides,
      activeExperts: Math.min(numExperts, 1),
    });
    const stateDict = new Map<string, StateTensor>();
    for (const [name, shape] of parameterShapes(config)) {
      const length = shape.reduce((a, b) => a * b, 1);
      stateDict.set(name, {
        shape,
        data: Float32Array.from({ length }, (_, i) => Math.fround(seed / (i + 1))),
      });
    }
    return {
      config,
      stateDict,
      metadata: new Map(metadata.filter(([key]) => !['config', '__proto__'].includes(key))),
    };
  });

describe('writeCheckpoint', () => {
  it('writes what readCheckpoint reads back, bit for bit', () => {
    fc.assert(
      fc.property(arbitraryCheckpoint, (checkpoint) => {
        const back = readCheckpoint(writeCheckpoint(checkpoint), 'round trip');
        expect(back.config).toEqual(checkpoint.config);
        expect(back.metadata).toEqual(checkpoint.metadata);
        expect(plainState(back)).toEqual(plainState(checkpoint));
      }),
    );
  });

  it('round-trips every fixture', () => {
    for (const name of ['tiny_easy.pt', 'moe_tiny.pt']) {
      const original = read(name);
      const { format, ...back } = readCheckpoint(writeCheckpoint(original), name);
      expect(format).toBe('safetensors');
      expect({ ...back, format: original.format }).toEqual(original);
    }
  });

  const mini: Checkpoint = { config: MINI, stateDict: MINI_WEIGHTS, metadata: new Map() };
  const bias = (data: Float32Array, shape = [3]) =>
    new Map([...MINI_WEIGHTS, ['out_proj.bias', { shape, data }]]);
  it.each<[string, Checkpoint, string, RegExp]>([
    [
      'NaN',
      { ...mini, stateDict: bias(Float32Array.of(0, Number.NaN, 0)) },
      'NON_FINITE',
      /"out_proj.bias": element 1 is NaN/,
    ],
    [
      'another shape',
      { ...mini, stateDict: bias(new Float32Array(4), [4]) },
      'TENSOR_MISMATCH',
      /is \[4\] instead of \[3\]/,
    ],
    [
      'too little data',
      { ...mini, stateDict: bias(new Float32Array(2)) },
      'TENSOR_MISMATCH',
      /does not fit its 2 elements/,
    ],
    [
      'nothing',
      { ...mini, stateDict: new Map() },
      'TENSOR_MISMATCH',
      /19 missing: "tok_emb.weight".* and 16 more/,
    ],
    ['a taken key', { ...mini, metadata: new Map([['config', '']]) }, 'BAD_CONFIG', /choose another key/],
    ['a bad config', { ...mini, config: { ...MINI, nHeads: 3 } }, 'BAD_CONFIG', /not divisible/],
    ['__proto__', { ...mini, metadata: new Map([['__proto__', '']]) }, 'CORRUPT', /key is not allowed/],
  ])('refuses %s', (_, checkpoint, code, message) => {
    const error = refusal(() => writeCheckpoint(checkpoint));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });
});

/** A mini checkpoint with entries of its state_dict or config replaced. */
function changed(tensors: Record<string, Uint8Array | undefined>, config?: Uint8Array): Uint8Array {
  const state = new Map<string, Uint8Array>();
  const contents: Uint8Array[] = [];
  const add = (name: string, shape: readonly number[], data: readonly number[]) => {
    state.set(name, tensor({ key: String(contents.length), shape }));
    contents.push(float32Bytes(...data));
  };
  for (const [name, { shape, data }] of MINI_WEIGHTS) add(name, shape, [...data]);
  add('blocks.0.alibi_slopes', [2], [2 ** -4, 2 ** -8]);
  for (const [name, value] of Object.entries(tensors)) {
    if (value) state.set(name, value);
    else state.delete(name);
  }
  const stateDict = dict(...state);
  return torchZip(pickle(config ? dict(['state_dict', stateDict], ['config', config]) : stateDict), contents);
}

const sizes = (more: Record<string, Uint8Array> = {}): Uint8Array => {
  const fields = { ntoken: int(3), ninp: int(4), nhead: int(2), nhid: int(2), nlayers: int(1), ...more };
  return dict(...Object.entries(fields));
};

describe('refusals of readCheckpoint', () => {
  const spare = tensor({ key: '0', shape: [3, 4] });
  it.each<[string, () => Uint8Array, string, RegExp]>([
    ['an empty file', () => new Uint8Array(), 'NOT_A_CHECKPOINT', /empty; copy or download/],
    ['text', () => new TextEncoder().encode('hello, world'), 'NOT_A_CHECKPOINT', /neither safetensors nor/],
    [
      'an LFS pointer',
      () => new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\n'),
      'NOT_A_CHECKPOINT',
      /git lfs pull/,
    ],
    [
      'a missing tensor',
      () => changed({ 'blocks.0.k_proj.bias': undefined }, sizes()),
      'TENSOR_MISMATCH',
      /1 missing: "blocks.0.k_proj.bias"/,
    ],
    [
      'a surplus tensor',
      () => changed({ 'pos_emb.weight': spare }, sizes()),
      'TENSOR_MISMATCH',
      /1 not part of the model: "pos_emb.weight"/,
    ],
    [
      'a mis-shaped tensor',
      () => changed({ 'out_proj.bias': tensor({ key: '0', shape: [4], length: 12 }) }, sizes()),
      'TENSOR_MISMATCH',
      /"out_proj.bias" is \[4\] instead of \[3\]/,
    ],
    [
      'a config of another model',
      () => changed({}, sizes({ ninp: int(8) })),
      'TENSOR_MISMATCH',
      /"tok_emb.weight" is \[3,4\] instead of \[3,8\]/,
    ],
    [
      'slopes of a layer too far',
      () => changed({ 'blocks.7.alibi_slopes': spare }, sizes()),
      'TENSOR_MISMATCH',
      /not part/,
    ],
    [
      'wrong slopes',
      () => changed({ 'blocks.0.alibi_slopes': tensor({ key: '0', shape: [2], length: 12 }) }, sizes()),
      'SLOPES_MISMATCH',
      /not those of 2 ALiBi heads/,
    ],
    [
      'a state_dict without feed-forward layers',
      () =>
        torchZip(pickle(dict(['tok_emb.weight', tensor({ shape: [3, 4], storage: 'LongStorage' })])), [
          new Uint8Array(96),
        ]),
      'NOT_A_CHECKPOINT',
      /no blocks.0.linear1.weight/,
    ],
    ['a missing size', () => changed({}, dict(['ntoken', int(3)])), 'BAD_CONFIG', /it has no ninp/],
    [
      'a size of text',
      () => changed({}, sizes({ nhid: text('two') })),
      'BAD_CONFIG',
      /its nhid is not a number/,
    ],
    [
      'indivisible heads',
      () => changed({}, sizes({ nhead: int(3) })),
      'BAD_CONFIG',
      /not divisible by nHeads 3/,
    ],
    ['a million layers', () => changed({}, sizes({ nlayers: int(1_000_000) })), 'BAD_CONFIG', /nLayers/],
    ['a config that is a list', () => changed({}, bytesOf(0x5d)), 'BAD_CONFIG', /a list instead of a dict/],
    [
      'heads that nothing tells',
      () => changed({ 'blocks.0.alibi_slopes': undefined }),
      'CONFIG_UNKNOWN',
      /number of heads.*nHeads/,
    ],
    [
      'active experts that nothing tells',
      () => changed({ 'blocks.0.moe.router.weight': spare, 'blocks.0.moe.experts.0.0.weight': spare }),
      'CONFIG_UNKNOWN',
      /number of active experts.*activeExperts/,
    ],
    [
      'another model’s state_dict',
      () => torchZip(pickle(dict(['conv.weight', tensor({ shape: [1] })])), [float32Bytes(1)]),
      'NOT_A_CHECKPOINT',
      /no tok_emb.weight/,
    ],
    [
      'a dict of no tensors',
      () => torchZip(pickle(dict(['a', int(1)])), []),
      'NOT_A_CHECKPOINT',
      /entry "a" is 1, not a tensor/,
    ],
    [
      'a saved list',
      () => torchZip(pickle(bytesOf(0x5d)), []),
      'NOT_A_CHECKPOINT',
      /a list instead of a dict/,
    ],
  ])('%s', (_, file, code, message) => {
    const error = refusal(() => readCheckpoint(file(), 'run/model.pt'));
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^run\/model\.pt, [^\n]+: [^\n]+; [^\n]+$/);
    expect(error.fix.length).toBeGreaterThan(10);
  });

  it('refuses integer weights by name once the shapes are right', () => {
    const file = writeCheckpoint({ config: MINI, stateDict: MINI_WEIGHTS, metadata: new Map() });
    const asText = Buffer.from(file);
    const at = asText.indexOf('"F32"', asText.indexOf('blocks.0.k_proj.bias'));
    asText.write('"I32"', at);
    const error = refusal(() => readCheckpoint(asText, 'x'));
    expect(error).toMatchObject({ code: 'WRONG_DTYPE' });
    expect(error.message).toContain('"blocks.0.k_proj.bias": its dtype is I32');
  });

  it.each<[string, (json: string) => string, RegExp]>([
    ['two values of one size', (json) => json.replace('{', '{"dModel":4,'), /"dModel" occurs twice/],
    ['__proto__', (json) => json.replace('{', '{"__proto__":1,'), /"__proto__" is not allowed/],
    ['constructor', (json) => json.replace('{', '{"constructor":1,'), /config: /],
    ['NaN', (json) => json.replace(/"dropout":[^,]+/, '"dropout":NaN'), /does not begin/],
    ['Infinity', (json) => json.replace(/"dropout":[^,]+/, '"dropout":1e999'), /dropout/],
    ['an object', (json) => json.replace(/"dropout":[^,]+/, '"dropout":{}'), /does not begin/],
    [
      'arrays without end',
      (json) => json.replace(/"dropout":[^,]+/, `"dropout":${'['.repeat(9999)}`),
      /does not/,
    ],
    ['text after it', (json) => `${json}{}`, /after the object/],
    ['a list', (json) => `[${json}]`, /expected "\{"/],
  ])('a config of this project with %s', (_, edit, message) => {
    const tensors = new Map<string, NamedArray>();
    for (const [name, { shape, data }] of MINI_WEIGHTS) tensors.set(name, { dtype: 'F32', shape, data });
    const metadata = new Map([['config', edit(JSON.stringify(MINI))]]);
    const error = refusal(() => readCheckpoint(writeSafetensors({ tensors, metadata }), 'x'));
    expect(error.code).toBe('BAD_CONFIG');
    expect(error.message).toMatch(message);
  });

  it('says that memory is short when a Map can hold no more', () => {
    const full = () => {
      throw new RangeError('Map maximum size exceeded');
    };
    expect(refusal(() => withCheckpointErrors('x', full)).code).toBe('TOO_LARGE');
  });

  it('takes what a bare file does not tell from its argument', () => {
    const noSlopes = changed({ 'blocks.0.alibi_slopes': undefined });
    expect(readCheckpoint(noSlopes, 'bare.pt', { nHeads: 2 }).config).toEqual(MINI);
    expect(refusal(() => readCheckpoint(noSlopes, 'bare.pt', { nHeads: 3 })).code).toBe('BAD_CONFIG');
  });

  it('refuses every truncation of every format', () => {
    for (const file of [miniZip(), miniLegacy(true), fixtureMini()]) {
      for (let length = 0; length < file.length; length += 7) {
        expect(['TRUNCATED', 'NOT_A_CHECKPOINT']).toContain(
          refusal(() => readCheckpoint(file.subarray(0, length), 'cut')).code,
        );
      }
    }
  });

  it('quotes hostile names on one line', () => {
    const file = torchZip(pickle(dict([`evil\n\u001b[31m\u202e${'x'.repeat(500)}`, int(1)])), []);
    const { message } = refusal(() => readCheckpoint(file, 'x'));
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(message.length).toBeLessThan(400);
  });
});

function fixtureMini(): Uint8Array {
  return writeCheckpoint({ config: MINI, stateDict: MINI_WEIGHTS, metadata: new Map() });
}

function bytesOf(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}
