/** The kernels for matrix units compile on Dawn's null backend, as no adapter of CI has such units. */
import { expect, test } from 'vitest';
import { create } from 'webgpu';
import { subgroupMatrixKernel } from '../../src/kernels/matmul/subgroupMatrix.ts';

/**
 * Dawn's null backend compiles for every feature, and runs nothing. It is kept as long as the process: Dawn ends the process
 * if this object is collected before the objects created from it.
 */
const nullBackend = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);

test('the kernels for matrix units are valid WGSL', async () => {
  const adapter = await nullBackend.requestAdapter();
  const features = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'] as GPUFeatureName[];
  const device = await adapter?.requestDevice({ requiredFeatures: features });
  expect(device).toBeDefined();
  for (const [epilogue, vectorised, depth, grouped] of [
    ['none', true, 4, false],
    ['bias+gelu+residual', false, 1, true],
  ] as const) {
    for (const [M, N, K] of [
      [8, 8, 8],
      [16, 16, 16],
    ] as const) {
      const operands = { epilogue, vectorised, depth, grouped };
      const form = { S: 32, rows: 32, columns: 32, fragment: { M, N, K }, operands };
      const { wgsl } = subgroupMatrixKernel(form);
      const { messages } = (await device?.createShaderModule({ code: wgsl }).getCompilationInfo()) ?? {};
      expect(messages?.filter(({ type }) => type === 'error').map(({ message }) => message)).toEqual([]);
    }
  }
  device?.destroy();
});
