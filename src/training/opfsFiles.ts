/**
 * The files of a run in the private files of a browser's origin (OPFS). Written for a Worker; a page reads them at the same time.
 * The browser makes a file before its first content is complete: one without bytes counts as none.
 * The types are the parts of the web platform's that are used: https://fs.spec.whatwg.org.
 */
import { MathformerError } from '../base/errors.ts';
import type { ListedFile, WritableRunFiles } from './runFiles.ts';

/** `File` */
interface StoredFile {
  readonly size: number;
  readonly lastModified: number;
  slice(from: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/** Bytes that no thread shares: the platform takes no others. */
type Unshared = Uint8Array<ArrayBuffer>;

/** `FileSystemWritableFileStream`: the file changes when it is closed. */
interface WritableFile {
  write(
    content: Unshared | { readonly type: 'write'; readonly position: number; readonly data: Unshared },
  ): Promise<void>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
}

/** `FileSystemSyncAccessHandle`, which only Workers have. */
interface SyncFile {
  getSize(): number;
  write(bytes: Uint8Array, options: { readonly at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

/** `FileSystemFileHandle` */
export interface FileHandle {
  getFile(): Promise<StoredFile>;
  createWritable(options?: { readonly keepExistingData: boolean }): Promise<WritableFile>;
  createSyncAccessHandle?(): Promise<SyncFile>;
}

/** The part of `FileSystemDirectoryHandle` that is used. */
export interface DirectoryHandle {
  /** Open a file, or make it. @throws an error of the name NotFoundError if it is not there and not to be made. */
  getFileHandle(name: string, options?: { readonly create: boolean }): Promise<FileHandle>;
  /** Open a directory, or make it. @throws an error of the name NotFoundError, as for a file. */
  getDirectoryHandle(name: string, options?: { readonly create: boolean }): Promise<DirectoryHandle>;
  /** Remove a file. @throws an error of the name NotFoundError if it is not there. */
  removeEntry(name: string): Promise<void>;
  /** List files and directories, in any order. */
  entries(): AsyncIterable<[name: string, handle: { readonly kind: 'file' | 'directory' }]>;
}

/** Attempts to read a file that is written at the same time. */
const READS = 5;
/** Chromium's name for a file until it is complete. */
const TORN = /\.crswap$/;

/** Read and write the files of a run below a directory. */
export class OpfsFiles implements WritableRunFiles {
  /** @param path of the run's directory below `directory`, which is made when the first file is written. */
  constructor(
    private readonly directory: DirectoryHandle,
    private readonly path = '',
  ) {}

  async list(): Promise<readonly ListedFile[]> {
    const files = await withStorageErrors('', async () => {
      const own = await this.#below(segments(this.path), false);
      return own ? listed(own, '') : [];
    });
    return files.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async read(name: string, from = 0): Promise<Uint8Array | undefined> {
    return withStorageErrors(name, async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          const file = await (await this.#handle(name))?.getFile();
          if (file === undefined || file.size === 0) return undefined;
          return new Uint8Array(await file.slice(from).arrayBuffer());
        } catch (error) {
          // It changed between its opening and its reading.
          if (nameOf(error) !== 'NotReadableError' || attempt === READS) throw error;
        }
      }
    });
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    await withStorageErrors(name, async () => {
      const handle = await this.#made(name);
      await written(await handle.createWritable(), (file) => file.write(bytes.slice()));
    });
  }

  async append(name: string, bytes: Uint8Array): Promise<void> {
    await withStorageErrors(name, async () => {
      const handle = await this.#made(name);
      if (handle.createSyncAccessHandle) return appended(await handle.createSyncAccessHandle(), bytes);
      const { size: position } = await handle.getFile();
      const file = await handle.createWritable({ keepExistingData: true });
      await written(file, () => file.write({ type: 'write', position, data: bytes.slice() }));
    });
  }

  async truncate(name: string, bytes: number): Promise<void> {
    await withStorageErrors(name, async () => {
      const handle = await this.#made(name);
      await written(await handle.createWritable({ keepExistingData: true }), (file) => file.truncate(bytes));
    });
  }

  async remove(name: string): Promise<void> {
    await withStorageErrors(name, async () => {
      const [directory, file] = await this.#place(name, false);
      await ifThere(async () => directory?.removeEntry(file));
    });
  }

  /** Find a file; undefined if there is none. */
  async #handle(name: string): Promise<FileHandle | undefined> {
    const [directory, file] = await this.#place(name, false);
    return ifThere(async () => directory?.getFileHandle(file));
  }

  async #made(name: string): Promise<FileHandle> {
    const [directory, file] = await this.#place(name, true);
    return (directory ?? this.directory).getFileHandle(file, { create: true });
  }

  /** Find the directory of a file, or make it; undefined if there is none. */
  async #place(name: string, create: boolean): Promise<[DirectoryHandle | undefined, string]> {
    const parts = [...segments(this.path), ...segments(name)];
    const file = parts.pop() ?? '';
    return [await this.#below(parts, create), file];
  }

  async #below(parts: readonly string[], create: boolean): Promise<DirectoryHandle | undefined> {
    let directory: DirectoryHandle | undefined = this.directory;
    for (const part of parts) {
      const parent: DirectoryHandle | undefined = directory;
      directory = await ifThere(async () => parent?.getDirectoryHandle(part, { create }));
    }
    return directory;
  }
}

const segments = (path: string): string[] => path.split('/').filter((part) => part !== '');

async function listed(directory: DirectoryHandle, prefix: string): Promise<ListedFile[]> {
  const files: ListedFile[] = [];
  for await (const [entry, { kind }] of directory.entries()) {
    const name = prefix + entry;
    if (kind === 'directory') {
      files.push(...(await listed(await directory.getDirectoryHandle(entry), `${name}/`)));
    } else if (!TORN.test(entry)) {
      const file = await ifThere(async () => (await directory.getFileHandle(entry)).getFile());
      if (file && file.size > 0) files.push({ name, bytes: file.size, modified: file.lastModified });
    }
  }
  return files;
}

/** Change a file whole or not at all. */
async function written(file: WritableFile, change: (file: WritableFile) => Promise<void>): Promise<void> {
  try {
    await change(file);
  } catch (error) {
    await file.abort();
    throw error;
  }
  await file.close();
}

/** Append and flush; a file that cannot take all bytes takes none. */
function appended(file: SyncFile, bytes: Uint8Array): void {
  try {
    const size = file.getSize();
    try {
      for (let sent = 0; sent < bytes.length; ) {
        const more = file.write(bytes.subarray(sent), { at: size + sent });
        if (more === 0) throw Object.assign(new Error('no byte was written'), { name: 'QuotaExceededError' });
        sent += more;
      }
      file.flush();
    } catch (error) {
      file.truncate(size);
      throw error;
    }
  } finally {
    file.close();
  }
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');

/** Return undefined where a file or directory is not there. */
async function ifThere<Found>(find: () => Promise<Found>): Promise<Found | undefined> {
  try {
    return await find();
  } catch (error) {
    if (nameOf(error) === 'NotFoundError') return undefined;
    throw error;
  }
}

/** Explanations by the names of the platform's errors. */
const EXPLANATIONS: Readonly<Record<string, readonly [code: string, problem: string, fix: string]>> = {
  QuotaExceededError: [
    'DISK_FULL',
    'the browser has no more room for this page',
    'delete runs that you do not need, or free some space on the disk',
  ],
  NoModificationAllowedError: ['IN_USE', 'another tab uses it', 'close the other tab, or wait for it'],
  SecurityError: [
    'NO_PERMISSION',
    'the browser does not let this page keep files',
    'leave the private window, or allow the page to keep data',
  ],
};

/** Convert the platform's errors to those of this project. */
async function withStorageErrors<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof MathformerError || !(cause instanceof Error)) throw cause;
    const where = name === '' ? 'browser storage' : name;
    const other = ['FILE_SYSTEM', cause.message, 'load the page again, and resume the run'] as const;
    const [code, problem, fix] = EXPLANATIONS[cause.name] ?? other;
    throw new MathformerError(`${where}: ${problem}`, { code, where, fix }, { cause });
  }
}
