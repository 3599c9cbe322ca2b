/** Mutants. Each depends only on the seed, the family and its index, not on earlier mutants. */

import { zipSync } from 'fflate';
import { RandomStream } from '../../src/tasks/arithmetic/index.ts';
import { BYTE_MUTATIONS, type Mutation, pick } from './byteMutations.ts';
import { PICKLE_MUTATIONS } from './pickleMutations.ts';
import { SAFETENSORS_MUTATIONS } from './safetensorsMutations.ts';
import { FAMILIES, type Family, type Seed, seedsOf } from './seeds.ts';
import { copyZipHeader, editDeflated, editZipHeader } from './zipMutations.ts';

/** The stream of random numbers of fuzzing. */
const STREAM = 0x66757a7a;

const ZIP_MUTATIONS: readonly Mutation[] = [editZipHeader, editZipHeader, copyZipHeader, editDeflated];

/** Return mutant number `index` of a family. */
export type MutantMaker = (index: number) => Uint8Array;

/** Return a function that makes the mutants of a family. The seeds are read once. */
export function mutantsOf(family: Family, seed: number): MutantMaker {
  const seeds = seedsOf(family);
  const lane = FAMILIES.indexOf(family);
  return (index) => {
    const random = new RandomStream({ seed, stream: STREAM, lane, item: index });
    const origin = pick(seeds, random);
    const own =
      family === 'safetensors' ? SAFETENSORS_MUTATIONS : origin.entries ? ZIP_MUTATIONS : PICKLE_MUTATIONS;
    const repacked = origin.entries !== undefined && random.bool(0.5);
    let file = repacked ? repack(origin, random) : origin.file;
    const changes = repacked ? random.integerBelow(2) : pick([1, 1, 2, 4], random);
    for (let change = 0; change < changes; change++) {
      file = pick(random.bool(0.6) ? own : BYTE_MUTATIONS, random)(file, random);
    }
    return file;
  };
}

/** Return a zip with valid checksums, and one or two changes to its pickle or to the bytes of another entry. */
function repack({ entries = {} }: Seed, random: RandomStream): Uint8Array {
  const edited = { ...entries };
  const changes = 1 + random.integerBelow(2);
  for (let change = 0; change < changes; change++) {
    const ofPickle = random.bool(0.8);
    const name = pick(
      Object.keys(edited).filter((key) => key.endsWith('data.pkl') === ofPickle),
      random,
    );
    const mutation = pick(
      ofPickle ? [...PICKLE_MUTATIONS, ...PICKLE_MUTATIONS, ...BYTE_MUTATIONS] : BYTE_MUTATIONS,
      random,
    );
    edited[name] = mutation(edited[name] ?? new Uint8Array(), random);
  }
  const deflated = random.bool(0.1);
  const packed = zipSync(edited, { level: deflated ? 1 : 0 });
  return deflated ? editDeflated(packed, random) : packed;
}
