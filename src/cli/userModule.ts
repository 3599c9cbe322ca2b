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
    if (TYPESCRIPT.test(path)) await understandTypeScript();
    module = await import(pathToFileURL(resolve(path)).href);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new BadOptionError(flag, `${flag} ${path}: it cannot be loaded: ${message}`, 'correct the module');
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

const TYPESCRIPT = /\.[cm]?tsx?$/;

/**
 * Makes `import` take TypeScript from here on. Nothing is left to do where this file itself is TypeScript: then the
 * process runs under something that loads it.
 */
async function understandTypeScript(here: string = import.meta.url): Promise<void> {
  if (TYPESCRIPT.test(here)) return;
  const { register } = await import('tsx/esm/api');
  register();
}
