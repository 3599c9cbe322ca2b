/**
 * Seeded mutation fuzzing of the checkpoint readers: whatever bytes they get, they return a checkpoint or throw a
 * one-line CheckpointError, quickly. Many mutants by hand: `npx tsx tests/model/checkpoint/fuzz.ts 100000 [seed]`.
 */

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import {
  CheckpointError,
  readCheckpoint,
  readSafetensors,
  writeCheckpoint,
} from '../../../src/model/checkpoint/index.ts';
import { MINI, MINI_WEIGHTS, miniLegacy, miniPickle, miniZip } from './mini.ts';

const fixture = (name: string): Uint8Array =>
  readFileSync(new URL(`../../fixtures/checkpoints/${name}`, import.meta.url));

interface Target {
  readonly base: Uint8Array;
  /** Makes a file of the mutated base. */
  readonly wrap?: (mutant: Uint8Array) => Uint8Array;
}

/** The formats, and pickles inside an intact zip, where a changed byte is not caught by the checksum. */
export const TARGETS: Readonly<Record<string, () => Target>> = {
  safetensors: () => ({
    base: writeCheckpoint({ config: MINI, stateDict: MINI_WEIGHTS, metadata: new Map() }),
  }),
  'torch-zip': () => ({ base: miniZip() }),
  'torch-zip-deflated': () => ({ base: miniZip(miniPickle(true), 9) }),
  'torch-zip-pickle': () => ({ base: miniPickle(true), wrap: (mutant) => miniZip(mutant) }),
  'torch-zip-bare-pickle': () => ({ base: miniPickle(false), wrap: (mutant) => miniZip(mutant) }),
  'torch-legacy': () => ({ base: miniLegacy(true) }),
  'torch-legacy-bare': () => ({ base: miniLegacy(false) }),
  'tiny.pt': () => ({ base: fixture('tiny.pt') }),
  'tiny_legacy.pt': () => ({ base: fixture('tiny_legacy.pt') }),
  'tiny.safetensors': () => ({ base: fixture('tiny.safetensors') }),
};

export interface FuzzResult {
  readonly accepted: number;
  readonly refused: ReadonlyMap<string, number>;
  readonly slowestMs: number;
}

/** Longest any mutant may take: generous, for a busy machine, yet far below what a bomb would need. */
const TIME_LIMIT_MS = 3000;

/** Reads `mutants` mutants of a target; throws at the first that breaks the promise, naming how to repeat it. */
export function fuzz(name: string, mutants: number, seed = 1): FuzzResult {
  const make = TARGETS[name];
  if (!make) throw new Error(`no fuzz target ${name}`);
  const { base, wrap = (mutant: Uint8Array) => mutant } = make();
  const random = mulberry32(seed);
  const refused = new Map<string, number>();
  let accepted = 0;
  let slowestMs = 0;
  for (let index = 0; index < mutants; index++) {
    const file = wrap(mutate(base, random));
    const started = performance.now();
    const code = outcome(file, `${name} mutant ${index} of seed ${seed}`);
    slowestMs = Math.max(slowestMs, performance.now() - started);
    if (slowestMs > TIME_LIMIT_MS)
      throw new Error(`${name} mutant ${index} of seed ${seed} took ${slowestMs} ms`);
    if (code === undefined) accepted += 1;
    else refused.set(code, (refused.get(code) ?? 0) + 1);
  }
  return { accepted, refused, slowestMs };
}

/** The error's code, or undefined for a file that was read. */
function outcome(file: Uint8Array, label: string): string | undefined {
  try {
    const { stateDict } = readCheckpoint(file, 'mutant', { activeExperts: 1 });
    if (file[8] === 0x7b) readSafetensors(file);
    for (const { data } of stateDict.values()) {
      if (!data.every(Number.isFinite)) throw new Error(`${label}: a weight is not finite`);
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw new Error(`${label}: ${String(error)}`, { cause: error });
    if (error.code === 'INTERNAL') throw new Error(`${label}: ${error.message}`, { cause: error });
    if (/\p{Cc}/u.test(error.message) || error.message.length > 1500 || !error.fix) {
      throw new Error(`${label}: bad message ${JSON.stringify(error.message)}`);
    }
    return error.code;
  }
}

const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** One to four changes: bits, bytes, extreme integers, cuts, insertions, copies of other parts. */
function mutate(base: Uint8Array, random: () => number): Uint8Array {
  let mutant = Uint8Array.from(base);
  const changes = 1 + Math.floor(random() ** 2 * 4);
  for (let change = 0; change < changes; change++) mutant = changeOnce(mutant, random);
  return mutant;
}

function changeOnce(file: Uint8Array<ArrayBuffer>, random: () => number): Uint8Array<ArrayBuffer> {
  const below = (limit: number): number => Math.floor(random() * limit);
  const at = place(file.length, random);
  const view = new DataView(file.buffer);
  switch (below(8)) {
    case 0:
      file[at] = (file[at] ?? 0) ^ (1 << below(8));
      return file;
    case 1:
      file[at] = below(256);
      return file;
    case 2:
      if (at + 4 <= file.length) view.setUint32(at, EXTREMES[below(EXTREMES.length)] ?? 0, true);
      return file;
    case 3:
      if (at + 8 <= file.length)
        view.setBigUint64(at, BigInt(EXTREMES[below(EXTREMES.length)] ?? 0) << 31n, true);
      return file;
    case 4:
      return file.slice(0, at);
    case 5:
      return concat(file.subarray(0, at), file.subarray(at + 1 + below(16)));
    case 6:
      return concat(file.subarray(0, at), file.subarray(0, below(24)), file.subarray(at));
    default:
      file.copyWithin(at, below(file.length), below(file.length));
      return file;
  }
}

/** Half of the places near either end, where the structure of large files is. */
function place(length: number, random: () => number): number {
  const near = Math.floor(random() * Math.min(length, 4096));
  const kind = random();
  if (kind < 0.25) return near;
  return kind < 0.5 ? length - 1 - near : Math.floor(random() * length);
}

function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [mutants = '10000', seed = '1'] = process.argv.slice(2);
  for (const target of Object.keys(TARGETS)) {
    const { accepted, refused, slowestMs } = fuzz(target, Number(mutants), Number(seed));
    const codes = [...refused].map(([code, count]) => `${code} ${count}`).join(', ');
    console.log(`${target}: ${accepted} read, refused ${codes}; slowest ${slowestMs.toFixed(1)} ms`);
  }
}
