/** Tensors made from numbers of the host, or filled on the GPU. */
import {
  boolean,
  expectKind,
  expectOptions,
  expectShape,
  type Kind,
  type OptionKinds,
  oneOf,
  real,
} from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import type { Device } from '../../gpu/device.ts';
import type { Scalar, ScalarType } from '../../gpu/kernel.ts';
import { fill, fillDiagonal, ramp } from '../../kernels/fill.ts';
import { EVERY_DTYPE, expectDevice, expectOperands } from '../operands.ts';
import { bytesOf, type DType, type Shape, Tensor, type TensorData, uploaded } from '../tensor.ts';
import { checkedScalar, encoded, expectValue } from '../values.ts';

/** Options of a new tensor. */
export interface CreationOptions {
  /** Default: that of the values, otherwise f32. */
  readonly dtype?: DType;
  /** True if `backward` computes its gradient; only for f32. Default: false. */
  readonly requiresGrad?: boolean;
}

const anything: Kind = { takes: 'a value', accepts: () => true };
const CREATION_OPTIONS: OptionKinds<CreationOptions> = { dtype: oneOf(EVERY_DTYPE), requiresGrad: boolean };

/** Numbers nested as deeply as the tensor has dimensions. */
export type NestedNumbers = number | readonly NestedNumbers[];
/** Booleans nested as deeply as the tensor has dimensions. */
export type NestedBooleans = boolean | readonly NestedBooleans[];
/** The typed arrays that a tensor can be made from. */
export type NumberArray =
  | TensorData
  | Float64Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Uint8ClampedArray<ArrayBuffer>
  | Uint16Array<ArrayBuffer>;

/** Return x as a leaf that requires a gradient if asked to. */
function leaf(name: string, x: Tensor, requiresGrad: boolean | undefined): Tensor {
  if (!requiresGrad) return x;
  if (x.dtype === 'f32') return x.requireGrad();
  throw new ShapeError(
    name,
    `a tensor of dtype ${x.dtype} has no gradient`,
    'leave out requiresGrad or use f32',
  );
}

function refuseHalf(name: string, dtype: DType): asserts dtype is Exclude<DType, 'f16'> {
  if (dtype !== 'f16') return;
  throw new ShapeError(name, 'dtype f16 is for storage', "make it f32 and cast(x, 'f16')");
}

/** Return the WGSL type of the words of `dtype`. */
function wordsOf(name: string, dtype: DType): ScalarType {
  refuseHalf(name, dtype);
  return dtype === 'bool' ? 'u32' : dtype;
}

/**
 * Make a tensor of numbers or booleans: from nested arrays, whose nesting is the shape, or from a typed array. The default
 * dtype is f32 for numbers, bool for booleans, or that of the typed array. With an integer dtype, numbers are truncated as in
 * PyTorch.
 * @param options.shape another shape for the same values.
 * @throws ShapeError naming the position where the nesting is uneven.
 */
export function tensor(
  device: Device,
  values: NestedNumbers | NestedBooleans | NumberArray,
  options: CreationOptions & { readonly shape?: Shape } = {},
): Tensor {
  expectDevice('tensor', device);
  expectOptions('tensor', options, { ...CREATION_OPTIONS, shape: anything });
  const { flat, shape } = ArrayBuffer.isView(values)
    ? { flat: values as ArrayLike<number>, shape: [values.length] }
    : flattened(values);
  const dtype = options.dtype ?? dtypeOf(values, flat);
  const wanted = options.shape ?? shape;
  expectShape('tensor', wanted);
  refuseHalf('tensor', dtype);
  const x = uploaded('tensor', device, encoded('tensor', flat, dtype), wanted, dtype);
  return leaf('tensor', x, options.requiresGrad);
}

/** Return the values in order and the shape of their nesting, as given by the first value of every level. */
function flattened(values: NestedNumbers | NestedBooleans) {
  const shape: number[] = [];
  for (let level: unknown = values; Array.isArray(level); level = level[0]) shape.push(level.length);
  const flat: (number | boolean)[] = [];
  const kind = (value: unknown): string => (Array.isArray(value) ? `${value.length} values` : 'one value');
  const collect = (value: unknown, depth: number, path: string): void => {
    const size = shape[depth];
    if (Array.isArray(value) && value.length === size) {
      value.forEach((each, i) => {
        collect(each, depth + 1, `${path}[${i}]`);
      });
    } else if (!Array.isArray(value) && size === undefined) flat.push(value as number | boolean);
    else {
      throw new ShapeError(
        'tensor',
        `values${path} has ${kind(value)}, the first at its level ${size === undefined ? 'one value' : `${size} values`}`,
        'nest all rows alike',
      );
    }
  };
  collect(values, 0, '');
  const has = (type: string): boolean => flat.some((value) => typeof value === type);
  if (has('boolean') && has('number'))
    throw new ShapeError('tensor', 'numbers and booleans are mixed', 'give one kind');
  return { flat, shape };
}

function dtypeOf(values: unknown, flat: ArrayLike<unknown>): DType {
  if (!ArrayBuffer.isView(values)) return typeof flat[0] === 'boolean' ? 'bool' : 'f32';
  if (values instanceof Float32Array || values instanceof Float64Array) return 'f32';
  return values instanceof Int32Array || values instanceof Int16Array || values instanceof Int8Array
    ? 'i32'
    : 'u32';
}

/**
 * Return a tensor filled with one value. A function is evaluated again in every replay. As bool, every number but 0 is true.
 */
export function full(
  device: Device,
  shape: Shape,
  value: Scalar | boolean,
  options: CreationOptions = {},
): Tensor {
  return filled('full', device, shape, value, {
    ...options,
    dtype: options.dtype ?? (typeof value === 'boolean' ? 'bool' : 'f32'),
  });
}

