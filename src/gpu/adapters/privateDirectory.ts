/**
 * Directories that nobody but this user (and root) can change, for shared libraries: who can replace one, runs code as this
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
/** In such a directory, as in /tmp, everybody may make files, but replace only their own. */
const STICKY = 0o1000;

/** Of a process: the values of its variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The user's home, if there is one: a user id without an entry in /etc/passwd has none unless HOME says so. */
export function homeDirectory(env: Environment = process.env): string | undefined {
  if (env.HOME) return isAbsolute(env.HOME) ? env.HOME : undefined;
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/** Directories for what can be made again, best first. */
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
 * Makes a directory if it is not there.
 * @returns its path without symbolic links. Nobody else can lead that path elsewhere.
 * @throws Error if another user can change the directory, or replace one that it lies in.
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

/** The bytes of this user's own file, which is no link and which nobody else can write. @throws Error for any other. */
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

/** The directory that a path lies in, the one that this lies in, and so on up to the root. */
function parentsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...parentsOf(parent)];
}

/** @throws Error if the directory has another owner, or one of the permissions. */
function reject(what: string, path: string, owners: readonly unknown[], permissions: number): void {
  const { uid, mode } = lstatSync(path);
  if (!owners.includes(uid)) throw new Error(`${what}belongs to another user`);
  if ((mode & permissions) !== 0) throw new Error(`${what}is writable by other users`);
}
