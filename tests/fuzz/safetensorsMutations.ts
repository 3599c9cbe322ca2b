/** Mutations of the header of a safetensors file, token by token, with a corrected length. */

import type { RandomStream } from '../../src/tasks/arithmetic/index.ts';
import { joined, type Mutation, pick } from './byteMutations.ts';

const TOKEN = /"(?:[^"\\]|\\.)*"|\d+|[{}[\]:,]/g;
const MEMBER = /"[^"]*":\{[^{}]*\},?/g;

const HOSTILE_TOKENS = [
  '0', '-1', '01', '1e3', '1.0', '4294967296', '9007199254740991', '9007199254740993', '18446744073709551616', 'NaN',
  '"__proto__"', '"constructor"', '"__metadata__"', '"config"', '"\\u005f_proto__"', '"\\ud800"', '"\ufeff"', '""',
  '"F64"', '"F16"', '"BF16"', '"I32"', '"BOOL"', '"F8_E5M2"', '"dtype"', '"shape"', '"data_offsets"',
  '{}', '[]', '[[]]', '{"a":{}}', 'null', 'true', '[0,0]', '\u0000', '\ufeff', ' \n\t', '['.repeat(5000), '{"a":'.repeat(5000),
]; // biome-ignore format: a table

/** Edit the header as text. A file without a valid header stays unchanged. */
function editHeader(file: Uint8Array, edit: (header: string) => string): Uint8Array {
  const length = file.length < 8 ? 0 : Number(Buffer.from(file.buffer, file.byteOffset, 8).readBigUInt64LE());
  if (length === 0 || 8 + length > file.length) return file;
  const header = Buffer.from(edit(Buffer.from(file.subarray(8, 8 + length)).toString('utf8')));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(header.length));
  return joined(start, header, file.subarray(8 + length));
}

function replaceMatch(text: string, match: RegExpExecArray, by: string): string {
  return text.slice(0, match.index) + by + text.slice(match.index + match[0].length);
}

/** Edit a random match of a pattern. */
function editMatch(
  pattern: RegExp,
  edit: (match: string, all: readonly RegExpExecArray[], random: RandomStream) => string,
): Mutation {
  return (file, random) =>
    editHeader(file, (header) => {
      const all = [...header.matchAll(pattern)];
      if (all.length === 0) return header;
      const match = pick(all, random);
      return replaceMatch(header, match, edit(match[0], all, random));
    });
}

export const SAFETENSORS_MUTATIONS: readonly Mutation[] = [
  editMatch(TOKEN, (_, __, random) => pick(HOSTILE_TOKENS, random)),
  editMatch(TOKEN, (_, all, random) => pick(all, random)[0]),
  editMatch(TOKEN, (token, _, random) => pick([`${token}${token}`, '', `${token} `], random)),
  // A number by one near it, so that sizes and offsets nearly fit.
  editMatch(/\d+/g, (number, _, random) => String(Number(number) + random.integerBetween(-4, 4))),
  editMatch(MEMBER, (member, all, random) => pick([member + member, '', pick(all, random)[0]], random)),
  editMatch(/"F32"/g, (_, __, random) => pick(['"I32"', '"U32"', '"F16"', '"BF16"', '"F64"'], random)),
  (file, random) =>
    editHeader(
      file,
      (header) =>
        pick(['\ufeff', ' ', '\n', '{', ''], random) + header + pick(['', ' ', '\0', '}', '{}'], random),
    ),
];
