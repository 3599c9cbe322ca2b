/**
 * Named parameters in one flat arena, with their gradients in a second one of the same layout: an optimiser step,
 * zeroing and copying are then single operations whatever the number of parameters.
 */
import { MathformerError } from '../errors.ts';
import { type BufferView, MIN_VIEW_BYTES } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { markChanged, type Shape, sizeOf, Tensor } from './tensor.ts';

/** Storage bindings start at multiples of 256 bytes. */
const ALIGNMENT = 64;

/** Named tensors that require a gradient, side by side in one arena, as are their gradients. */
export class Parameters {
  readonly device: Device;
  /** Values in the arena, padding included: a multiple of 4. */
  readonly size: number;
  readonly values: BufferView;
  readonly gradients: BufferView;
  readonly #tensors = new Map<string, Tensor>();

  constructor(device: Device, shapes: ReadonlyMap<string, Shape>) {
    this.device = device;
    const offsets = new Map<string, number>();
    let size = 0;
    for (const [name, shape] of shapes) {
      offsets.set(name, size);
      size += Math.ceil(Math.max(1, sizeOf(shape)) / ALIGNMENT) * ALIGNMENT;
    }
    this.size = size;
    this.values = device.allocatePersistent(size * 4, 'parameters');
    this.gradients = device.allocatePersistent(size * 4, 'gradients');
    device.clear(this.values);
    device.clear(this.gradients);
    for (const [name, shape] of shapes) {
      const bytes = Math.max(MIN_VIEW_BYTES, sizeOf(shape) * 4);
      const range = { offset: (offsets.get(name) ?? 0) * 4, bytes };
      const tensor = new Tensor(device, { buffer: this.values.buffer, ...range }, shape);
      tensor.grad = new Tensor(device, { buffer: this.gradients.buffer, ...range }, shape);
      this.#tensors.set(name, tensor.requireGrad());
    }
  }

  /** The parameter of this name. @throws MathformerError if there is none. */
  get(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) {
      const fix = `name one of ${[...this.#tensors.keys()].join(', ')}`;
      throw new MathformerError(`there is no parameter '${name}'`, {
        code: 'NO_PARAMETER',
        where: name,
        fix,
      });
    }
    return tensor;
  }

  /** Names and parameters, in the order they were given. */
  entries(): IterableIterator<[string, Tensor]> {
    return this.#tensors.entries();
  }

  /** Number of values, without padding. */
  count(): number {
    return [...this.#tensors.values()].reduce((sum, tensor) => sum + tensor.size, 0);
  }

  /** Sets every gradient to 0. */
  zeroGrad(): void {
    this.device.clear(this.gradients);
  }

  /** Tells whoever derived something from the values that they have changed. */
  changed(): void {
    markChanged({ device: this.device, view: this.values });
  }

  /** Takes over the values of parameters with the same layout. */
  copyFrom(other: Parameters): void {
    this.device.copy(other.values, this.values, this.size * 4);
    this.changed();
  }

  /** Frees the values and the gradients. */
  dispose(): void {
    this.device.release(this.values);
    this.device.release(this.gradients);
  }
}
