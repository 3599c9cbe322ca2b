/** Mutations that ignore the format of a file, and the random choices of all others. */

import type { RandomStream } from '../../src/tasks/arithmetic/index.ts';

/** Return a changed copy of a file. The given bytes stay unchanged. */
export type Mutation = (file: Uint8Array, random: RandomStream) => Uint8Array;

/** Integers at which sizes and signs overflow. A field takes as many of their bytes as it has. */
const EXTREMES = [
  0n, 1n, 2n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0x7fffffffn, 0x80000000n, 0xfffffffen, 0xffffffffn,
  0x1fffffffffffffn, 0x20000000000000n, 0x7fffffffffffffffn, 0x8000000000000000n, 0xffffffffffffffffn,
]; // biome-ignore format: a table

export function pick<Item>(items: readonly Item[], random: RandomStream): Item {
  const item = items[random.integerBelow(items.length)];
  if (item === undefined) throw new Error('there is nothing to pick from');
  return item;
}

/** Draw an offset; half of the draws are near either end, where large files have their structure. */
export function place(length: number, random: RandomStream): number {
  if (length === 0) return 0;
  const near = random.integerBelow(Math.min(length, 4096));
  return pick([near, length - 1 - near, random.integerBelow(length), random.integerBelow(length)], random);
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Write an integer of 1, 2, 4 or 8 bytes at an offset: an extreme one, or one near the present value. */
export function setInteger(file: Uint8Array, at: number, size: number, random: RandomStream): Uint8Array {
  const copy = file.slice();
  if (at + size > copy.length) return copy;
  let now = 0n;
  for (let i = size - 1; i >= 0; i--) now = (now << 8n) | BigInt(copy[at + i] ?? 0);
  const value = random.bool(0.5) ? pick(EXTREMES, random) : now + BigInt(random.integerBetween(-8, 8));
  for (let i = 0; i < size; i++) copy[at + i] = Number(BigInt.asUintN(64, value >> BigInt(8 * i)) & 0xffn);
  return copy;
}

/** Return `file` with `length` bytes at `at` replaced. */
export function spliced(file: Uint8Array, at: number, length: number, by: Uint8Array): Uint8Array {
  return joined(file.subarray(0, at), by, file.subarray(at + length));
}

/** Return a random range of the file's bytes: mostly a few, sometimes thousands. */
function ownBytes(file: Uint8Array, random: RandomStream): Uint8Array {
  const at = place(file.length, random);
  return file.subarray(at, at + 1 + random.integerBelow(pick([4, 32, 4096], random)));
}

export const BYTE_MUTATIONS: readonly Mutation[] = [
  function flipBit(file, random) {
    const at = place(file.length, random);
    return spliced(file, at, 1, Uint8Array.of((file[at] ?? 0) ^ (1 << random.integerBelow(8))));
  },
  function setByte(file, random) {
    return spliced(file, place(file.length, random), 1, Uint8Array.of(random.integerBelow(256)));
  },
  function setExtreme(file, random) {
    return setInteger(file, place(file.length, random), pick([1, 2, 4, 8], random), random);
  },
  function truncate(file, random) {
    return file.slice(0, place(file.length, random));
  },
  function remove(file, random) {
    return spliced(file, place(file.length, random), 1 + random.integerBelow(16), new Uint8Array());
  },
  function insertRandom(file, random) {
    const by = Uint8Array.from({ length: 1 + random.integerBelow(16) }, () => random.integerBelow(256));
    return spliced(file, place(file.length, random), 0, by);
  },
  function duplicate(file, random) {
    return spliced(file, place(file.length, random), 0, ownBytes(file, random));
  },
  function overwriteWithOwn(file, random) {
    const by = ownBytes(file, random);
    return spliced(file, place(file.length, random), by.length, by);
  },
];
