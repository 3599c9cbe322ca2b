/** The safetensors format, rule by rule: writing, reading and refusals. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type NamedArray, readSafetensors, writeSafetensors } from '../../src/formats/index.ts';
import { refusal } from './refusal.ts';
import { bytes, u64 } from './torch/pickleAssembler.ts';

/** A file of a header given as text (or bytes) and zeros for data. */
function file(header: string | Uint8Array, dataLength = 0, declaredLength?: number | bigint): Uint8Array {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  return bytes(u64(declaredLength ?? json.length), json, new Uint8Array(dataLength));
}

const f32 = (shape: string, begin: number, end: number): string =>
  `{"dtype":"F32","shape":${shape},"data_offsets":[${begin},${end}]}`;

const elements: fc.Arbitrary<NamedArray> = fc.oneof(
  fc.float32Array().map((data) => ({ dtype: 'F32' as const, shape: [data.length], data })),
  fc.float64Array().map((data) => ({ dtype: 'F64' as const, shape: [1, data.length], data })),
  fc.int32Array().map((data) => ({ dtype: 'I32' as const, shape: [data.length, 1], data })),
  fc.bigInt64Array().map((data) => ({ dtype: 'I64' as const, shape: [data.length], data })),
  fc.uint8Array().map((data) => ({ dtype: 'U8' as const, shape: [data.length], data })),
  fc.uint16Array().map((data) => ({ dtype: 'U16' as const, shape: [data.length], data })),
);

const name = fc.string({ unit: 'grapheme' }).filter((key) => key !== '__proto__' && key !== '__metadata__');

describe('round trip', () => {
  it('returns names, dtypes, shapes, elements and metadata bit for bit', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, elements)), fc.array(fc.tuple(name, name)), (pairs, texts) => {
        const tensors = new Map(pairs);
        const metadata = new Map(texts);
        const back = readSafetensors(writeSafetensors({ tensors, metadata }));
        expect(back.tensors).toEqual(tensors);
        expect(back.metadata).toEqual(metadata);
      }),
    );
  });

  it('writes an aligned header and aligned tensors, widest first', () => {
    const tensors = new Map<string, NamedArray>([
      ['flags', { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
      ['wide', { dtype: 'F64', shape: [], data: Float64Array.of(0.5) }],
    ]);
    const written = Buffer.from(writeSafetensors({ tensors, metadata: new Map() }));
    const length = Number(written.readBigUInt64LE(0));
    expect(length % 8).toBe(0);
    expect(JSON.parse(written.toString('utf8', 8, 8 + length))).toEqual({
      wide: { dtype: 'F64', shape: [], data_offsets: [0, 8] },
      flags: { dtype: 'U8', shape: [3], data_offsets: [8, 11] },
    });
    expect(written.readDoubleLE(8 + length)).toBe(0.5);
  });

  it('refuses to write what it cannot represent', () => {
    const write = (key: string, array: NamedArray) => () =>
      writeSafetensors({ tensors: new Map([[key, array]]), metadata: new Map() });
    const data = new Float32Array(2);
    expect(refusal(write('__metadata__', { dtype: 'F32', shape: [2], data })).code).toBe('CORRUPT');
    expect(refusal(write('__proto__', { dtype: 'F32', shape: [2], data })).code).toBe('CORRUPT');
    expect(refusal(write('a', { dtype: 'F16', shape: [2], data })).code).toBe('WRONG_DTYPE');
    expect(refusal(write('a', { dtype: 'F64', shape: [2], data })).code).toBe('WRONG_DTYPE');
    expect(refusal(write('a', { dtype: 'F32', shape: [3], data })).code).toBe('TENSOR_MISMATCH');
    expect(refusal(write('a', { dtype: 'F32', shape: [-2, -1], data })).code).toBe('TENSOR_MISMATCH');
  });
});

