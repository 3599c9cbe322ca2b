/**
 * Files that a run changes in place. A run's directory may be untrusted: a link in it must not redirect a write to another
 * file of the user. (Renaming is safe: it replaces the link itself.)
 */
import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { FileError, withFileErrors } from './fileError.ts';

const { O_RDWR, O_CREAT, O_EXCL } = constants;
/** Windows lacks this flag; there only administrators can make symbolic links. */
const O_NOFOLLOW = constants.O_NOFOLLOW ?? 0;

const FLAGS = {
  /** The file must not exist. */
  new: O_RDWR | O_CREAT | O_EXCL,
  /** The file must exist. */
  existing: O_RDWR | O_NOFOLLOW,
  /** The file is made if it does not exist. */
  either: O_RDWR | O_CREAT | O_NOFOLLOW,
} as const;

/**
 * Open a file to read and write it in place, and return its descriptor.
 * @throws FileError: NOT_A_FILE for a symbolic link, a file with a second name (hard link), or anything but an ordinary file.
 */
export function openOwnFile(path: string, mode: keyof typeof FLAGS): number {
  return withFileErrors(path, () => {
    const descriptor = opened(path, mode);
    const about = fstatSync(descriptor);
    if (about.isFile() && about.nlink <= 1) return descriptor;
    closeSync(descriptor);
    if (!about.isFile()) {
      throw new FileError('NOT_A_FILE', path, 'it is no ordinary file', 'put an ordinary file in its place');
    }
    const problem = 'the file has a second name (a hard link), and would change under both';
    throw new FileError('NOT_A_FILE', path, problem, 'put a copy of the file in its place');
  });
}

function opened(path: string, mode: keyof typeof FLAGS): number {
  try {
    return openSync(path, FLAGS[mode]);
  } catch (error) {
    const isLink = error instanceof Error && 'code' in error && error.code === 'ELOOP';
    if (!isLink) throw error;
    throw new FileError('NOT_A_FILE', path, 'it is a symbolic link', 'put the file itself in its place');
  }
}

/** Return true if a path is below a directory, by its name alone. */
export function isInside(directory: string, path: string): boolean {
  const way = relative(resolve(directory), resolve(path));
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/**
 * Check that no directory between `root` and the file at `path` is a symbolic link or a file. They need not exist.
 * @throws FileError, NOT_A_FILE.
 */
export function checkOwnPath(root: string, path: string): void {
  const parents = relative(resolve(root), resolve(path)).split(sep).slice(0, -1);
  let directory = root;
  for (const parent of parents) {
    directory = join(directory, parent);
    const about = withFileErrors(directory, () => lstatSync(directory, { throwIfNoEntry: false }));
    if (about === undefined) return;
    if (about.isDirectory()) continue;
    const problem = about.isSymbolicLink() ? 'it is a symbolic link' : 'it is no directory';
    throw new FileError('NOT_A_FILE', directory, problem, 'put the directory itself in its place');
  }
}
