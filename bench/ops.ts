/** Comparisons of the engine's ops that work on the same shape: a product with its gradient, what limits rows of one size. */
import type { Device } from '../src/gpu/device.ts';
import { type Comparison, onDevice } from './comparison.ts';
import type { KernelCase } from './kernelCase.ts';

/** One comparison of every shape that more than one case has. */
export function opComparisons(device: Device, cases: readonly KernelCase[]): Comparison[] {
  const shapes = new Set(cases.map(({ shape }) => shape));
  return [...shapes]
    .map((shape) => ({ shape, alike: cases.filter((each) => each.shape === shape) }))
    .filter(({ alike }) => alike.length > 1)
    .map(({ shape, alike }) => ({
      name: `ops ${shape}`,
      contenders: alike.map(({ kernel, prepare }) => ({
        name: kernel,
        run: onDevice(device, prepare(device)),
      })),
    }));
}
