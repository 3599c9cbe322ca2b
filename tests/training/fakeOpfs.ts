/** The private files of an origin in memory, with the parts of the web platform that OpfsFiles uses, and with faults. */
import type { DirectoryHandle, FileHandle } from '../../src/training/opfsFiles.ts';

/** An error as the platform names it. */
export const named = (name: string): Error => Object.assign(new Error(`${name}: simulated`), { name });

/** An operation that may fail. */
export type Operation = 'create' | 'write' | 'close' | 'append' | 'flush' | 'truncate' | 'remove';

/** Called before each operation. A fault throws, or returns the bytes of an append that are written before it fails. */
export type Fault = (operation: Operation, name: string) => number | undefined;

interface Content {
  bytes: Uint8Array;
  modified: number;
}

type Entry =
  | { readonly kind: 'file'; readonly content: Content }
  | { readonly kind: 'directory'; readonly directory: FakeDirectory };

const join = (before: Uint8Array, at: number, bytes: Uint8Array): Uint8Array => {
  const whole = new Uint8Array(Math.max(before.length, at + bytes.length));
  whole.set(before);
  whole.set(bytes, at);
  return whole;
};

/** A directory that lives as long as the browser. */
export class FakeDirectory implements DirectoryHandle {
  readonly #entries = new Map<string, Entry>();

  /** @param faults those of now; a test replaces them. @param inWorker tells if files have synchronous handles. */
  constructor(
    private readonly faults: { at: Fault } = { at: () => undefined },
    private readonly inWorker = true,
  ) {}

  /** Make operations fail from now on. */
  fail(at: Fault): void {
    this.faults.at = at;
  }

  async getDirectoryHandle(name: string, { create = false } = {}): Promise<FakeDirectory> {
    const found = this.#entries.get(name);
    if (found?.kind === 'directory') return found.directory;
    if (found) throw named('TypeMismatchError');
    if (!create) throw named('NotFoundError');
    this.faults.at('create', name);
    const directory = new FakeDirectory(this.faults, this.inWorker);
    this.#entries.set(name, { kind: 'directory', directory });
    return directory;
  }

  async getFileHandle(name: string, { create = false } = {}): Promise<FileHandle> {
    const found = this.#entries.get(name);
    if (found?.kind === 'directory') throw named('TypeMismatchError');
    if (found) return this.#handle(name, found.content);
    if (!create) throw named('NotFoundError');
    this.faults.at('create', name);
    const content = { bytes: new Uint8Array(), modified: 1 };
    this.#entries.set(name, { kind: 'file', content });
    return this.#handle(name, content);
  }

  async removeEntry(name: string): Promise<void> {
    if (!this.#entries.has(name)) throw named('NotFoundError');
    this.faults.at('remove', name);
    this.#entries.delete(name);
  }

  async *entries(): AsyncGenerator<[string, { kind: 'file' | 'directory' }]> {
    for (const [name, { kind }] of this.#entries) yield [name, { kind }];
  }

  #handle(name: string, content: Content): FileHandle {
    const { faults } = this;
    const handle: FileHandle = {
      async getFile() {
        const { bytes } = content;
        const arrayBuffer = async (from: number) => bytes.slice(from).buffer;
        return {
          size: bytes.length,
          lastModified: content.modified,
          slice: (from) => ({ arrayBuffer: () => arrayBuffer(from) }),
        };
      },
      async createWritable(options) {
        let draft: Uint8Array = options?.keepExistingData ? content.bytes.slice() : new Uint8Array();
        return {
          async write(chunk) {
            faults.at('write', name);
            const { position, data } = chunk instanceof Uint8Array ? { position: 0, data: chunk } : chunk;
            draft = join(draft, position, data);
          },
          async truncate(size) {
            faults.at('truncate', name);
            draft = draft.slice(0, size);
          },
          async close() {
            faults.at('close', name);
            content.bytes = draft;
            content.modified++;
          },
          async abort() {},
        };
      },
    };
    if (!this.inWorker) return handle;
    return {
      ...handle,
      async createSyncAccessHandle() {
        return {
          getSize: () => content.bytes.length,
          write(bytes, { at }) {
            const written = faults.at('append', name) ?? bytes.length;
            content.bytes = join(content.bytes, at, bytes.subarray(0, written));
            return written;
          },
          truncate(size) {
            content.bytes = content.bytes.slice(0, size);
          },
          flush() {
            faults.at('flush', name);
          },
          close() {},
        };
      },
    };
  }
}
