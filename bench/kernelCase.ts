/** What the benchmark of kernels consists of. */
import type { Device } from '../src/gpu/device.ts';
import { attachGradient } from '../src/tensor/autograd.ts';
import { Generator, randn, type Shape, type Tensor } from '../src/tensor/index.ts';

export interface KernelCase {
  /** Groups the cases of a kernel. */
  readonly kernel: string;
  /** What it is run on. */
  readonly shape: string;
  /** What the mathematics needs, whatever the kernel does; 0 where bytes are what limits it. */
  readonly flops: number;
  /** Bytes that must be read and written at least once: inputs, results, and what a backward pass needs again. */
  readonly bytes: number;
  /** Makes the inputs; the function enqueues the work once. */
  readonly prepare: (device: Device) => () => void;
}

/** Bytes of an f32, an i32 or a u32. */
export const WORD = 4;

/** Standard normal tensors, the same in every run. */
export function randomTensors(device: Device): (...shape: Shape) => Tensor {
  const generator = new Generator(0);
  return (...shape) => randn(device, shape, { generator });
}

/**
 * Makes a tensor count as computed from others. Its gradient is then computed and dropped, as inside a model, where that
 * of a leaf would be added to what it has.
 */
export function activation(x: Tensor): Tensor {
  attachGradient('activation', [], [x], () => []);
  return x;
}
