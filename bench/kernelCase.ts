/** The cases of the kernel benchmark. */
import type { Device } from '../src/gpu/device.ts';
import { attachGradient } from '../src/tensor/autograd.ts';
import { Generator, randn, type Shape, type Tensor } from '../src/tensor/index.ts';

export interface KernelCase {
  /** Name of the kernel. It groups the cases. */
  readonly kernel: string;
  /** Shape of the inputs, as text. */
  readonly shape: string;
  /** FLOPs that the mathematics needs, whatever the kernel computes; 0 if the kernel is limited by bytes. */
  readonly flops: number;
  /** Bytes that must be read or written at least once: inputs, results, and values saved for the backward pass. */
  readonly bytes: number;
  /** Make the inputs. Return a function that enqueues the work once. */
  readonly prepare: (device: Device) => () => void;
}

/** Size of an f32, i32 or u32, in bytes. */
export const WORD = 4;

/** Return a function that makes standard normal tensors, the same in every run. */
export function randomTensors(device: Device): (...shape: Shape) => Tensor {
  const generator = new Generator(0);
  return (...shape) => randn(device, shape, { generator });
}

/**
 * Return x as the result of an op. Its gradient is then computed and dropped, as inside a model; the gradient of a leaf
 * would be accumulated.
 */
export function activation(x: Tensor): Tensor {
  attachGradient('activation', [], [x], () => []);
  return x;
}
