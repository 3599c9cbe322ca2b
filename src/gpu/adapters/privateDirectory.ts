/**
 * Directories for shared libraries that only this user (and root) can change: whoever replaces a library runs code as this
 * user. That matters most below the shared /tmp.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

const WRITABLE_BY_OTHERS = 0o022;
/** The sticky bit: as in /tmp, everybody may make files, but replace only their own. */
const STICKY = 0o1000;

/** The environment variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Return the user's home, if there is one. A user id without an entry in /etc/passwd has one only by HOME. */
export function homeDirectory(env: Environment = process.env): string | undefined {
  if (env.HOME) return isAbsolute(env.HOME) ? env.HOME : undefined;
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/** Return the directories for caches, best first. */
export function cacheDirectories(env: Environment = process.env): string[] {
  const xdg = env.XDG_CACHE_HOME;
  const home = homeDirectory(env);
  return [
    // The XDG specification says that a relative path must be ignored.
    ...(xdg && isAbsolute(xdg) ? [join(xdg, 'mathformer')] : []),
    ...(home === undefined ? [] : [join(home, '.cache', 'mathformer')]),
    join(tmpdir(), `mathformer-${process.getuid?.() ?? 'user'}`),
  ];
}

/**
 * Make a directory if it does not exist.
 * @returns its path without symbolic links, which no other user can redirect.
 * @throws Error if another user can change the directory, or replace one of its parents.
 */
export function privateDirectory(directory: string): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (lstatSync(directory).isSymbolicLink()) throw new Error('is a symbolic link');
  const path = realpathSync(directory);
  const user = process.getuid?.();
  reject('', path, [user], WRITABLE_BY_OTHERS);
  for (const parent of parentsOf(path)) {
    const sticky = (lstatSync(parent).mode & STICKY) !== 0;
    reject(`lies in ${parent}, which `, parent, [user, 0], sticky ? 0 : WRITABLE_BY_OTHERS);
  }
  return path;
}

/** Read a file of this user that is not a link and that no other user can write. @throws Error for any other file. */
export function readOwnFile(path: string): Uint8Array {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { uid, mode } = fstatSync(file);
    if (uid !== process.getuid?.() || (mode & WRITABLE_BY_OTHERS) !== 0)
      throw new Error(`${path} is foreign`);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** Return the parent directory of a path, its parent, and so on up to the root. */
function parentsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...parentsOf(parent)];
}

/** @throws Error if the directory has another owner, or one of these permissions. */
function reject(what: string, path: string, owners: readonly unknown[], permissions: number): void {
  const { uid, mode } = lstatSync(path);
  if (!owners.includes(uid)) throw new Error(`${what}belongs to another user`);
  if ((mode & permissions) !== 0) throw new Error(`${what}is writable by other users`);
}
