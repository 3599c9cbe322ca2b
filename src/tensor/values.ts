/** Dtypes, and the conversion of numbers from the host to values of a dtype. */
import { ArgumentError, shownValue } from '../base/arguments.ts';
import { ShapeError } from '../base/errors.ts';
import type { Scalar } from '../gpu/kernel.ts';

/** The type of values. `bool` is stored as u32 words 0 and 1; `f16` is only for storage, two values per word (see `cast`). */
export type DType = 'f32' | 'u32' | 'i32' | 'bool' | 'f16';

/** Values in the form in which they are uploaded and read. */
export type TensorData = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

const INTEGERS = { i32: [-(2 ** 31), 2 ** 31 - 1], u32: [0, 2 ** 32 - 1] } as const;

/** @throws ShapeError unless `value` is a number that the dtype can represent; f32 rounds, and bool takes any number. */
export function expectValue(op: string, name: string, value: unknown, dtype: DType): void {
  if (typeof value !== 'number') {
    throw new ArgumentError(
      op,
      `${name || 'a number'} is ${shownValue(value)}`,
      'give a number, or a function that returns one',
    );
  }
  if (dtype !== 'i32' && dtype !== 'u32') return;
  const [low, high] = INTEGERS[dtype];
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new ShapeError(
    op,
    `${name}${name && ' '}${value} is not a value of ${dtype}`,
    `give an integer from ${low} to ${high}, or use f32`,
  );
}

/** Return a scalar that is checked each time it is evaluated, also in every replay. */
export function checkedScalar(op: string, name: string, scalar: Scalar, dtype: DType): Scalar {
  if (typeof scalar !== 'function') {
    expectValue(op, name, scalar, dtype);
    return scalar;
  }
  if (dtype === 'f32') return scalar;
  return () => {
    const value = scalar();
    expectValue(op, name, value, dtype);
    return value;
  };
}

/**
 * Encode values for the upload. Numbers are truncated to integers as in PyTorch; as bool, every number but 0 is true.
 * @throws ShapeError naming the first value that the dtype cannot represent.
 */
export function encoded(
  op: string,
  flat: ArrayLike<number | boolean>,
  dtype: Exclude<DType, 'f16'>,
): TensorData {
  if (!ArrayBuffer.isView(flat)) refuseOthers(op, flat);
  if (dtype === 'bool') return Uint32Array.from(flat, (value) => (value === 0 || value === false ? 0 : 1));
  if (dtype === 'f32') {
    return isFloats(flat) ? flat : Float32Array.from(flat, Number);
  }
  const data = dtype === 'u32' ? Uint32Array.from(flat, Number) : Int32Array.from(flat, Number);
  for (let i = 0; i < flat.length; i++) {
    if (data[i] === Math.trunc(Number(flat[i]))) continue;
    throw new ShapeError(op, `${flat[i]} at ${i} does not fit ${dtype}`, 'use another dtype');
  }
  return data;
}

const isFloats = (values: unknown): values is Float32Array<ArrayBuffer> => values instanceof Float32Array;

/** Refuse strings, null and holes, which would be uploaded as NaN or 0. */
function refuseOthers(op: string, flat: ArrayLike<unknown>): void {
  for (let i = 0; i < flat.length; i++) {
    const value = flat[i];
    if (typeof value === 'number' || typeof value === 'boolean') continue;
    throw new ArgumentError(op, `the value at ${i} is ${shownValue(value)}`, 'give numbers or booleans');
  }
}
