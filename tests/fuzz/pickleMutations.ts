/** Mutations of pickles at opcode boundaries, so that the rest can still be read. */

import type { RandomStream } from '../../src/tasks/arithmetic/index.ts';
import { type Mutation, pick, setInteger, spliced } from './byteMutations.ts';

/** Bytes after each opcode; all others have none. From Python's pickletools. */
const FIXED: Readonly<Record<number, number>> = {
  128: 1, 75: 1, 77: 2, 74: 4, 71: 8, 113: 1, 114: 4, 104: 1, 106: 4, 149: 8,
}; // biome-ignore format: a table

/** Bytes of the length that precedes a text or integer. */
const COUNTED: Readonly<Record<number, number>> = {
  138: 1, 139: 4, 140: 1, 88: 4, 141: 8, 85: 1, 84: 4, 67: 1, 66: 4, 142: 8, 150: 8,
}; // biome-ignore format: a table

const GLOBAL = 0x63;

interface Opcode {
  readonly at: number;
  readonly end: number;
  /** Number of bytes of its operand, or of the operand's length. */
  readonly operandSize: number;
}

/** Return the opcodes up to the first invalid one; in the older container those of all its pickles. */
function opcodes(pickle: Uint8Array): Opcode[] {
  const found: Opcode[] = [];
  const bytes = Buffer.from(pickle.buffer, pickle.byteOffset, pickle.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const opcode = bytes[at] ?? 0;
    const counted = COUNTED[opcode] ?? 0;
    let end = at + 1 + (FIXED[opcode] ?? counted);
    if (end > bytes.length) break;
    if (counted > 0) end += bytes.readUIntLE(at + 1, Math.min(counted, 4));
    if (opcode === GLOBAL) end = bytes.indexOf(0x0a, bytes.indexOf(0x0a, at) + 1) + 1;
    if (end <= at || end > bytes.length) break;
    found.push({ at, end, operandSize: FIXED[opcode] ?? counted });
    at = end;
  }
  return found;
}

const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** Opcodes that build, call, name or repeat more than a file of weights needs. */
const HOSTILE = [
  'cos\nsystem\n', 'cbuiltins\neval\n', 'ctorch\nFloatStorage\n', 'ccollections\nOrderedDict\n', 'ctorch._utils\n_rebuild_tensor_v2\n',
  'ctorch\nconstructor\n', '\x8c\x02os\x8c\x06system\x93', 'X\x09\0\0\0__proto__', ')R', ')\x81', '}b', 'N', 'K\0', 'K\x01', 'J\xff\xff\xff\xff',
  'M\xff\xff', '\x8a\x09\0\0\0\0\0\0\0\x80\0', '\x8b\xff\xff\xff\x7f', 'G\x7f\xf8\0\0\0\0\0\0', '(', 't', '0', '1', '2', 'e', 'u', 's', 'a', 'R', 'b',
  'Q', '.', '\x85', '\x86', '\x87', ']', '}', ')', '\x8f', '\x90', '\x91', '\x92', '\x94', 'q\0', 'h\0', 'r\xff\xff\xff\xff',
  'j\xff\xff\xff\xff', '\x95\xff\xff\xff\xff\xff\xff\xff\xff', 'X\xff\xff\xff\xff', '2'.repeat(5000), '\x94'.repeat(5000), '(t\x85\x86'.repeat(1000),
].map(ascii); // biome-ignore format: a table

/** Make a mutation of the opcodes. A file without opcodes stays unchanged. */
function editOpcode(
  edit: (pickle: Uint8Array, opcode: Opcode, all: readonly Opcode[], random: RandomStream) => Uint8Array,
): Mutation {
  return (pickle, random) => {
    const all = opcodes(pickle);
    return all.length === 0 ? pickle : edit(pickle, pick(all, random), all, random);
  };
}

const bytesOf = (pickle: Uint8Array, { at, end }: Opcode): Uint8Array => pickle.subarray(at, end);

export const PICKLE_MUTATIONS: readonly Mutation[] = [
  editOpcode((pickle, { at, end }) => spliced(pickle, at, end - at, new Uint8Array())),
  editOpcode((pickle, opcode) => spliced(pickle, opcode.at, 0, bytesOf(pickle, opcode))),
  editOpcode((pickle, { at }, _, random) => spliced(pickle, at, 0, pick(HOSTILE, random))),
  editOpcode((pickle, { at, end }, _, random) => spliced(pickle, at, end - at, pick(HOSTILE, random))),
  editOpcode((pickle, { at, end }, all, random) =>
    spliced(pickle, at, end - at, bytesOf(pickle, pick(all, random))),
  ),
  // Numbers are what hostile shapes, strides and sizes are made of.
  editOpcode((pickle, _, all, random) => {
    const { at, operandSize } = pick(
      all.filter(({ operandSize: size }) => size > 0),
      random,
    );
    return setInteger(pickle, at + 1, operandSize, random);
  }),
];
