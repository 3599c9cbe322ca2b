/**
 * The files of a run on disk, to read. The directory may be untrusted: links in it are not followed, and pipes and devices not
 * opened, so that nothing outside of it is read.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { ListedFile, RunFiles } from '../training/runFiles.ts';
import { isTorn } from './atomicFile.ts';
import { withFileErrors } from './fileError.ts';

/** Windows lacks these flags; there only administrators can make symbolic links. */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** Levels of directories in a run: `trace/step10.safetensors` is on the second. */
const LEVELS = 3;

/** An open file of a run. Close its descriptor after use. */
export interface OpenFile {
  readonly descriptor: number;
  readonly bytes: number;
}

/** Tell whether a name can be that of a file of a run: parts between `/`, none hidden, no way out of the directory. */
export function isFileName(name: string): boolean {
  return name.length < 1024 && name.split('/').every((part) => /^[^./\\:\0][^/\\:\0]*$/.test(part));
}

/** Read the files of a run in a directory. */
export class DiskFiles implements RunFiles {
  constructor(readonly directory: string) {}

  /** @throws FileError if the directory cannot be read. */
  list(): ListedFile[] {
    const names = withFileErrors(this.directory, () => [...filesBelow(this.directory, '', LEVELS)]);
    const listed = names.flatMap((name) => this.stat(name) ?? []);
    return listed.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Return size and time of a file; undefined if there is no ordinary file of that name. */
  stat(name: string): ListedFile | undefined {
    if (!isFileName(name)) return undefined;
    const about = statOf(join(this.directory, name));
    return about?.isFile() ? { name, bytes: about.size, modified: about.mtimeMs } : undefined;
  }

  /** @throws FileError if the file is there, but cannot be read. */
  read(name: string, from = 0, end = Number.POSITIVE_INFINITY): Uint8Array | undefined {
    const file = this.open(name);
    if (file === undefined) return undefined;
    try {
      return withFileErrors(name, () => bytesOf(file.descriptor, from, Math.min(end, file.bytes)));
    } finally {
      closeSync(file.descriptor);
    }
  }

  /** Open a file; undefined if there is no ordinary file of that name. @throws FileError if it cannot be opened. */
  open(name: string): OpenFile | undefined {
    if (this.stat(name) === undefined || !this.#isBelow(name)) return undefined;
    const descriptor = withFileErrors(name, () => openSync(join(this.directory, name), FLAGS));
    const about = fstatSync(descriptor);
    if (about.isFile()) return { descriptor, bytes: about.size };
    closeSync(descriptor);
    return undefined;
  }

  /** Tell whether all directories on the way to a file are directories of the run, and no links. */
  #isBelow(name: string): boolean {
    const parts = name.split('/').slice(0, -1);
    return parts.every((_, i) => statOf(join(this.directory, ...parts.slice(0, i + 1)))?.isDirectory());
  }
}

const statOf = (path: string) => {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    // A part of the path is no directory, or may not be entered.
    return undefined;
  }
};

function* filesBelow(directory: string, prefix: string, levels: number): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const name = `${prefix}${entry.name}`;
    if (!isFileName(name) || isTorn(entry.name)) continue;
    if (entry.isFile()) yield name;
    else if (entry.isDirectory() && levels > 1) {
      yield* readable(() => [...filesBelow(join(directory, entry.name), `${name}/`, levels - 1)]);
    }
  }
}

/** Return what can be listed; a directory that vanished or may not be entered has nothing. */
function readable(list: () => string[]): string[] {
  try {
    return list();
  } catch {
    return [];
  }
}

/** Read bytes; fewer if the file was cut meanwhile. */
function bytesOf(descriptor: number, from: number, end: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, end - from));
  let filled = 0;
  while (filled < bytes.length) {
    const read = readSync(descriptor, bytes, filled, bytes.length - filled, from + filled);
    if (read === 0) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}
