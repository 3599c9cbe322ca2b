/**
 * Element types of checkpoint tensors, and their decoding from little-endian bytes. The host must be little-endian too, as all
 * hosts of WebGPU are.
 */

/** The item size in bytes of each dtype, by its safetensors name. */
export const ITEM_SIZE = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

export type DType = keyof typeof ITEM_SIZE;
export type FloatDType = 'F64' | 'F32' | 'F16' | 'BF16';

/** Decoded elements. F16 and BF16 decode to Float32Array, losslessly; BOOL to Uint8Array. */
export type ElementArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

export function isDType(name: string): name is DType {
  return Object.hasOwn(ITEM_SIZE, name);
}

export function isFloatDType(dtype: DType): dtype is FloatDType {
  return dtype === 'F64' || dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';
}

/** Copy `bytes`, whose length is a multiple of the item size, to a new array. */
export function decodeElements(dtype: DType, bytes: Uint8Array): ElementArray {
  if (dtype === 'F16' || dtype === 'BF16') return decodeFloat32(dtype, bytes);
  // A new buffer, since typed arrays need aligned offsets, and files may lack them.
  const { buffer } = new Uint8Array(bytes);
  return new HOST_ARRAY[dtype](buffer);
}

/** The array type that stores each dtype with the same bits. F16 and BF16 have none, and are stored as Float32Array. */
export const HOST_ARRAY = {
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

/** Decode contiguous elements to float32; F64 is rounded. */
export function decodeFloat32(dtype: FloatDType, bytes: Uint8Array): Float32Array {
  if (dtype === 'F32') return new Float32Array(new Uint8Array(bytes).buffer);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = ELEMENT_READER[dtype];
  const itemSize = ITEM_SIZE[dtype];
  const out = new Float32Array(bytes.byteLength / itemSize);
  for (let i = 0; i < out.length; i++) out[i] = read(view, i * itemSize);
  return out;
}

/** Functions that read the element at a byte offset. */
export const ELEMENT_READER: Readonly<Record<FloatDType, (view: DataView, offset: number) => number>> = {
  F64: (view, offset) => view.getFloat64(offset, true),
  F32: (view, offset) => view.getFloat32(offset, true),
  F16: (view, offset) => halfToNumber(view.getUint16(offset, true)),
  BF16: (view, offset) => bfloat16ToNumber(view.getUint16(offset, true)),
};

/** Decode IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const scratchBits = new Uint32Array(1);
const scratchFloat = new Float32Array(scratchBits.buffer);

/** Decode bfloat16, the upper half of a float32. */
function bfloat16ToNumber(bits: number): number {
  scratchBits[0] = bits << 16;
  return scratchFloat[0] ?? Number.NaN;
}
