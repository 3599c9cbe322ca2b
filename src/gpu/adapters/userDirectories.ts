/** The user's directories on Linux. */
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';

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
