/** A page in Chromium that has no WebGPU: the package computes there with threads, or in slices where memory cannot be shared. */
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import puppeteer, { type Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** Headers of a page that is cross-origin isolated. */
const ISOLATED = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
/** A policy that lets WebAssembly compile, and no worker start. */
const NO_WORKERS = {
  ...ISOLATED,
  'Content-Security-Policy': "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; worker-src 'none'",
};
const PAGE = `<!doctype html><title>test</title><script type="module" src="/script.js"></script>`;
/** Computes a product and its gradient. */
const SCRIPT = `
  import { openDevice, Tensor, matmul, backward, sum } from './src/index.browser.ts';
  const compute = async () => {
    const device = await openDevice({ threads: 2 });
    const a = Tensor.from(device, Float32Array.from({ length: 64 * 64 }, (_, i) => (i % 23) / 7 - 1.5), [64, 64]);
    a.requireGrad();
    backward(sum(matmul(a, a)));
    const values = [...(await matmul(a, a).data()), ...(await a.grad.data())];
    device.destroy();
    return { isolated: crossOriginIsolated, name: device.name, values };
  };
  globalThis.result = compute().then(JSON.stringify, (error) => JSON.stringify({ error: String(error) }));
`;

describe.runIf(existsSync(CHROMIUM))('in Chromium without WebGPU', () => {
  let browser: Browser;
  let server: Server;
  let origin: string;
  let headers: Readonly<Record<string, string>> = {};
  beforeAll(async () => {
    const { outputFiles } = await build({
      stdin: { contents: SCRIPT, resolveDir: process.cwd(), loader: 'ts' },
      ...{ bundle: true, platform: 'browser', format: 'esm', minify: true, keepNames: true, write: false },
    });
    const script = outputFiles[0]?.text ?? '';
    server = createServer(({ url }, response) => {
      const isScript = url === '/script.js';
      response.writeHead(200, { ...headers, 'Content-Type': isScript ? 'text/javascript' : 'text/html' });
      response.end(isScript ? script : PAGE);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    browser = await puppeteer.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-features=WebGPU', '--disable-gpu'],
    });
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  /** Open the page, and return what it computes. */
  async function compute(with_: Readonly<Record<string, string>>) {
    headers = with_;
    const page = await browser.newPage();
    const problems: string[] = [];
    let workers = 0;
    page.on('workercreated', () => workers++);
    page.on('pageerror', (error) => problems.push(String(error)));
    await page.goto(origin);
    await page.waitForFunction('globalThis.result !== undefined');
    const { isolated, name, values, error } = JSON.parse(
      (await page.evaluate('globalThis.result')) as string,
    );
    await page.close();
    expect([error, problems]).toEqual([undefined, []]);
    return { isolated, workers, name, values };
  }

  it('computes the same bits with threads, without shared memory, and where no worker may start', async () => {
    const threads = await compute(ISOLATED);
    expect(threads).toMatchObject({ isolated: true, workers: 2, name: 'WebAssembly SIMD' });
    expect(threads.values).toHaveLength(2 * 64 * 64);
    expect(await compute({})).toEqual({ ...threads, isolated: false, workers: 0 });
    expect(await compute(NO_WORKERS)).toMatchObject({ isolated: true, values: threads.values });
  });
});
