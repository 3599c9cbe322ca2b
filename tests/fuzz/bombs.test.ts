/**
 * Handmade files that try to take as much time and memory as possible. As with mutants, each must give a typed error or a
 * valid checkpoint in under a second, with at most twice the file's size plus 100 MB.
 */

import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { MINI_WEIGHTS } from '../formats/mini.ts';
import * as py from '../formats/torch/pickleAssembler.ts';
import { Examiner } from './examine.ts';

const { bytes, dict, int, tensor, torchZip, u64 } = py;
const utf8 = (text: string) => new TextEncoder().encode(text);

/** Concatenate large parts, which `bytes` would split into numbers. */
const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** Repeat `unit` to about `length` bytes. */
function repeated(unit: Uint8Array, length: number): Uint8Array {
  const times = Math.floor(length / unit.length);
  const out = new Uint8Array(times * unit.length);
  for (let i = 0; i < times; i++) out.set(unit, i * unit.length);
  return out;
}

const pickled = (...parts: readonly Uint8Array[]): Uint8Array =>
  torchZip(joined(bytes(0x80, 2), ...parts, py.STOP), [new Uint8Array(64)]);

function safetensors(header: string): Uint8Array {
  const json = utf8(header);
  return joined(u64(json.length), json);
}

const MEGABYTE = 1_000_000;
const numbered = (count: number, item: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => item(i));

const MEMOIZE = 0x94;
const DUP = 0x32;

/** Return distinct names of four letters and digits. */
const shortName = (i: number): Uint8Array => bytes(0x8c, 4, utf8(i.toString(36).padStart(4, '0')));

/** Concatenate `count` pieces of equal length. */
const each = (count: number, piece: (i: number) => Uint8Array): Uint8Array =>
  new Uint8Array(Buffer.concat(Array.from({ length: count }, (_, i) => piece(i))));

/** A dict whose keys all hold one tensor. */
function namesOfOneTensor(): Uint8Array {
  const pairs = each(120_000, (i) => bytes(shortName(i), 0x68, 0));
  return pickled(
    tensor({ shape: [1], length: 16 }),
    bytes(0x71, 0, 0x30),
    py.EMPTY_DICT,
    py.MARK,
    pairs,
    bytes(0x75),
  );
}

/** A legal file of a model whose 16 million weights are one number. */
function expanded(): Uint8Array {
  const shapes = new Map([...MINI_WEIGHTS].map(([name, { shape }]) => [name, shape]));
  const rows = 1_750_000;
  shapes.set('tok_emb.weight', [rows, 4]);
  shapes.set('out_proj.weight', [rows, 4]);
  shapes.set('out_proj.bias', [rows]);
  const state = [...shapes].map(([name, shape]): [string, Uint8Array] => [
    name,
    tensor({ shape, strides: shape.map(() => 0), length: 16 }),
  ]);
  const sizes = { ntoken: rows, ninp: 4, nhead: 2, nhid: 2, nlayers: 1 };
  const config = dict(
    ...Object.entries(sizes).map(([name, value]): [string, Uint8Array] => [name, int(value)]),
  );
  return pickled(dict(['state_dict', dict(...state)], ['config', config]));
}

