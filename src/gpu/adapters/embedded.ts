/**
 * The embedded driver: SwiftShader, a Vulkan implementation on the CPU, unpacked without root from the npm package
 * `@sparticuz/chromium` into a per-user cache directory. Only for Linux x64, as the package.
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
  /** The Vulkan loader in the package, for systems without one. */
  readonly loader: string;
  /** The manifest that `VK_DRIVER_FILES` has to name. */
  readonly manifest: string;
}

const LOADER = 'libvulkan.so.1';
const MANIFEST = 'vk_swiftshader_icd.json';
const ARCHIVE = 'bin/swiftshader.tar.br';

/**
 * SHA-256 of the used files (the archive also holds GLES libraries). They are pinned here, not written beside the files, so
 * that the check also detects a cache prepared by another user.
 */
const FILES: Readonly<Record<string, string>> = {
  'libvk_swiftshader.so': '5b9e8591c7c2d1c9618c3ad485d0cdffb81f5f1ffd6a982fdb6578c2d8d3213e',
  [LOADER]: 'fe17a77c1f2df38d3b6a935140f746fd80aac564bb44eb3e4f6b75a504295a41',
  [MANIFEST]: 'c9eef28b6b984fec220ef0abfecc40b502d46946706e47bfe97707027cb818bd',
};

/** Name of the directory. It depends on the content, so that two versions of mathformer use different directories. */
const DIRECTORY = `swiftshader-${sha256(JSON.stringify(FILES)).slice(0, 12)}`;

export function isEmbeddedDriverSupported(): boolean {
  return process.platform === 'linux' && process.arch === 'x64';
}

/**
 * Unpack the driver, or find it unpacked and check its content.
 * @throws AdapterError DRIVER_NOT_UNPACKED, with the reason for every tried directory.
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
    // Write beside it and rename, so that no process ever sees an incomplete driver.
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

/** Move the directory into place. Another process may have been faster, with an equal copy; a damaged copy is replaced. */
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
  // The root belongs to this user. A link in it would lead to an unchecked place.
  if (!lstatSync(directory, { throwIfNoEntry: false })?.isDirectory()) return false;
  return Object.entries(FILES).every(([name, hash]) => {
    try {
      return sha256(readOwnFile(join(directory, name))) === hash;
    } catch {
      return false;
    }
  });
}

/** @throws Error for a noexec mount or a missing system library, while another directory can still be tried. */
function rejectUnloadable(library: string): void {
  const reason = dlopenFailure(library);
  if (reason !== undefined) throw new Error(reason);
}

/**
 * Open a shared library that is not a Node addon. Return the reason if it cannot be opened; undefined otherwise.
 * With RTLD_NODELETE (absent from Node's constants) it stays loaded, although Node closes libraries that are not addons.
 */
export function dlopenFailure(library: string, { stay = false } = {}): string | undefined {
  const RTLD_LAZY = 0x1;
  const RTLD_NODELETE = 0x1000;
  try {
    process.dlopen({ exports: {} }, library, stay ? RTLD_LAZY | RTLD_NODELETE : RTLD_LAZY);
    return undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Node's error after a successful dlopen, as the library is not an addon.
    return message.includes('did not self-register') ? undefined : message;
  }
}

function archivePath(): string {
  // The package exports only its entry point, build/cjs/index.cjs; the archive is beside build/.
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

/** Return the regular files of a POSIX tar archive: 512-byte headers with the name at 0 and the octal size at 124. */
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
