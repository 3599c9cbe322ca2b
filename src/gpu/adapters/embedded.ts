/**
 * The embedded driver: SwiftShader, a Vulkan implementation on the CPU, unpacked without root from the npm package
 * `@sparticuz/chromium` into a per-user cache directory. Linux x64 only: that is all the package is built for.
 */
import { createHash, randomUUID } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { AdapterError } from './error.ts';
import { cacheDirectories, privateDirectory, readOwnFile } from './privateDirectory.ts';

export { cacheDirectories } from './privateDirectory.ts';

export interface EmbeddedDriver {
  readonly directory: string;
  /** The Vulkan loader that comes with the driver, for systems that have none. */
  readonly loader: string;
  /** The manifest that `VK_DRIVER_FILES` has to name. */
  readonly manifest: string;
}

const LOADER = 'libvulkan.so.1';
const MANIFEST = 'vk_swiftshader_icd.json';
const ARCHIVE = 'bin/swiftshader.tar.br';

/**
 * SHA-256 of the files that are used (the archive also holds GLES libraries, which are not). Pinned here and not
 * written beside the files, so that the check also catches a cache that somebody else has prepared.
 */
const FILES: Readonly<Record<string, string>> = {
  'libvk_swiftshader.so': '5b9e8591c7c2d1c9618c3ad485d0cdffb81f5f1ffd6a982fdb6578c2d8d3213e',
  [LOADER]: 'fe17a77c1f2df38d3b6a935140f746fd80aac564bb44eb3e4f6b75a504295a41',
  [MANIFEST]: 'c9eef28b6b984fec220ef0abfecc40b502d46946706e47bfe97707027cb818bd',
};

/** Changes with the content, so two versions of mathformer never fight over one directory. */
const DIRECTORY = `swiftshader-${sha256(JSON.stringify(FILES)).slice(0, 12)}`;

export function isEmbeddedDriverSupported(): boolean {
  return process.platform === 'linux' && process.arch === 'x64';
}

/**
 * Unpacks the driver (about 0.2 s) or finds it unpacked (about 10 ms, spent on checking the content).
 * @throws AdapterError DRIVER_NOT_UNPACKED with the reason for every directory tried
 */
export function unpackEmbeddedDriver(roots: readonly string[] = cacheDirectories()): EmbeddedDriver {
  const failures: string[] = [];
  for (const root of roots) {
    try {
      const directory = unpackInto(root);
      return { directory, loader: join(directory, LOADER), manifest: join(directory, MANIFEST) };
    } catch (error) {
      if (error instanceof AdapterError) throw error;
      failures.push(`${root}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new AdapterError(
    'DRIVER_NOT_UNPACKED',
    `the embedded driver cannot be unpacked: ${failures.join('; ')}`,
    'XDG_CACHE_HOME',
    'Set XDG_CACHE_HOME to a directory of yours with 8 MB free, not mounted noexec.',
  );
}

function unpackInto(cache: string): string {
  const root = privateDirectory(cache);
  const directory = join(root, DIRECTORY);
  if (!isIntact(directory)) {
    // Written beside and renamed, so that no process ever sees half a driver.
    const fresh = join(root, `.${DIRECTORY}-${randomUUID()}`);
    try {
      mkdirSync(fresh, { mode: 0o700 });
      const entries = readTar(brotliDecompressSync(readFileSync(archivePath())));
      for (const name of Object.keys(FILES)) {
        writeFileSync(join(fresh, name), entries.get(name) ?? new Uint8Array(), { mode: 0o600 });
      }
      if (!isIntact(fresh)) throw archiveMismatch();
      moveIntoPlace(fresh, directory);
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
  }
  rejectUnloadable(join(directory, 'libvk_swiftshader.so'));
  return directory;
}

/** Another process may have won the race (its copy is as good), or a damaged copy may be in the way. */
function moveIntoPlace(fresh: string, directory: string): void {
  try {
    renameSync(fresh, directory);
  } catch (error) {
    if (isIntact(directory)) return;
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOTDIR') throw error;
    const damaged = `${fresh}-damaged`;
    renameSync(directory, damaged);
    rmSync(damaged, { recursive: true, force: true });
    renameSync(fresh, directory);
  }
}

function isIntact(directory: string): boolean {
  // What the root holds is this user's. A link in it would lead to a place that nobody has looked at.
  if (!lstatSync(directory, { throwIfNoEntry: false })?.isDirectory()) return false;
  return Object.entries(FILES).every(([name, hash]) => {
    try {
      return sha256(readOwnFile(join(directory, name))) === hash;
    } catch {
      return false;
    }
  });
}

/** Finds a noexec mount or a missing system library here, where another directory can still be tried. */
function rejectUnloadable(library: string): void {
  const reason = dlopenFailure(library);
  if (reason !== undefined) throw new Error(reason);
}

/**
 * Opens a shared library that is not a Node addon, and tells why it cannot be opened, if it cannot.
 * With RTLD_NODELETE (absent from Node's constants) it stays loaded, although Node closes what is no addon.
 */
export function dlopenFailure(library: string, { stay = false } = {}): string | undefined {
  const RTLD_LAZY = 0x1;
  const RTLD_NODELETE = 0x1000;
  try {
    process.dlopen({ exports: {} }, library, stay ? RTLD_LAZY | RTLD_NODELETE : RTLD_LAZY);
    return undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Node's complaint after dlopen has succeeded: the library is no addon, which is known.
    return message.includes('did not self-register') ? undefined : message;
  }
}

function archivePath(): string {
  // The package exports its entry point only, build/cjs/index.cjs; the archive lies beside build/.
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
  return join(dirname(entry), '..', '..', ARCHIVE);
}

function archiveMismatch(): AdapterError {
  return new AdapterError(
    'DRIVER_NOT_UNPACKED',
    `the files in ${ARCHIVE} are not the ones this version was made with`,
    '@sparticuz/chromium',
    'Run `npm ci` to install the pinned version.',
  );
}

/** Regular files of a POSIX tar archive: 512-byte headers with the name at 0 and the octal size at 124. */
export function readTar(tar: Uint8Array): Map<string, Uint8Array> {
  const BLOCK = 512;
  const entries = new Map<string, Uint8Array>();
  const text = (from: number, length: number): string =>
    new TextDecoder().decode(tar.subarray(from, from + length)).replace(/\0.*$/s, '');
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0; ) {
    const name = text(at, 100).replace(/^\.\//, '');
    const size = Number.parseInt(text(at + 124, 12), 8);
    if (!Number.isSafeInteger(size)) throw new Error(`tar: ${name} has no size`);
    const type = text(at + 156, 1);
    if (type === '0' || type === '') entries.set(name, tar.subarray(at + BLOCK, at + BLOCK + size));
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return entries;
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