describe('reading', () => {
  const read = (dtype: string, ...raw: number[]) => {
    const size = dtype === 'F64' ? 8 : 2;
    const header = `{"x":{"dtype":"${dtype}","shape":[${raw.length / size}],"data_offsets":[0,${raw.length}]}}`;
    const { data } = readSafetensors(bytes(file(header), raw)).tensors.get('x') ?? {};
    return Array.from(data as Float32Array);
  };

  it('decodes F16 by the bits of IEEE 754', () => {
    // 1, −2, largest normal, smallest subnormal, ∞, −0
    expect(read('F16', 0, 0x3c, 0, 0xc0, 0xff, 0x7b, 1, 0, 0, 0x7c, 0, 0x80)).toEqual([
      1,
      -2,
      65504,
      2 ** -24,
      Number.POSITIVE_INFINITY,
      -0,
    ]);
    expect(read('F16', 1, 0x7c)).toEqual([Number.NaN]);
  });

  it('decodes BF16 as the upper half of a float32', () => {
    expect(read('BF16', 0x80, 0x3f, 0x49, 0x40, 0, 0xc0)).toEqual([1, 3.140625, -2]);
  });

  it('accepts white space, escapes, empty tensors and any order in the header', () => {
    const header = ` { "b" : ${f32('[ 1 ]', 4, 8)} ,\n"\\u0061":${f32('[]', 0, 4)}, "none":${f32('[0,7]', 4, 4)} } `;
    const { tensors } = readSafetensors(file(header.trimStart(), 8));
    expect([...tensors].map(([key, { shape }]) => [key, shape])).toEqual([
      ['b', [1]],
      ['a', []],
      ['none', [0, 7]],
    ]);
  });

  it('gives names no meaning that JavaScript gives them', () => {
    const names = ['constructor', 'toString', 'hasOwnProperty', 'prototype', 'length', ''];
    const header = names.map((key) => `"${key}":${f32('[0]', 0, 0)}`).join();
    const { tensors, metadata } = readSafetensors(file(`{"__metadata__":{"constructor":"x"},${header}}`));
    expect([...tensors.keys()]).toEqual(names);
    expect([...metadata]).toEqual([['constructor', 'x']]);
  });

  it('accepts a layout exactly when its tensors tile the data', () => {
    const range = fc.tuple(fc.nat(6), fc.nat(6));
    const tiling = fc.array(fc.nat(3), { maxLength: 5 }).chain((lengths) => {
      const ends = lengths.map((_, i) => lengths.slice(0, i + 1).reduce((a, b) => a + b, 0));
      const ranges = ends.map((end, i): [number, number] => [end - (lengths[i] ?? 0), end]);
      return fc.shuffledSubarray(ranges, { minLength: ranges.length });
    });
    const layout = fc.oneof(tiling, fc.array(range, { maxLength: 4 }));
    fc.assert(
      fc.property(layout, fc.nat(12), fc.boolean(), (ranges, spare, exact) => {
        const covered = Array.from(
          { length: 30 },
          (_, byte) => ranges.filter(([a, b]) => a <= byte && byte < b).length,
        );
        const end = Math.max(0, ...ranges.map(([, b]) => b));
        const length = exact ? end : spare;
        const tiles =
          ranges.every(([a, b]) => a <= b) &&
          covered.every((times, byte) => times === (byte < length ? 1 : 0)) &&
          // An empty one stands between two others or at an end, not inside one.
          ranges.every(([a, b]) => a < b || (a <= length && !ranges.some(([c, d]) => c < a && a < d)));
        const header = ranges.map(
          ([a, b], i) => `"${i}":{"dtype":"U8","shape":[${Math.max(0, b - a)}],"data_offsets":[${a},${b}]}`,
        );
        const read = () => readSafetensors(file(`{${header}}`, length)).tensors.size;
        if (tiles) expect(read()).toBe(ranges.length);
        else expect(['CORRUPT', 'TRUNCATED']).toContain(refusal(read).code);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps a BOM inside a name', () => {
    expect([...readSafetensors(file(`{"\ufeffa":${f32('[0]', 0, 0)}}`)).tensors.keys()]).toEqual(['\ufeffa']);
  });
});

describe('refusals', () => {
  const deep = `{"a":${'['.repeat(100_000)}`;
  it.each<[string, Uint8Array, string, RegExp]>([
    ['too short', new Uint8Array(7), 'NOT_A_CHECKPOINT', /header length/],
    ['no {', file('[]'), 'NOT_A_CHECKPOINT', /header length and \{/],
    ['a leading space', file(' {}'), 'NOT_A_CHECKPOINT', /\{/],
    ['header over 100 MB', file('{}', 0, 100_000_001), 'NOT_A_CHECKPOINT', /./],
    ['header of 2^64−1', file('{}', 0, 2n ** 64n - 1n), 'NOT_A_CHECKPOINT', /./],
    ['header past the end', file('{}', 0, 3), 'TRUNCATED', /3 bytes long but only 2/],
    ['data missing', file(`{"a":${f32('[2]', 0, 8)}}`, 7), 'TRUNCATED', /need 8 bytes but only 7/],
    ['data left over', file(`{"a":${f32('[2]', 0, 8)}}`, 9), 'CORRUPT', /1 bytes belong to no tensor/],
    ['data and no tensors', file('{}', 1), 'CORRUPT', /belong to no tensor/],
    [
      'a gap',
      file(`{"a":${f32('[1]', 0, 4)},"b":${f32('[1]', 8, 12)}}`, 12),
      'CORRUPT',
      /"b": its bytes 8 … 12 do not follow/,
    ],
    ['an overlap', file(`{"a":${f32('[2]', 0, 8)},"b":${f32('[1]', 4, 8)}}`, 8), 'CORRUPT', /do not follow/],
    ['a start past 0', file(`{"a":${f32('[1]', 4, 8)}}`, 8), 'CORRUPT', /do not follow/],
    [
      'an end before its begin',
      file(`{"a":${f32('[1]', 0, 8)},"b":${f32('[1]', 8, 4)}}`, 8),
      'CORRUPT',
      /do not follow|fill/,
    ],
    [
      'a shape too large',
      file(`{"a":${f32('[3]', 0, 8)}}`, 8),
      'CORRUPT',
      /"a": F32 of shape \[3\] does not fill its 8/,
    ],
    [
      'a product that overflows',
      file(`{"a":${f32('[4294967296,4294967296,4]', 0, 0)}}`),
      'CORRUPT',
      /does not fill/,
    ],
    [
      'a product that overflows beside a zero',
      file(`{"a":${f32('[0,9007199254740991,2]', 0, 0)}}`),
      'CORRUPT',
      /does not fill/,
    ],
    ['offsets past 2^53', file(`{"a":${f32('[1]', 0, 2 ** 53)}}`, 4), 'CORRUPT', /too large/],
    [
      'an offset of 2^53 − 1',
      file(`{"a":${f32('[1]', 0, 2 ** 53 - 1)}}`, 4),
      'TRUNCATED',
      /need 9007199254740991/,
    ],
    ['a byte-order mark', file('\ufeff{}'), 'NOT_A_CHECKPOINT', /and \{/],
    ['padding with zeros', file('{}\0\0'), 'CORRUPT', /after the object/],
    ['half a character', file(`{"\\ud83d":${f32('[0]', 0, 0)}}`), 'CORRUPT', /half a character/],
    ['metadata that is null', file('{"__metadata__":null}'), 'CORRUPT', /expected "\{"/],
    ['nested metadata', file('{"__metadata__":{"a":{"b":"c"}}}'), 'CORRUPT', /expected "\\""/],
    [
      '__proto__ in a tensor',
      file('{"a":{"__proto__":[],"dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4),
      'CORRUPT',
      /not allowed/,
    ],
    [
      'an empty tensor inside another',
      file(`{"a":${f32('[2]', 0, 8)},"b":${f32('[0]', 4, 4)}}`, 8),
      'CORRUPT',
      /do not follow/,
    ],
    ['an empty tensor past the end', file(`{"a":${f32('[0]', 4, 4)}}`), 'CORRUPT', /do not follow/],
    ['a number past 2^53', file(`{"a":${f32('[9007199254740993]', 0, 0)}}`), 'CORRUPT', /too large/],
    ['a negative number', file(`{"a":${f32('[-1]', 0, 4)}}`, 4), 'CORRUPT', /non-negative integer/],
    ['a fraction', file(`{"a":${f32('[1.0]', 0, 4)}}`, 4), 'CORRUPT', /unexpected text/],
    ['a leading zero', file(`{"a":${f32('[01]', 0, 4)}}`, 4), 'CORRUPT', /non-negative integer/],
    [
      'a duplicate tensor',
      file(`{"a":${f32('[1]', 0, 4)},"a":${f32('[1]', 0, 4)}}`, 4),
      'CORRUPT',
      /"a" occurs twice/,
    ],
    [
      'a duplicate by escape',
      file(`{"a":${f32('[1]', 0, 4)},"\\u0061":${f32('[1]', 0, 4)}}`, 4),
      'CORRUPT',
      /"a" occurs twice/,
    ],
    [
      'a duplicate field',
      file('{"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4),
      'CORRUPT',
      /"dtype" occurs twice/,
    ],
    ['duplicate metadata', file('{"__metadata__":{"k":"1","k":"2"}}'), 'CORRUPT', /"k" occurs twice/],
    ['two metadata', file('{"__metadata__":{},"__metadata__":{}}'), 'CORRUPT', /occurs twice/],
    ['__proto__', file(`{"__proto__":${f32('[0]', 0, 0)}}`), 'CORRUPT', /"__proto__" is not allowed/],
    ['__proto__ by escape', file(`{"\\u005f_proto__":${f32('[0]', 0, 0)}}`), 'CORRUPT', /not allowed/],
    ['__proto__ in metadata', file('{"__metadata__":{"__proto__":"x"}}'), 'CORRUPT', /not allowed/],
    ['metadata that is no text', file('{"__metadata__":{"k":1}}'), 'CORRUPT', /expected "\\""/],
    [
      'an unknown dtype',
      file('{"a":{"dtype":"F8_E5M2","shape":[1],"data_offsets":[0,1]}}', 1),
      'WRONG_DTYPE',
      /"F8_E5M2" is unknown; save it as one of F64/,
    ],
    [
      'a dtype of Object.prototype',
      file('{"a":{"dtype":"toString","shape":[0],"data_offsets":[0,0]}}'),
      'WRONG_DTYPE',
      /unknown/,
    ],
    ['a missing shape', file('{"a":{"dtype":"F32","data_offsets":[0,0]}}'), 'CORRUPT', /lacks/],
    ['one offset', file('{"a":{"dtype":"F32","shape":[],"data_offsets":[0]}}'), 'CORRUPT', /lacks/],
    [
      'three offsets',
      file('{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4,8]}}', 4),
      'CORRUPT',
      /more than 2/,
    ],
    [
      'an unknown field',
      file('{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}}', 4),
      'CORRUPT',
      /unknown field "x"/,
    ],
    ['rank 17', file(`{"a":${f32(`[${'1,'.repeat(16)}1]`, 0, 4)}}`, 4), 'CORRUPT', /more than 16/],
    ['an open string', file('{"a'), 'CORRUPT', /not closed/],
    ['an open string at an escape', file('{"a\\'), 'CORRUPT', /not closed/],
    ['a line break in a string', file('{"a\n":1}'), 'CORRUPT', /not closed/],
    ['a bad escape', file('{"\\x":1}'), 'CORRUPT', /not valid UTF-8 JSON/],
    ['bad UTF-8', file(bytes(0x7b, 0x22, 0xff, 0x22, 0x3a)), 'CORRUPT', /not valid UTF-8/],
    ['a trailing comma', file(`{"a":${f32('[0]', 0, 0)},}`), 'CORRUPT', /expected/],
    ['text after the object', file('{}x'), 'CORRUPT', /after the object/],
    ['an open object', file('{'), 'CORRUPT', /expected/],
    ['deep nesting', file(deep), 'CORRUPT', /expected/],
  ])('%s', (_, hostile, code, message) => {
    const error = refusal(() => readSafetensors(hostile, 'x.safetensors'));
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^x\.safetensors, .+; .+$/);
  });
});
