/** Bundles of the trainings, for what does not load TypeScript. */
import { build } from 'esbuild';

/** Return a module of this directory with all that it imports, as one minified ES module. */
export async function bundle(entry: string, platform: 'node' | 'browser'): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [`${import.meta.dirname}/${entry}`],
    bundle: true,
    minify: true,
    platform,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}
