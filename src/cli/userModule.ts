/** Modules of the user's own: what a flag such as `--reward ./my-reward.ts` names. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BadOptionError } from '../options.ts';

/**
 * The default export of the module at a path.
 * @param names what the flag takes besides paths, for somebody who mistyped one.
 * @throws BadOptionError if there is no such module, if it cannot be loaded, or if it has no default export.
 */
export async function defaultExport(flag: string, path: string, names: readonly string[]): Promise<unknown> {
  if (!existsSync(path)) {
    const fix = `give ${names.join(', ')}, or the path of a module`;
    throw new BadOptionError(flag, `${flag} ${path}: there is no such module`, fix);
  }
  let module: { readonly default?: unknown };
  try {
    module = await import(pathToFileURL(resolve(path)).href);
  } catch (cause) {
    throw notLoaded(flag, path, cause);
  }
  if (module.default === undefined) {
    throw new BadOptionError(
      flag,
      `${flag} ${path}: the module has no default export`,
      'add `export default …`',
    );
  }
  return module.default;
}

function notLoaded(flag: string, path: string, cause: unknown): BadOptionError {
  const unknownExtension =
    cause instanceof Error && 'code' in cause && cause.code === 'ERR_UNKNOWN_FILE_EXTENSION';
  if (unknownExtension) {
    const fix = 'compile it to JavaScript, or run the command under `node --import tsx`';
    return new BadOptionError(flag, `${flag} ${path}: this Node loads JavaScript only`, fix);
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  return new BadOptionError(flag, `${flag} ${path}: it cannot be loaded: ${message}`, 'correct the module');
}
