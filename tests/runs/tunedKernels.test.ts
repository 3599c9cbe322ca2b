import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openAdapter } from '../../src/gpu/node.ts';
import {
  adapterIdentity,
  addTunedKernels,
  keepKernelChoices,
  keptKernelChoices,
  readTunedKernels,
  tunedKernelsPath,
} from '../../src/runs/tunedKernels.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tuned-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const NOTHING = { models: [], choices: {} };
const choice = (variant: string) => ({ variant, source: '0123abcd' });

describe('tuned kernels', () => {
  test('are read as they were written, and added to', () => {
    const path = join(folder, 'deep', 'er', 'a.json');
    expect(readTunedKernels(path)).toEqual(NOTHING);
    addTunedKernels(path, {}, { models: ['tiny'], choices: { a: choice('x'), b: choice('y') } });
    addTunedKernels(path, {}, { models: ['small', 'tiny'], choices: { b: choice('z') } });
    expect(readTunedKernels(path)).toMatchObject({
      models: ['tiny', 'small'],
      choices: { a: choice('x'), b: choice('z') },
    });
  });

  test.each([
    ['cut short', '{"version": 1, "models": ['],
    ['of another version', '{"version": 2, "adapter": {}, "models": [], "choices": {}}'],
    ['of something else', '[1, 2, 3]'],
    ['with a choice that is none', '{"version": 1, "adapter": {}, "models": [], "choices": {"a": 3}}'],
  ])('count as missing when the file is %s, and are written over', (_, text) => {
    const path = join(folder, 'a.json');
    writeFileSync(path, text);
    expect(readTunedKernels(path)).toEqual(NOTHING);
    addTunedKernels(path, { vendor: 'v' }, { models: ['tiny'], choices: {} });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ version: 1, models: ['tiny'] });
  });

  test('are kept for each adapter, precision and Dawn apart', async () => {
    const { adapter } = await openAdapter();
    const identity = adapterIdentity(adapter, 'highest');
    const path = (changed: object) =>
      tunedKernelsPath({ ...identity, ...changed }, { XDG_CACHE_HOME: folder });
    expect(path({})).toBe(path({}));
    expect(path({}).startsWith(join(folder, 'mathformer', 'kernels'))).toBe(true);
    const others = [
      { matmulPrecision: 'medium' },
      { description: 'newer driver' },
      { webgpu: '9' },
      { features: [] },
    ];
    expect(new Set([path({}), ...others.map(path)]).size).toBe(5);
  });

  test('are kept for each CPU apart where the adapter is one', async () => {
    const { adapter } = await openAdapter();
    const described = (description: string) =>
      adapterIdentity(
        {
          features: adapter.features,
          info: { ...adapter.info, vendor: 'a vendor', description } as GPUAdapterInfo,
        },
        'highest',
      );
    expect(described('llvmpipe').cpu).toBe(cpus()[0]?.model.trim());
    const wasm = await openAdapter({ name: 'wasm' });
    expect(adapterIdentity(wasm.adapter, 'highest').cpu).toBe(cpus()[0]?.model.trim());
    expect(described('NVIDIA H200')).not.toHaveProperty('cpu');
  });

  /** An adapter of another machine. */
  const ADAPTER = {
    info: {
      ...{ vendor: 'nvidia', architecture: 'hopper', device: '2336', description: 'NVIDIA H200' },
      ...{ subgroupMinSize: 32, subgroupMaxSize: 32, isFallbackAdapter: false },
    } as GPUAdapterInfo,
    features: new Set(['subgroups', 'shader-f16']) as ReadonlySet<string> as GPUSupportedFeatures,
  };

  test('hold for all that a measurement depends on, and lie in one file for each, for the user alone', () => {
    expect(adapterIdentity(ADAPTER, 'medium')).toEqual({
      ...{ vendor: 'nvidia', architecture: 'hopper', device: '2336', description: 'NVIDIA H200' },
      ...{ subgroupMinSize: 32, subgroupMaxSize: 32, matmulPrecision: 'medium' },
      features: ['shader-f16', 'subgroups'],
      webgpu: expect.stringMatching(/^\d+\.\d+/),
    });
    // SHA-256 of {"vendor":"nvidia"}.
    const path = tunedKernelsPath({ vendor: 'nvidia' }, { XDG_CACHE_HOME: folder });
    expect(path).toBe(join(folder, 'mathformer', 'kernels', 'b5b7edb6954519b2.json'));
    addTunedKernels(path, { vendor: 'nvidia' }, NOTHING);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
      ...{ version: 1, adapter: { vendor: 'nvidia' }, models: [], choices: {} },
    });
    if (process.platform !== 'win32') {
      expect(statSync(join(folder, 'mathformer', 'kernels')).mode & 0o777).toBe(0o700);
    }
  });

  test('of an adapter are found again by what asks for a device, at their precision', async () => {
    vi.stubEnv('XDG_CACHE_HOME', folder);
    try {
      await keepKernelChoices(ADAPTER, { a: choice('x') });
      await keepKernelChoices(ADAPTER, { a: choice('y') }, 'medium');
      expect(await keptKernelChoices(ADAPTER)).toEqual({ a: choice('x') });
      expect(await keptKernelChoices(ADAPTER, 'highest')).toEqual({ a: choice('x') });
      expect(await keptKernelChoices(ADAPTER, 'medium')).toEqual({ a: choice('y') });
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
