/** The files that are mutated: those of the repository, those beside it if there are any, and small handmade ones. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import { writeCheckpoint } from '../../src/formats/index.ts';
import { MINI, MINI_WEIGHTS, miniLegacy, miniPickle, miniZip } from '../formats/mini.ts';

/** The fuzzed families; `pt` includes both containers of torch.save. */
export const FAMILIES = ['safetensors', 'pt'] as const;

/** One of `FAMILIES`. */
export type Family = (typeof FAMILIES)[number];

/** A valid file; `entries` holds the contents of a zip. */
export interface Seed {
  readonly name: string;
  readonly file: Uint8Array;
  readonly entries?: Readonly<Record<string, Uint8Array>>;
}

const FOLDERS = ['../fixtures/checkpoints/', '../../../shared/reference/'];

/** Small files, in which most changes hit the structure. */
const SMALL: Readonly<Record<Family, Readonly<Record<string, () => Uint8Array>>>> = {
  safetensors: {
    'small.safetensors': () =>
      writeCheckpoint({ config: MINI, stateDict: MINI_WEIGHTS, metadata: new Map([['by', 'hand']]) }),
  },
  pt: {
    'small.pt': () => miniZip(),
    'small_deflated.pt': () => miniZip(miniPickle(true), 9),
    'small_bare.pt': () => miniZip(miniPickle(false)),
    'small_legacy.pt': () => miniLegacy(true),
  },
};

/** Return the distinct seeds of a family, always in the same order. */
export function seedsOf(family: Family): readonly Seed[] {
  const files = new Map<string, Uint8Array>();
  for (const folder of FOLDERS.map((path) => new URL(path, import.meta.url))) {
    if (!existsSync(folder)) continue;
    for (const name of readdirSync(folder).sort()) {
      if (name.endsWith(`.${family}`)) files.set(name, new Uint8Array(readFileSync(new URL(name, folder))));
    }
  }
  for (const [name, make] of Object.entries(SMALL[family])) files.set(name, make());
  return [...files].map(([name, file]) =>
    file[0] === 0x50 ? { name, file, entries: unzipSync(file) } : { name, file },
  );
}
