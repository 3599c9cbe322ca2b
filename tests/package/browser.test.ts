/** The entry point for browsers, with Dawn as `navigator.gpu`. */
import { build } from 'esbuild';
import { afterEach, expect, it, vi } from 'vitest';
import { openAdapter as openBrowserAdapter } from '../../src/gpu/browser.ts';
import { openAdapter } from '../../src/gpu/node.ts';
import * as browser from '../../src/index.browser.ts';
import * as node from '../../src/index.node.ts';

afterEach(() => vi.unstubAllGlobals());

it('has the API of the entry for Node', () => {
  expect(Object.keys(browser).sort()).toEqual(Object.keys(node).sort());
});

it('computes on navigator.gpu', async () => {
  const { gpu } = await openAdapter();
  vi.stubGlobal('navigator', { gpu });
  const device = await browser.openDevice({ portableKernels: true });
  const { Tensor, mul } = browser;
  expect([...(await mul(Tensor.from(device, [1, 2, 3]), 2).data())]).toEqual([2, 4, 6]);
  expect(device.subgroupSize).toBe(0);
  device.destroy();
});

it('computes on WebGPU in software only if that is asked for', async () => {
  const software = { info: { vendor: 'google', architecture: 'swiftshader' } };
  vi.stubGlobal('navigator', { gpu: { requestAdapter: async () => software } });
  expect(await openBrowserAdapter({ adapter: 'webgpu' })).toBe(software);
  expect((await openBrowserAdapter()).info.vendor).toBe('mathformer');
});

it('says what to do where WebGPU is asked for and missing', async () => {
  vi.stubGlobal('navigator', { gpu: { requestAdapter: async () => null } });
  const opening = browser.openDevice({ adapter: 'webgpu' });
  await expect(opening).rejects.toMatchObject({ name: 'AdapterError', code: 'NO_ADAPTER', where: 'webgpu' });
});

it.each([
  ['without WebGPU', {}, {}],
  ['without an adapter', { gpu: { requestAdapter: async () => null } }, {}],
  ['if that is asked for', { gpu: { requestAdapter: async () => expect.fail() } }, { adapter: 'wasm' }],
])('computes with WebAssembly %s', async (_, navigator, options) => {
  vi.stubGlobal('navigator', navigator);
  const device = await browser.openDevice(options);
  expect(device.name).toBe('WebAssembly SIMD');
  const { Tensor, mul } = browser;
  expect([...(await mul(Tensor.from(device, [1, 2, 3]), 2).data())]).toEqual([2, 4, 6]);
  device.destroy();
});

it('says what to do without both', async () => {
  vi.stubGlobal('navigator', {});
  vi.stubGlobal('WebAssembly', { validate: () => false });
  await expect(browser.openDevice()).rejects.toMatchObject({ name: 'AdapterError', code: 'NO_ADAPTER' });
});

it('checks the number of threads', async () => {
  await expect(browser.openDevice({ threads: 0 })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
});

it('bundles the sessions of src/training with nothing of Node', async () => {
  // esbuild refuses an import of a Node module on this platform.
  const { outputFiles, metafile } = await build({
    entryPoints: ['src/training/index.ts'],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const [output] = Object.values(metafile.outputs);
  expect(output?.exports).toEqual(
    expect.arrayContaining(['trainGrpo', 'resume', 'MemoryStore', 'machineOf']),
  );
  // The client of NATS has a buffer of its own, which its messages name.
  expect(outputFiles[0]?.text).not.toMatch(/["']node:|\bprocess\.|(?<![."])\bBuffer\b/);
  const rooms = Object.keys(metafile.inputs).filter((path) => /src\/(runs|cli)\/|gpu\/node/.test(path));
  expect(rooms).toEqual([]);
});
