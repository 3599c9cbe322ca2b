/** Sizes and alignments of host-shareable types, and values as bytes (WGSL, "Alignment and Size"). */

import type { StructType, Type } from './program.ts';

/** A value: a number or boolean, or the components, elements or members of a larger one. Values never change. */
export type Value = number | boolean | readonly Value[];

/** Round up to a multiple. */
export const roundUp = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;

/** Return the alignment of a type, in bytes. */
export function alignOf(type: Type): number {
  if (type.kind === 'value') return [4, 8, 16, 16][type.size - 1];
  if (type.kind === 'array') return alignOf(type.of);
  return Math.max(...type.members.map((member) => alignOf(member.type)));
}

/** Return the bytes of a type. A runtime-sized array counts as empty. */
export function sizeOf(type: Type): number {
  if (type.kind === 'value') return 4 * type.size;
  if (type.kind === 'array') return (type.length ?? 0) * strideOf(type.of);
  const offsets = offsetsOf(type);
  const last = type.members.length - 1;
  return roundUp(offsets[last] + sizeOf(type.members[last].type), alignOf(type));
}

/** Return the bytes from one element of an array to the next. */
export const strideOf = (element: Type): number => roundUp(sizeOf(element), alignOf(element));

/** Return the byte offset of each member. */
export function offsetsOf({ members }: StructType): number[] {
  const offsets: number[] = [];
  let end = 0;
  for (const { type } of members) {
    const offset = roundUp(end, alignOf(type));
    offsets.push(offset);
    end = offset + sizeOf(type);
  }
  return offsets;
}

/** Return the number of elements of a runtime-sized array in `bytes` bytes. */
export const elementsIn = (element: Type, bytes: number): number => Math.floor(bytes / strideOf(element));

/** A part of a type: the type of item `i` and its byte offset. */
interface Part {
  readonly type: Type;
  readonly offset: number;
}

function partsOf(type: Exclude<Type, { kind: 'value' }>, bytes: number): Part[] {
  if (type.kind === 'struct') {
    const offsets = offsetsOf(type);
    return type.members.map((member, i) => ({ type: member.type, offset: offsets[i] }));
  }
  const length = type.length ?? elementsIn(type.of, bytes);
  const stride = strideOf(type.of);
  return Array.from({ length }, (_, i) => ({ type: type.of, offset: i * stride }));
}

/** Read a value at a byte offset of a buffer. */
export function decode(type: Type, view: DataView, at = 0): Value {
  if (type.kind !== 'value')
    return partsOf(type, view.byteLength - at).map((part) => decode(part.type, view, at + part.offset));
  const scalar = (i: number): number => {
    if (type.of === 'f32') return view.getFloat32(at + 4 * i, true);
    return type.of === 'i32' ? view.getInt32(at + 4 * i, true) : view.getUint32(at + 4 * i, true);
  };
  return type.size === 1 ? scalar(0) : Array.from({ length: type.size }, (_, i) => scalar(i));
}

/** Write a value at a byte offset of a buffer. Bytes between members stay. */
export function encode(type: Type, of: Value, view: DataView, at = 0): void {
  if (type.kind !== 'value') {
    partsOf(type, view.byteLength - at).forEach((part, i) => {
      encode(part.type, itemOf(of, i), view, at + part.offset);
    });
    return;
  }
  for (let i = 0; i < type.size; i++) {
    const number = Number(type.size === 1 ? of : itemOf(of, i));
    if (type.of === 'f32') view.setFloat32(at + 4 * i, number, true);
    else view.setUint32(at + 4 * i, number, true);
  }
}

/** Return component, element or member `i` of a value. */
export function itemOf(of: Value, i: number): Value {
  if (typeof of !== 'object') throw new TypeError(`${of} has no item ${i}`);
  return of[i];
}

/** Return the zero of a type. */
export function zeroOf(type: Type): Value {
  if (type.kind === 'struct') return type.members.map((member) => zeroOf(member.type));
  if (type.kind === 'array') return Array.from({ length: type.length ?? 0 }, () => zeroOf(type.of));
  const zero = type.of === 'bool' ? false : 0;
  return type.size === 1 ? zero : Array.from({ length: type.size }, () => zero);
}
