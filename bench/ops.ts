/** Comparisons of ops on the same shape, such as a matrix product and its gradient. */
import type { Device } from '../src/gpu/device.ts';
import { type Comparison, onDevice } from './comparison.ts';
import type { KernelCase } from './kernelCase.ts';

/** Return one comparison for every shape that several cases share. */
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