function filled(
  name: string,
  device: Device,
  shape: Shape,
  value: Scalar | boolean,
  options: CreationOptions,
): Tensor {
  expectDevice(name, device);
  expectOptions(name, options, CREATION_OPTIONS);
  expectShape(name, shape);
  const { dtype = 'f32', requiresGrad } = options;
  const type = wordsOf(name, dtype);
  const number = checkedScalar(name, 'the value', typeof value === 'boolean' ? Number(value) : value, dtype);
  const x = Tensor.empty(device, shape, dtype);
  fill(device, x.view, x.size, dtype === 'bool' ? truth(number) : number, type);
  return leaf(name, x, requiresGrad);
}

const truth = (value: Scalar): Scalar =>
  typeof value === 'number' ? Number(value !== 0) : () => Number(value() !== 0);

/** Return a tensor of zeros, of any dtype. */
export function zeros(device: Device, shape: Shape, options: CreationOptions = {}): Tensor {
  if (options?.dtype !== 'f16') return filled('zeros', device, shape, 0, options);
  expectDevice('zeros', device);
  expectOptions('zeros', options, CREATION_OPTIONS);
  expectShape('zeros', shape);
  const x = Tensor.empty(device, shape, 'f16');
  fill(device, x.view, bytesOf(shape, 'f16') / 4, 0, 'u32');
  return leaf('zeros', x, options.requiresGrad);
}

/** Return a tensor of ones. */
export const ones = (device: Device, shape: Shape, options: CreationOptions = {}): Tensor =>
  filled('ones', device, shape, 1, options);

/** Check and return a tensor whose values are not used. */
function like(name: string, x: Tensor): Tensor {
  expectOperands(name, { x: [x, EVERY_DTYPE] });
  return x;
}

/** Return zeros of the shape of x. Default dtype: that of x. */
export const zerosLike = (x: Tensor, options: CreationOptions = {}): Tensor =>
  zeros(like('zerosLike', x).device, x.shape, { dtype: x.dtype, ...options });

/** Return ones of the shape of x. */
export const onesLike = (x: Tensor, options: CreationOptions = {}): Tensor =>
  filled('onesLike', like('onesLike', x).device, x.shape, 1, { dtype: x.dtype, ...options });

/** Return a tensor of the shape of x, filled with one value. */
export const fullLike = (x: Tensor, value: Scalar | boolean, options: CreationOptions = {}): Tensor =>
  filled('fullLike', like('fullLike', x).device, x.shape, value, { dtype: x.dtype, ...options });

/** Return start, start + step, … up to but excluding end: `arange(device, [start,] end, [step,] [options])`. */
export function arange(device: Device, end: number, options?: CreationOptions): Tensor;
export function arange(device: Device, start: number, end: number, options?: CreationOptions): Tensor;
export function arange(
  device: Device,
  start: number,
  end: number,
  step: number,
  options?: CreationOptions,
): Tensor;
export function arange(device: Device, ...given: readonly (number | CreationOptions | undefined)[]): Tensor {
  const numbers = given.filter((each) => typeof each === 'number');
  const options = given.find((each) => typeof each === 'object') ?? {};
  expectDevice('arange', device);
  expectOptions('arange', options, CREATION_OPTIONS);
  const [start = 0, end = 0, step = 1] = numbers.length === 1 ? [0, ...numbers] : numbers;
  const { dtype = 'f32', requiresGrad } = options;
  if (dtype === 'bool') throw new ShapeError('arange', 'dtype bool does not count', 'use u32, i32 or f32');
  const type = wordsOf('arange', dtype);
  const count = Math.ceil((end - start) / step) + 0; // no −0
  if (!Number.isFinite(count) || count < 0) {
    throw new ShapeError(
      'arange',
      `steps of ${step} do not lead from ${start} to ${end}`,
      'give a step of the sign of end − start, not 0',
    );
  }
  if (type !== 'f32' && ![start, step].every(Number.isInteger)) {
    throw new ShapeError('arange', `start ${start} and step ${step} are not integers`, 'use f32');
  }
  if (count > 0) {
    expectValue('arange', 'the first value', start, dtype);
    expectValue('arange', 'the last value', start + (count - 1) * step, dtype);
  }
  const x = Tensor.empty(device, [count], dtype);
  ramp(device, x.view, type, { count, half: count, start, end, step });
  return leaf('arange', x, requiresGrad);
}

/** Return `steps` evenly spaced numbers from start to end, both included. */
export function linspace(
  device: Device,
  start: number,
  end: number,
  steps: number,
  options: Pick<CreationOptions, 'requiresGrad'> = {},
): Tensor {
  expectDevice('linspace', device);
  expectOptions('linspace', options, { requiresGrad: boolean });
  expectKind('linspace', 'start', start, real());
  expectKind('linspace', 'end', end, real());
  expectShape('linspace', [steps]);
  const x = Tensor.empty(device, [steps]);
  const step = steps > 1 ? (end - start) / (steps - 1) : 0;
  ramp(device, x.view, 'f32', { count: steps, half: Math.ceil(steps / 2), start, end, step });
  return leaf('linspace', x, options.requiresGrad);
}

/** Return the (rows, columns) matrix with ones on its diagonal. Default: square. */
export function eye(device: Device, rows: number, columns = rows, options: CreationOptions = {}): Tensor {
  expectDevice('eye', device);
  expectOptions('eye', options, CREATION_OPTIONS);
  expectShape('eye', [rows, columns]);
  const { dtype = 'f32', requiresGrad } = options;
  const x = Tensor.empty(device, [rows, columns], dtype);
  fillDiagonal(device, x.view, rows, columns, wordsOf('eye', dtype));
  return leaf('eye', x, requiresGrad);
}
