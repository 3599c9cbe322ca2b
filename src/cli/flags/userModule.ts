/** Modules of the user's own: what a flag such as `--reward ./my-reward.ts` names. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BadOptionError } from '../../base/options.ts';

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
  let exported: unknown;
  try {
    if (TYPESCRIPT.test(path)) await understandTypeScript();
    exported = defaultOf(await import(pathToFileURL(resolve(path)).href));
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new BadOptionError(flag, `${flag} ${path}: it cannot be loaded: ${message}`, 'correct the module');
  }
  if (exported === undefined) {
    throw new BadOptionError(
      flag,
      `${flag} ${path}: the module has no default export`,
      'add `export default …`',
    );
  }
  return exported;
}

/** The default export; of a module that was compiled to CommonJS it lies one deeper, in what that module exports. */
function defaultOf({ default: exported }: { readonly default?: unknown }): unknown {
  const isCompiled = typeof exported === 'object' && exported !== null && '__esModule' in exported;
  return isCompiled && 'default' in exported ? exported.default : exported;
}

const TYPESCRIPT = /\.[cm]?tsx?$/;

/**
 * Makes `import` take TypeScript from here on, and `require`, to which Node hands files that no package.json calls ES
 * modules. Nothing is left to do where this file itself is TypeScript: then the process runs under something that loads it.
 */
async function understandTypeScript(here: string = import.meta.url): Promise<void> {
  if (TYPESCRIPT.test(here)) return;
  const loaders = await Promise.all([import('tsx/cjs/api'), import('tsx/esm/api')]);
  for (const { register } of loaders) register();
}
