/** Bundles the engine's tests, with Vitest itself, for a page. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Plugin } from 'esbuild';
import { bundlePage } from '../bundle.ts';

export const RUNNER = 'tests/browser/engine/inPage.ts';

/** Replace the modules that read files and open adapters of Node. */
const inPage: Plugin = {
  name: 'in a page',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /gpu\/node\.ts$/ }, () => ({ path: resolve('tests/browser/engine/openAdapter.ts') }));
    onLoad({ filter: /tests\/tensor\/ops\/document\.ts$/ }, async () => {
      const text = JSON.stringify(await readFile('docs/OPS.md', 'utf8'));
      const writeDocument = '() => { throw new Error("a page writes no files"); }';
      return {
        contents: `export const readDocument = () => ${text}; export const writeDocument = ${writeDocument};`,
        loader: 'ts',
      };
    });
  },
};

/** Write the tests to a new directory. @returns the directory. */
export const bundleTests = (files: readonly string[]): Promise<string> =>
  bundlePage([RUNNER, ...files], { plugins: [inPage], define: { 'process.env': 'globalThis.environment' } });
