/**
 * Write pickles and torch.save files opcode by opcode, valid or hostile, from the descriptions of the formats
 * (Python's pickletools, torch/serialization.py). Zipping is fflate's, not this project's.
 */

import { type Zippable, zipSync } from 'fflate';

export const bytes = (...parts: (number | Uint8Array | readonly number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : [...part])));

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export function u32(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value, true);
  return out;
}

export function u64(value: number | bigint): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(value), true);
  return out;
}

export const MARK = bytes(0x28);
export const STOP = bytes(0x2e);
export const NONE = bytes(0x4e);
export const FALSE = bytes(0x89);
export const EMPTY_DICT = bytes(0x7d);
export const REDUCE = bytes(0x52);

/** BININT; for values past 32 bits LONG1 of 9 bytes. */
export const int = (value: number): Uint8Array =>
  value === (value | 0)
    ? bytes(0x4a, u32(value >>> 0))
    : bytes(0x8a, 9, u64(BigInt.asUintN(64, BigInt(value))), 0);

export function float(value: number): Uint8Array {
  const out = new Uint8Array(9);
  out[0] = 0x47;
  new DataView(out.buffer).setFloat64(1, value, false);
  return out;
}

export const text = (value: string): Uint8Array => bytes(0x58, u32(utf8(value).length), utf8(value));
export const global = (module: string, name: string): Uint8Array => bytes(0x63, utf8(`${module}\n${name}\n`));
export const tuple = (...items: Uint8Array[]): Uint8Array => bytes(MARK, ...items, 0x74);
export const list = (...items: Uint8Array[]): Uint8Array => bytes(0x5d, MARK, ...items, 0x65);
export const dict = (...pairs: [string, Uint8Array][]): Uint8Array =>
  bytes(EMPTY_DICT, MARK, ...pairs.flatMap(([key, value]) => [text(key), value]), 0x75);
export const call = (callable: Uint8Array, ...args: Uint8Array[]): Uint8Array =>
  bytes(callable, tuple(...args), REDUCE);
export const pickle = (...parts: Uint8Array[]): Uint8Array => bytes(0x80, 2, ...parts, STOP);

export interface TensorRecipe {
  readonly key?: string;
  readonly shape: readonly number[];
  readonly strides?: readonly number[];
  readonly offset?: number;
  /** Number of elements of the storage. Default: that of the shape. */
  readonly length?: number;
  readonly storage?: string;
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const rowMajor = (shape: readonly number[]): number[] =>
  shape.map((_, axis) => product(shape.slice(axis + 1)));

/** A pickled tensor, as torch.save writes it in the zip format (or with `legacy` in the older one). */
export function tensor(recipe: TensorRecipe, legacy = false): Uint8Array {
  const { key = '0', shape, strides = rowMajor(shape), offset = 0, storage = 'FloatStorage' } = recipe;
  const length = int(recipe.length ?? product(shape));
  const id = [
    text('storage'),
    global('torch', storage),
    text(key),
    text('cpu'),
    length,
    ...(legacy ? [NONE] : []),
  ];
  return call(
    global('torch._utils', '_rebuild_tensor_v2'),
    bytes(tuple(...id), 0x51),
    int(offset),
    tuple(...shape.map(int)),
    tuple(...strides.map(int)),
    FALSE,
    call(global('collections', 'OrderedDict')),
  );
}

/** A torch.save zip of one pickle and its storages, keyed '0', '1', … */
export function torchZip(
  root: Uint8Array,
  storages: readonly Uint8Array[],
  more: Zippable = {},
  level: 0 | 9 = 0,
): Uint8Array {
  const files: Zippable = { 'model/data.pkl': root, 'model/byteorder': utf8('little') };
  for (const [key, content] of storages.entries()) files[`model/data/${key}`] = content;
  return zipSync({ ...files, 'model/version': utf8('3\n'), ...more }, { level });
}

const LEGACY_MAGIC = bytes(0x8a, 10, [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]);

export interface LegacyParts {
  readonly version?: number;
  readonly littleEndian?: boolean;
  readonly keys?: readonly string[];
  readonly magic?: Uint8Array;
}

/** The older format; each storage is its number of elements and its bytes. */
export function torchLegacy(
  root: Uint8Array,
  storages: readonly { readonly length: number; readonly content: Uint8Array }[],
  { version = 1001, littleEndian = true, keys, magic = LEGACY_MAGIC }: LegacyParts = {},
): Uint8Array {
  return bytes(
    pickle(magic),
    pickle(int(version)),
    pickle(dict(['protocol_version', int(1001)], ['little_endian', bytes(littleEndian ? 0x88 : 0x89)])),
    pickle(root),
    pickle(list(...(keys ?? storages.map((_, key) => String(key))).map(text))),
    ...storages.flatMap(({ length, content }) => [u64(length), content]),
  );
}

export const float32Bytes = (...values: number[]): Uint8Array =>
  new Uint8Array(Float32Array.from(values).buffer);