const BOMBS: readonly (readonly [string, () => Uint8Array, string])[] = [
  ['memo entries', () => pickled(bytes(0x4e), repeated(bytes(MEMOIZE), MEGABYTE)), 'TOO_LARGE'],
  ['a stack of one value', () => pickled(bytes(0x4e), repeated(bytes(DUP), 2 * MEGABYTE)), 'TOO_LARGE'],
  ['marks', () => pickled(repeated(py.MARK, 2 * MEGABYTE)), 'TOO_LARGE'],
  ['dict entries', () => pickled(py.EMPTY_DICT, py.MARK, each(400_000, (i) => Uint8Array.of(0x4a, i, i >> 8, i >> 16, 0, 0x4e)), bytes(0x75)), 'TOO_LARGE'],
  ['set entries', () => pickled(bytes(0x8f), py.MARK, each(500_000, (i) => Uint8Array.of(0x4a, i, i >> 8, i >> 16, 0)), bytes(0x90)), 'TOO_LARGE'],
  ['globals', () => pickled(repeated(py.global('torch', 'IntStorage'), 4 * MEGABYTE)), 'TOO_LARGE'],
  ['short texts', () => pickled(repeated(bytes(0x8c, 2, 0xc3, 0xa9), 8 * MEGABYTE)), 'TOO_LARGE'],
  ['integers of 16 bytes', () => pickled(repeated(bytes(0x8a, 16, new Uint8Array(16).fill(0x7f)), 4 * MEGABYTE)), 'NOT_A_CHECKPOINT'],
  ['nested tuples', () => pickled(bytes(0x4e), repeated(bytes(0x85), MEGABYTE)), 'TOO_LARGE'],
  ['tensors of rank 16', manyTensors, 'TOO_LARGE'],
  ['names of one tensor', namesOfOneTensor, 'TOO_LARGE'],
  ['weights that are one number', expanded, 'accepted'],
  ['storages', manyStorages, 'TOO_LARGE'],
  ['tensors without elements', () => safetensors(`{${numbered(120_000, (i) => `"${i}":{"dtype":"I8","shape":[0],"data_offsets":[0,0]}`)}}`), 'TOO_LARGE'],
  ['metadata', () => safetensors(`{"__metadata__":{${numbered(80_000, (i) => `"${i}":""`)}}}`), 'TOO_LARGE'],
  ['a long name of escapes', () => safetensors(`{"${'\\u0061'.repeat(3 * MEGABYTE)}":{}}`), 'TOO_LARGE'],
  ['a long name', () => safetensors(`{"${'é'.repeat(2 * MEGABYTE)}":{}}`), 'CORRUPT'],
  ['open arrays', () => safetensors(`{"a":${'['.repeat(4 * MEGABYTE)}`), 'CORRUPT'],
  ['a config of open arrays', () => safetensors(`{"__metadata__":{"config":"${'['.repeat(65_000)}"}}`), 'BAD_CONFIG'],
  ['white space', () => safetensors(`{${' '.repeat(4 * MEGABYTE)}`), 'CORRUPT'],
  ['many experts', () => safetensors(`{"__metadata__":{"config":${JSON.stringify(JSON.stringify(manyExperts))}}}`), 'TENSOR_MISMATCH'],
  ['entries of a zip', () => zipSync(Object.fromEntries(numbered(20_000, String).map((name) => [name, new Uint8Array()])), { level: 0 }), 'NOT_A_CHECKPOINT'],
  ['compressed zeros', () => torchZip(new Uint8Array(17 * MEGABYTE), [], {}, 9), 'TOO_LARGE'],
  ['compressed opcodes', () => torchZip(repeated(bytes(0x5d), MEGABYTE), [], {}, 9), 'TOO_LARGE'],
]; // biome-ignore format: a table

const manyExperts = {
  vocabSize: 2, dModel: 1, nHeads: 1, dFF: 1, nLayers: 64, dropout: 0, numExperts: 256, activeExperts: 1,
  bias: true, finalNorm: true, tieEmbeddings: false, scaleEmbedding: true,
}; // biome-ignore format: a table

/** Memoise the arguments of a tensor, then build tensors from them until the file is full: five bytes each. */
function manyTensors(): Uint8Array {
  const shape = Array.from({ length: 16 }, () => 1);
  const called = tensor({ shape, length: 16 });
  const rebuild = py.global('torch._utils', '_rebuild_tensor_v2');
  const args = called.subarray(rebuild.length, called.length - 1);
  const once = bytes(0x68, 0, 0x68, 1, 0x52);
  return pickled(rebuild, bytes(0x71, 0), args, bytes(0x71, 1), repeated(once, 2 * MEGABYTE));
}

/** Storages with the persistent ids of torch.save, memoised except for their keys. */
function manyStorages(): Uint8Array {
  const remembered = [
    py.text('storage'),
    bytes(0x71, 0, 0x30),
    py.global('torch', 'FloatStorage'),
    bytes(0x71, 1),
  ];
  const id = (i: number) =>
    bytes(py.MARK, [0x68, 0, 0x68, 1], shortName(i), [0x8c, 1, 0x63, 0x4b, 0, 0x74, 0x51]);
  return pickled(...remembered, each(80_000, id));
}

describe('files made to cost much', () => {
  it.each(BOMBS)('%s', (_, make, code) => {
    const file = make();
    // A fresh one for each: what making the file left behind is not the reader's.
    const outcome = new Examiner().examine(file);
    expect(outcome.code).toBe(code);
  });
});
