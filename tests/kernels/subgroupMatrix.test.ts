/** The kernels for matrix units compile on Dawn's null backend, as no adapter of CI has such units. */
import { expect, test } from 'vitest';
import { subgroupMatrixKernel } from '../../src/kernels/matmul/subgroupMatrix.ts';
import { openNullBackend } from '../nullBackend.ts';

test('the kernels for matrix units are valid WGSL', async () => {
  const adapter = await openNullBackend('enable-dawn-features=allow_unsafe_apis').requestAdapter();
  const features = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'] as GPUFeatureName[];
  const device = await adapter?.requestDevice({ requiredFeatures: features });
  expect(device).toBeDefined();
  for (const [epilogue, vectorised, depth, grouped, transposed] of [
    ['none', true, 4, false, false],
    ['bias+gelu+residual', false, 1, true, false],
    ['bias', true, 4, false, true],
    ['bias', false, 1, false, true],
  ] as const) {
    for (const [component, M, N, K] of [
      ['f32', 8, 8, 8],
      ['f16', 8, 8, 8],
      ['f16', 16, 16, 16],
      ['f16', 8, 16, 32],
    ] as const) {
      const operands = { epilogue, vectorised, depth, grouped, transposed };
      const { wgsl } = subgroupMatrixKernel({ S: 32, component, fragment: { M, N, K }, operands });
      const { messages } = (await device?.createShaderModule({ code: wgsl }).getCompilationInfo()) ?? {};
      // Warnings too: they tell of builtins that Dawn will drop.
      expect(messages?.map(({ message }) => message)).toEqual([]);
    }
  }
  device?.destroy();
});
