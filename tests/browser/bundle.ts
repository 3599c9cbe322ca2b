/** Bundles modules for pages. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';

/** Write modules, by paths from the repository's root, and an empty page to a new directory. @returns the directory. */
export async function bundlePage(
  entryPoints: readonly string[],
  options: BuildOptions = {},
): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'mathformer-page-'));
  await build({
    entryPoints: [...entryPoints],
    outdir: directory,
    outbase: '.',
    bundle: true,
    splitting: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2023',
    minify: true,
    keepNames: true,
    logLevel: 'error',
    ...options,
  });
  await writeFile(join(directory, 'index.html'), '<!doctype html><title>mathformer</title>');
  return directory;
}
