/** Runs in memory: for experiments, tests, and places that keep no files. */
import { FileStore } from './fileStore.ts';
import type { ListedFile, WritableRunFiles } from './runFiles.ts';

/** The files of a run in memory. */
export class MemoryFiles implements WritableRunFiles {
  readonly #files = new Map<string, { readonly bytes: Uint8Array; readonly modified: number }>();

  /** @param files to begin with, by name. */
  constructor(files: Iterable<readonly [name: string, bytes: Uint8Array]> = []) {
    for (const [name, bytes] of files) this.write(name, bytes);
  }

  list(): ListedFile[] {
    const listed = [...this.#files].map(([name, { bytes, modified }]) => ({
      name,
      bytes: bytes.length,
      modified,
    }));
    return listed.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  read(name: string, from = 0): Uint8Array | undefined {
    return this.#files.get(name)?.bytes.slice(from);
  }

  write(name: string, bytes: Uint8Array): void {
    this.#files.set(name, { bytes: bytes.slice(), modified: Date.now() });
  }

  append(name: string, bytes: Uint8Array): void {
    const before = this.#files.get(name)?.bytes ?? new Uint8Array();
    const whole = new Uint8Array(before.length + bytes.length);
    whole.set(before);
    whole.set(bytes, before.length);
    this.write(name, whole);
  }

  truncate(name: string, bytes: number): void {
    const before = this.#files.get(name);
    if (before) this.write(name, before.bytes.slice(0, bytes));
  }

  remove(name: string): void {
    this.#files.delete(name);
  }
}

/** Keep one run in memory. */
export class MemoryStore extends FileStore {
  constructor(override readonly files = new MemoryFiles()) {
    super(files, { name: 'memory' });
  }
}
