/** Pages of Chromium that has no WebGPU: the package computes there with threads, or in slices where memory cannot be shared. */
import { rm } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeIn, launchChromium } from '../browsers.ts';
import { bundlePage } from '../bundle.ts';
import { type FileServer, ISOLATION, serve } from '../server.ts';
import type { run } from './inPage.ts';

/** A policy that lets WebAssembly compile, and no worker start. */
const NO_WORKERS = {
  ...ISOLATION,
  'Content-Security-Policy': "script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'",
};

describeIn('chromium', () => {
  let browser: Browser;
  let server: FileServer;
  let directory: string;
  beforeAll(async () => {
    directory = await bundlePage(['tests/browser/withoutWebGPU/inPage.ts']);
    server = await serve([
      { path: '/isolated/', directory, headers: ISOLATION },
      { path: '/plain/', directory },
      { path: '/noWorkers/', directory, headers: NO_WORKERS },
    ]);
    browser = await launchChromium({ webgpu: false });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    if (directory) await rm(directory, { recursive: true });
  });

  /** Open the page, and return what it computes. */
  async function compute(path: string) {
    const page = await browser.newPage();
    const problems: string[] = [];
    let workers = 0;
    page.on('worker', () => workers++);
    page.on('pageerror', (error) => problems.push(String(error)));
    await page.goto(`${server.origin}/${path}/`);
    const module = `/${path}/tests/browser/withoutWebGPU/inPage.js`;
    const result: Awaited<ReturnType<typeof run>> = await page.evaluate(
      `import('${module}').then(({ run }) => run())`,
    );
    await page.close();
    expect(problems).toEqual([]);
    return { ...result, workers };
  }

  it('computes the same bits with threads, without shared memory, and where no worker may start', async () => {
    const threads = await compute('isolated');
    expect(threads).toMatchObject({ isolated: true, workers: 2, name: 'WebAssembly SIMD' });
    expect(threads.values).toHaveLength(2 * 64 * 64);
    expect(await compute('plain')).toEqual({ ...threads, isolated: false, workers: 0 });
    expect(await compute('noWorkers')).toMatchObject({ isolated: true, values: threads.values });
  });
});
