/**
 * The engine's own tests of ops and kernels, run by Vitest inside pages. In Firefox all ops, and all kernels compile: its
 * compiler of WGSL is naga, where Chromium and Node have Tint. In Chromium, and on the WebAssembly adapter, a few.
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

const isBrief = process.env.MATHFORMER_BRIEF_TESTS !== undefined;

const KERNELS = testsIn('tests/kernels');
const OPS = testsIn('tests/tensor/ops');
const ALL = [...KERNELS, ...OPS];
const named = (files: readonly string[], names: string): string[] =>
  files.filter((path) => new RegExp(`/(${names})\\.test`).test(path));
/**
 * Firefox's driver takes seconds to compile a kernel for its first launch, one after the other: most kernels run in ops alone, and
 * a brief run has some of the ops. Linear layers run in trainings, too.
 */
const IN_FIREFOX = [
  ...(isBrief ? named(OPS, 'cast|dropout|layerNorm|loss|matmul|rope|rows|softmax') : OPS),
  ...named(KERNELS, 'compiles|decodeSplit|gumbel|layerNorm|logSoftmaxGather|philox'),
];
/**
 * SwiftShader, Chromium's driver, compiles products of matrices for minutes. The losses' test of NaN in ignored rows is left out:
 * SwiftShader compares NaN as WGSL allows, and other drivers do not.
 */
const IN_CHROMIUM = named(
  ALL,
  'cast|dropout|join|layerNorm|random|rope|rows|scan|softmax|swiglu|adamw|gumbel|philox',
);
const ON_WASM = named(ALL, 'layerNorm|loss|matmul|softmax|philox');

let lastTurn: Promise<unknown> = Promise.resolve();
/** Firefox opens no tab while another one closes. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const turn = lastTurn.then(work);
  lastTurn = turn.catch(() => {});
  return turn;
}

const scriptOf = (module: string): string => `/${module.replace(/\.ts$/, '.js')}`;

let directory: string;
let server: FileServer;
beforeAll(async () => {
  directory = await bundleTests([...new Set([...IN_FIREFOX, ...IN_CHROMIUM, ...ON_WASM])]);
  server = await serve([{ path: '/', directory, headers: ISOLATION }]);
});
afterAll(async () => {
  await server?.close();
  if (directory) await rm(directory, { recursive: true });
});

describeInEach((browser, name) => {
  const cases = [
    ['WebGPU', '', name === 'firefox' ? IN_FIREFOX : IN_CHROMIUM],
    ['wasm', '&MATHFORMER_ADAPTER=wasm', ON_WASM],
  ] as const;
  // Pages wait for the GPU more than they compute: several at once.
  describe.concurrent.each(cases)('on %s', (_, adapter, files) => {
    it.for(files)('%s', async (file) => {
      const tab = await inTurn(() => browser().newPage());
      await tab.goto(`${server.origin}/index.html?MATHFORMER_BRIEF_TESTS=1${adapter}`);
      const results = (await tab.evaluate(
        `import('${scriptOf(RUNNER)}').then(({ run }) => run('${scriptOf(file)}'))`,
      )) as readonly PageTest[];
      await inTurn(() => tab.close());
      expect(results.filter(({ state }) => state === 'failed')).toEqual([]);
      expect(results.filter(({ state }) => state === 'passed')).not.toEqual([]);
    });
  });
});
