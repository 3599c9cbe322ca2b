/** Accesses of parts: elements of arrays and vectors, members of structs, swizzles (WGSL section 8.5). */
import { fail } from './error.ts';
import {
  type Constant,
  constantOf,
  numericShape,
  type Operand,
  partType,
  scalarsOf,
  toElements,
  toExpression,
  typeOf,
} from './operand.ts';
import type { Expression, Place, Reference, StructType, Type, VectorType } from './tree.ts';
import { concrete, type Size, scalar, shapeOf, typeName } from './types.ts';

/** Check `base[index]`. */
export function accessIndex(base: Operand, index: Operand, at: Place): Operand {
  const type = typeOf(base, at);
  const length = lengthOf(base, at);
  const constant = index.kind === 'constant' ? constantIndex(index, length, at) : undefined;
  if (constant !== undefined) {
    if (base.kind === 'constant') return constantPart(base, constant);
    if (type.kind === 'vector') return component(base, type, constant, at);
  }
  if (type.kind === 'abstract') return accessIndex(toExpression(base, at), index, at);
  return element(base, partType(type, 0), indexExpression(index, at), at);
}

/** Return the number of elements; undefined for a runtime-sized array. */
function lengthOf(base: Operand, at: Place): number | undefined {
  const type = typeOf(base, at);
  if (type.kind === 'vector' || (type.kind === 'abstract' && type.size > 1)) return type.size;
  if (type.kind === 'array') return type.length;
  return fail(at, `${typeName(type)} has no elements`);
}

function constantIndex(index: Constant, length: number | undefined, at: Place): number {
  expectIndex(index, at);
  const value = Number(index.value);
  if (value < 0 || (length !== undefined && value >= length))
    fail(at, `the index ${value} is out of range: ${length ? `0 to ${length - 1}` : 'it is negative'}`);
  return value;
}

function expectIndex(index: Operand, at: Place): void {
  const { of, size } = numericShape(index, at);
  if (size !== 1 || !['i32', 'u32', 'abstract int'].includes(of))
    fail(at, `an index is an i32 or u32, found ${typeName(typeOf(index, at))}`);
}

/** Return an index as an expression; a constant as u32. */
function indexExpression(index: Operand, at: Place): Expression {
  expectIndex(index, at);
  const { of } = numericShape(index, at);
  return of === 'abstract int' ? toElements(index, 'u32', at).expression : toExpression(index, at);
}

function element(base: Operand, type: Type, index: Expression, at: Place): Expression {
  if (base.kind === 'load')
    return { kind: 'load', from: { kind: 'index', base: base.from, index, type, at }, type };
  return { kind: 'element', of: toExpression(base, at), index, type, at };
}

/** Return part number `index` of a constant. */
function constantPart(base: Constant, index: number): Constant {
  const { type } = base;
  if (type.kind === 'abstract') return constantOf({ of: type.of, size: 1 }, [scalarsOf(base)[index] ?? 0]);
  const part = Array.isArray(base.value) ? base.value[index] : undefined;
  if (part === undefined) throw new RangeError(`${typeName(type)} has no part ${index}`);
  return { kind: 'constant', type: partType(type, index), value: part };
}

/** Return one component of a vector. */
function component(base: Operand, { of }: VectorType, index: number, at: Place): Expression {
  const type = scalar(of);
  if (base.kind !== 'load') return { kind: 'swizzle', of: toExpression(base, at), components: [index], type };
  const from: Reference = { kind: 'component', base: base.from, component: index, type };
  return { kind: 'load', from, type };
}

/** Check `base.name`. */
export function accessMember(base: Operand, name: string, at: Place): Operand {
  const type = typeOf(base, at);
  if (type.kind === 'struct') return accessStruct(base, type, name, at);
  const shape = shapeOf(type);
  if (!shape || shape.size === 1) return fail(at, `${typeName(type)} has no member ${name}`);
  const components = swizzle(name, shape.size, at);
  const [first] = components;
  if (base.kind === 'constant') {
    const scalars = scalarsOf(base);
    const size = swizzleSize(components, at);
    return constantOf(
      { of: shape.of, size },
      components.map((i) => scalars[i] ?? 0),
    );
  }
  if (type.kind !== 'vector' || first === undefined) throw new TypeError(`${typeName(type)} is no vector`);
  if (components.length === 1) return component(base, type, first, at);
  return {
    kind: 'swizzle',
    of: toExpression(base, at),
    components,
    type: concrete(type.of, swizzleSize(components, at)),
  };
}

function swizzleSize(components: readonly number[], at: Place): Size {
  const { length } = components;
  return length === 1 || length === 2 || length === 3 || length === 4
    ? length
    : fail(at, 'a swizzle has 1 to 4 components');
}

/** Return the components that the letters of a swizzle name. */
function swizzle(name: string, size: Size, at: Place): readonly number[] {
  const letters = [...name];
  const set = ['xyzw', 'rgba'].find((known) => letters.every((letter) => known.includes(letter)));
  if (!set || letters.length > 4)
    return fail(at, `${name} is no swizzle; it has 1 to 4 letters of xyzw or of rgba`);
  const components = letters.map((letter) => set.indexOf(letter));
  if (components.some((i) => i >= size)) fail(at, `a vec${size} has no component for each letter of ${name}`);
  return components;
}

function accessStruct(base: Operand, type: StructType, name: string, at: Place): Operand {
  const member = type.members.findIndex((candidate) => candidate.name === name);
  const found = type.members[member];
  if (!found) return fail(at, `struct ${type.name} has no member ${name}`);
  if (base.kind === 'constant') return constantPart(base, member);
  if (base.kind === 'load') {
    const from: Reference = { kind: 'member', base: base.from, member, type: found.type };
    return { kind: 'load', from, type: found.type };
  }
  return { kind: 'field', of: base, member, type: found.type };
}
