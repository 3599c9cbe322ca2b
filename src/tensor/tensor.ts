/**
 * A tensor: a shape over a range of GPU memory, and the graph node that made it.
 *
 * Data is contiguous and row-major. Memory belongs to the device's innermost open scope at the time of allocation
 * (`using scope = device.scope()`), so ordinary code frees nothing by hand.
 */
import { expectSizes, shownValue } from '../base/arguments.ts';
import { ShapeError } from '../base/errors.ts';
import { INSPECT } from '../base/inspection.ts';
import type { BufferView, IntegerBounds } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { type DType, encoded, type TensorData } from './values.ts';

export type { DType, TensorData };

/** Sizes of the dimensions, outermost first; () is a scalar. */
export type Shape = readonly number[];

const ARRAYS = { f32: Float32Array, u32: Uint32Array, i32: Int32Array, bool: Uint32Array } as const;

export const sizeOf = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);
/** Return the size of a tensor in bytes; f16 is padded to whole 32-bit words. */
export const bytesOf = (shape: Shape, dtype: DType): number =>
  dtype === 'f16' ? Math.ceil(sizeOf(shape) / 2) * 4 : sizeOf(shape) * 4;
export const showShape = (shape: Shape): string => `(${shape.join(',')})`;
/** Return operands with their shapes for a message: `x (2,3), bias none`. */
export const showShapes = (operands: Readonly<Record<string, Tensor | undefined>>): string =>
  Object.entries(operands)
    .map(([name, operand]) => `${name} ${operand ? showShape(operand.shape) : 'none'}`)
    .join(', ');

/** A gradient, or undefined without one. */
export type Gradient = Tensor | undefined;

/** The op that made a tensor, as a node of the graph for reverse-mode differentiation. */
export interface GradNode {
  readonly name: string;
  /** Creation order: a node is always younger than the nodes of its inputs. */
  readonly order: number;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** Index of the input whose accumulated gradient `backward` receives; it returns the sum. This saves an addition. */
  readonly accumulates?: number | undefined;
  /** Bytes of the parts of sums that `backward` makes (see kernels/addParts.ts). */
  readonly partBytes?: number | undefined;
  /** Return the gradients of the inputs, given those of the outputs; undefined for none. */
  backward(gradients: readonly Gradient[], prior: Gradient): readonly Gradient[];
}

/** Values of one dtype on the GPU: a shape over a range of its memory. */
export class Tensor {
  /** True if `backward` computes a gradient for this leaf, or passes one through this result. */
  requiresGrad = false;
  /** The accumulated gradient of a leaf that requires it. */
  grad: Tensor | undefined;
  /** Bounds of its integers. They hold for all values written to it. */
  bounds: IntegerBounds | undefined;
  /** The node that computed this tensor; undefined for leaves. */
  node: GradNode | undefined;
  /** The values whose GELU this is, if they require a gradient. An op on this tensor may pass its gradient on to them. */
  geluOf: Tensor | undefined;

  constructor(
    readonly device: Device,
    readonly view: BufferView,
    readonly shape: Shape,
    readonly dtype: DType = 'f32',
  ) {}

  /** Return a tensor with undefined values. */
  static empty(device: Device, shape: Shape, dtype: DType = 'f32'): Tensor {
    return new Tensor(device, device.allocate(bytesOf(shape, dtype)), shape, dtype);
  }

  /** Return a tensor of zeros. */
  static zeros(device: Device, shape: Shape, dtype: DType = 'f32'): Tensor {
    expectSizes('Tensor.zeros', shape);
    const tensor = Tensor.empty(device, shape, dtype);
    device.clear(tensor.view);
    return tensor;
  }

