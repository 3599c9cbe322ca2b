/** Cases of the ops on all gradients: norm, clipping, AdamW. */

import type { Device } from '../../src/gpu/device.ts';
import { launchClipped } from '../../src/kernels/gradientNorm.ts';
import { AdamW, clipGradNorm, Parameters } from '../../src/tensor/index.ts';
import { type KernelCase, WORD } from '../kernelCase.ts';

/** Return the cases for `count` parameters, a multiple of 64. */
export function optimiserCases(count: number): KernelCase[] {
  const shape = `${count}`;
  const bytes = WORD * count;
  const parameters = (device: Device): Parameters => new Parameters(device, new Map([['all', [count]]]));
  return [
    {
      kernel: 'norm of gradients',
      ...{ shape, flops: 0, bytes },
      prepare: (device) => {
        const { arenas } = parameters(device);
        return () => launchClipped(device, arenas, () => {});
      },
    },
    {
      kernel: 'clipping by norm',
      ...{ shape, flops: 0, bytes: 3 * bytes },
      prepare: (device) => {
        const all = parameters(device);
        return () => clipGradNorm(all, 1);
      },
    },
    {
      kernel: 'AdamW with clipping',
      // Reads weight, gradient (twice, for its norm), m and v; writes three of them.
      ...{ shape, flops: 0, bytes: 8 * bytes },
      prepare: (device) => {
        const optimizer = new AdamW(parameters(device), { gradClip: 1 });
        return () => optimizer.step(1e-3);
      },
    },
  ];
}
