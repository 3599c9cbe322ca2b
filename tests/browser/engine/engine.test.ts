/**
 * The engine's own tests of ops and kernels, run by Vitest inside pages. In Firefox all of them: its compiler of WGSL is naga,
 * where Chromium and Node have Tint. In Chromium, and on the WebAssembly adapter, a few.
 */
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeInEach } from '../browsers.ts';
import { type FileServer, ISOLATION, serve } from '../server.ts';
import { bundleTests, RUNNER } from './bundle.ts';
import type { PageTest } from './inPage.ts';

const testsIn = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `${directory}/${name}`);

/** Kernels for matrix units are compiled by Dawn alone, and the list of families reads files. */
const ALL = [...testsIn('tests/kernels'), ...testsIn('tests/tensor/ops')].filter(
  (path) => !/\/(subgroupMatrix|families)\.test/.test(path),
);
const named = (names: string): string[] => ALL.filter((path) => new RegExp(`/(${names})\\.test`).test(path));
/**
 * SwiftShader, Chromium's driver, compiles products of matrices for minutes. The losses' test of NaN in ignored rows is left out:
 * SwiftShader compares NaN as WGSL allows, and other drivers do not.
 */
const QUICK = named('cast|dropout|join|layerNorm|random|rope|rows|scan|softmax|swiglu|adamw|gumbel|philox');
const ON_WASM = named('layerNorm|loss|matmul|softmax|philox');

const scriptOf = (module: string): string => `/${module.replace(/\.ts$/, '.js')}`;

let directory: string;
let server: FileServer;
beforeAll(async () => {
  directory = await bundleTests(ALL);
  server = await serve([{ path: '/', directory, headers: ISOLATION }]);
});
afterAll(async () => {
  await server?.close();
  if (directory) await rm(directory, { recursive: true });
});

describeInEach((browser, name) => {
  const cases = [
    ['WebGPU', '', name === 'firefox' ? ALL : QUICK],
    ['wasm', '&MATHFORMER_ADAPTER=wasm', ON_WASM],
  ] as const;
  // Pages wait for the GPU more than they compute: several at once.
  describe.concurrent.each(cases)('on %s', (_, adapter, files) => {
    it.for(files)('%s', async (file) => {
      const tab = await browser().newPage();
      await tab.goto(`${server.origin}/index.html?MATHFORMER_BRIEF_TESTS=1${adapter}`);
      const results = (await tab.evaluate(
        `import('${scriptOf(RUNNER)}').then(({ run }) => run('${scriptOf(file)}'))`,
      )) as readonly PageTest[];
      await tab.close();
      expect(results.filter(({ state }) => state === 'failed')).toEqual([]);
      expect(results.filter(({ state }) => state === 'passed')).not.toEqual([]);
    });
  });
});
