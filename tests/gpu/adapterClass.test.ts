/** An adapter's class follows from its vendor, not from the width of its subgroups. */
import { describe, expect, it } from 'vitest';
import { type AdapterClass, adapterClass } from '../../src/gpu/adapterClass.ts';
import { subgroupSizeOf } from '../../src/gpu/deviceOptions.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { PipelineCache } from '../../src/gpu/pipelines.ts';

const infoOf = (parts: Partial<GPUAdapterInfo>): GPUAdapterInfo =>
  ({ vendor: '', architecture: '', device: '', description: '', ...parts }) as GPUAdapterInfo;

describe('adapterClass', () => {
  // As Chromium, Dawn, Firefox and Safari name them.
  const cases: readonly [Partial<GPUAdapterInfo>, AdapterClass][] = [
    [{ vendor: 'mathformer', architecture: 'wasm' }, 'wasm'],
    [{ vendor: 'mathformer', architecture: 'simt', subgroupMinSize: 8, subgroupMaxSize: 8 }, 'gpu'],
    [{ vendor: 'mesa', description: 'llvmpipe (LLVM 15.0.6, 256 bits)' }, 'cpu'],
    [{ vendor: 'google', architecture: 'swiftshader' }, 'cpu'],
    [{ vendor: 'nvidia', architecture: 'hopper', description: 'NVIDIA H200' }, 'nvidia'],
    [{ vendor: 'amd', architecture: 'rdna-3' }, 'amd'],
    [{ vendor: 'intel', architecture: 'gen-12lp', subgroupMinSize: 8, subgroupMaxSize: 32 }, 'intel'],
    [{ vendor: 'apple', architecture: 'metal-3' }, 'apple'],
    [{ vendor: 'arm', architecture: 'valhall', subgroupMinSize: 16, subgroupMaxSize: 16 }, 'mobile'],
    [{ vendor: 'qualcomm', architecture: 'adreno-7xx' }, 'mobile'],
    [{ description: 'AMD Radeon RX 7600 (RADV NAVI33)' }, 'amd'],
    [{ description: 'Intel(R) Arc(TM) A770 Graphics (DG2)' }, 'intel'],
    [{ vendor: 'apple', description: 'Apple M2, Intel-compatible' }, 'apple'],
    [{}, 'gpu'],
    [{ vendor: 'a new one', subgroupMinSize: 8, subgroupMaxSize: 8 }, 'gpu'],
  ];
  it.each(cases)('%o: %s', (info, expected) => {
    expect(adapterClass(infoOf(info))).toBe(expected);
  });
});

describe('the size of subgroups', () => {
  const deviceWith = (sizes: readonly [number, number] | undefined, features: readonly string[]) => {
    const sources: string[] = [];
    const gpu = {
      adapterInfo: infoOf(sizes ? { subgroupMinSize: sizes[0], subgroupMaxSize: sizes[1] } : {}),
      features: new Set(features),
      pushErrorScope: () => {},
      popErrorScope: async () => null,
      createBindGroupLayout: () => ({}),
      createPipelineLayout: () => ({}),
      createComputePipeline: () => ({}),
      createShaderModule: ({ code }: { code: string }) => sources.push(code),
    };
    return { gpu: gpu as unknown as GPUDevice, sources };
  };
  const kernel = (enables: readonly string[]) =>
    defineKernel({
      ...{ name: 'lanes', params: {}, reads: {}, writes: { y: 'array<u32>' }, enables },
      code: '@compute @workgroup_size(32) fn main() { y[0] = 1u; }',
    });

  it.each([
    [[32, 32] as const, ['subgroups'], 32],
    [[8, 32] as const, ['subgroups'], 0],
    [[8, 32] as const, ['subgroups', 'subgroup-size-control'], 32],
    [[32, 64] as const, ['subgroups', 'subgroup-size-control'], 32],
    [[64, 128] as const, ['subgroups', 'subgroup-size-control'], 64],
    [[8, 16] as const, ['subgroups', 'subgroup-size-control'], 16],
    [[32, 32] as const, [], 0],
    [undefined, ['subgroups'], 0],
  ])('%o with %o: %i', (sizes, features, lanes) => {
    expect(subgroupSizeOf(deviceWith(sizes, features).gpu)).toBe(lanes);
  });

  it('is set by kernels that use subgroups, where there are several', () => {
    const { gpu, sources } = deviceWith([8, 32], ['subgroups', 'subgroup-size-control']);
    const cache = new PipelineCache(gpu, () => {});
    cache.pipeline(kernel(['subgroups']), 'dynamic');
    cache.pipeline(kernel([]), 'dynamic');
    expect(sources[0]).toMatch(/^enable subgroup_size_control;\nenable subgroups;/);
    expect(sources[0]).toContain('@subgroup_size(32) @compute @workgroup_size(32)');
    expect(sources[1]).not.toContain('subgroup_size');
  });

  it('is left to the adapter where it has only one', () => {
    const { gpu, sources } = deviceWith([32, 32], ['subgroups', 'subgroup-size-control']);
    new PipelineCache(gpu, () => {}).pipeline(kernel(['subgroups']), 'dynamic');
    expect(sources[0]).not.toContain('subgroup_size');
  });
});