  /** Upload values. The dtype is that of the typed array; numbers become f32, booleans bool. */
  static from(
    device: Device,
    values: TensorData | readonly number[] | readonly boolean[],
    shape: Shape = [values.length],
  ): Tensor {
    expectSizes('Tensor.from', shape);
    const bool = typeof values[0] === 'boolean';
    const data = ArrayBuffer.isView(values)
      ? values
      : bool
        ? Uint32Array.from(values as readonly boolean[], Number)
        : encoded('Tensor.from', values, 'f32');
    return uploaded('Tensor.from', device, data, shape, bool ? 'bool' : dtypeOf(data));
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  /** Describe the tensor in one line, such as `Tensor(2,3) f32 on llvmpipe`. Read its values with `data`. */
  toString(): string {
    const { device, dtype, requiresGrad, shape } = this;
    return `Tensor${showShape(shape)} ${dtype} on ${device.name}${requiresGrad ? ', requires a gradient' : ''}`;
  }

  /** Return the value for `JSON.stringify`. */
  toJSON(): object {
    const { device, dtype, requiresGrad, shape } = this;
    return { shape, dtype, device: device.name, requiresGrad };
  }

  /** Return the text for `console.log` in Node. */
  [INSPECT](): string {
    return this.toString();
  }

  /** Mark a leaf, so that `backward` computes its gradient. */
  requireGrad(): this {
    if (this.dtype !== 'f32' && this.dtype !== 'f16') {
      throw new ShapeError('requireGrad', `the dtype is ${this.dtype}`, 'only floats have gradients');
    }
    this.requiresGrad = true;
    return this;
  }

  /** Return the same values as a leaf without a graph. */
  detach(): Tensor {
    return new Tensor(this.device, this.view, this.shape, this.dtype);
  }

  /** Wait for the values and return them: floats as f32, booleans as 0 and 1. */
  async data(): Promise<TensorData> {
    const { dtype, size } = this;
    if (dtype === 'f16') throw new ShapeError('data', 'the dtype is f16', "read cast(x, 'f32')");
    if (size === 0) return new ARRAYS[dtype](0);
    const bytes = await this.device.read(this.view);
    return new ARRAYS[dtype](bytes, 0, size);
  }

  /** Wait for the value of a tensor with one element. */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new ShapeError('item', `shape ${showShape(this.shape)} has ${this.size} values`, 'use data()');
    }
    return (await this.data())[0] as number;
  }

  /** Replace the values in place, from an array or a tensor of the same shape and dtype. */
  set(values: TensorData | readonly number[] | readonly boolean[] | Tensor): void {
    const { dtype } = this;
    const given = described(values);
    const fits =
      values instanceof Tensor ? showShape(values.shape) === showShape(this.shape) : isOf(values, this);
    if (!fits || dtype === 'f16' || (values instanceof Tensor && values.dtype !== dtype)) {
      throw new ShapeError(
        'set',
        `${given} for a tensor of shape ${showShape(this.shape)} ${dtype}`,
        'give as many values of the same kind',
      );
    }
    if (values instanceof Tensor) {
      copyValues(values, this);
      if (this.view.offset === 0) this.view.buffer.bounds = values.bounds ?? values.view.buffer.bounds;
    } else {
      const data = encoded('set', values, dtype);
      this.device.upload(this.view, data);
      noteBounds(this, data);
    }
    markChanged(this);
  }
}

/** Return a tensor of encoded values. @throws ShapeError unless they fill the shape. */
export function uploaded(op: string, device: Device, data: TensorData, shape: Shape, dtype: DType): Tensor {
  if (data.length !== sizeOf(shape)) {
    const fix = `give ${sizeOf(shape)} values or another shape`;
    throw new ShapeError(op, `${data.length} values do not fill shape ${showShape(shape)}`, fix);
  }
  const tensor = Tensor.empty(device, shape, dtype);
  device.upload(tensor.view, data);
  noteBounds(tensor, data);
  return tensor;
}

/** Return the dtype that an array of numbers has. */
export const dtypeOf = (data: TensorData): Exclude<DType, 'bool' | 'f16'> =>
  data instanceof Float32Array ? 'f32' : data instanceof Uint32Array ? 'u32' : 'i32';

type Settable = TensorData | readonly number[] | readonly boolean[] | Tensor;

const isArray = (values: unknown): values is Exclude<Settable, Tensor> =>
  Array.isArray(values) || Object.values(ARRAYS).some((type) => values instanceof type);

/** Describe values for messages. */
function described(values: Settable): string {
  if (values instanceof Tensor) return `${showShape(values.shape)} ${values.dtype}`;
  if (!isArray(values)) return shownValue(values);
  return `${values.length} values${Array.isArray(values) ? '' : ` of a ${values.constructor.name}`}`;
}

/** Return true if an array has the size and the type of the tensor. Plain numbers fit every dtype. */
function isOf(values: unknown, { size, dtype }: Tensor): boolean {
  if (!isArray(values) || values.length !== size) return false;
  return Array.isArray(values) || (dtype !== 'f16' && values instanceof ARRAYS[dtype]);
}

/** Record the smallest and largest integer from the host, to check them if they are used as indices. */
export function noteBounds({ dtype, view }: Tensor, data: TensorData): void {
  if ((dtype !== 'u32' && dtype !== 'i32') || data.length === 0 || view.offset > 0) return;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  view.buffer.bounds = { low, high };
}

/** Notify caches of derived values that the values in this buffer have changed. */
export function markChanged({ device, view }: { readonly device: Device; readonly view: BufferView }): void {
  const { buffer } = view;
  buffer.changedIn = device.recording;
  device.onRun(() => {
    buffer.version += 1;
  });
}

/**
 * Copy the values of a tensor to one of the same shape and dtype, but no bytes after them, which bindings may include. If
 * both tensors share a buffer, such as parameters of an arena, copy through a temporary one.
 */
export function copyValues(source: Tensor, target: Tensor): void {
  const { device, shape, dtype } = source;
  const bytes = bytesOf(shape, dtype);
  if (bytes === 0) return;
  if (source.view.buffer !== target.view.buffer) {
    device.copy(source.view, target.view, bytes);
    return;
  }
  const between = device.allocate(bytes);
  device.copy(source.view, between, bytes);
  device.copy(between, target.view, bytes);
  device.release(between);
}
