/** Types: one object for each type, so that equal types are the same object; and the types of constants that are not concrete yet. */
import { sizes } from './layout.ts';
import type { ArrayType, AtomicType, ScalarName, ScalarType, Type, VectorType } from './tree.ts';

/** A scalar or vector of AbstractInt or AbstractFloat: the type of a constant without a suffix. */
export interface AbstractType {
  readonly kind: 'abstract';
  readonly of: AbstractName;
  readonly size: Size;
}

export type AbstractName = 'abstract int' | 'abstract float';
/** The type of a scalar, or of a vector's components. */
export type ElementName = ScalarName | AbstractName;
/** Number of components; 1 is a scalar. */
export type Size = 1 | 2 | 3 | 4;
export type NumericType = ScalarType | VectorType | AbstractType;

/** Element and number of components of a scalar or vector. */
export interface Shape {
  readonly of: ElementName;
  readonly size: Size;
}

const SCALARS: Readonly<Record<ScalarName, ScalarType>> = {
  f32: { kind: 'scalar', of: 'f32' },
  i32: { kind: 'scalar', of: 'i32' },
  u32: { kind: 'scalar', of: 'u32' },
  bool: { kind: 'scalar', of: 'bool' },
};

const vectorsOf = (of: ScalarName): Readonly<Record<2 | 3 | 4, VectorType>> => ({
  2: { kind: 'vector', of, size: 2 },
  3: { kind: 'vector', of, size: 3 },
  4: { kind: 'vector', of, size: 4 },
});
const VECTORS = {
  f32: vectorsOf('f32'),
  i32: vectorsOf('i32'),
  u32: vectorsOf('u32'),
  bool: vectorsOf('bool'),
};

const abstractsOf = (of: AbstractName): Readonly<Record<Size, AbstractType>> => ({
  1: { kind: 'abstract', of, size: 1 },
  2: { kind: 'abstract', of, size: 2 },
  3: { kind: 'abstract', of, size: 3 },
  4: { kind: 'abstract', of, size: 4 },
});
const ABSTRACTS = {
  'abstract int': abstractsOf('abstract int'),
  'abstract float': abstractsOf('abstract float'),
};

const ATOMICS = {
  i32: { kind: 'atomic', of: 'i32' },
  u32: { kind: 'atomic', of: 'u32' },
} as const satisfies Record<'i32' | 'u32', AtomicType>;

export const { f32: F32, i32: I32, u32: U32, bool: BOOL } = SCALARS;

export const scalar = (of: ScalarName): ScalarType => SCALARS[of];
export const vector = (of: ScalarName, size: 2 | 3 | 4): VectorType => VECTORS[of][size];
export const atomic = (of: 'i32' | 'u32'): AtomicType => ATOMICS[of];

/** Return the scalar or vector of this many components. */
export function concrete(of: ScalarName, size: Size): ScalarType | VectorType {
  return size === 1 ? SCALARS[of] : VECTORS[of][size];
}

/** Return the scalar or vector of a shape. */
export function numeric({ of, size }: Shape): NumericType {
  return of === 'abstract int' || of === 'abstract float' ? ABSTRACTS[of][size] : concrete(of, size);
}

const arrays = new WeakMap<Type, Map<number | undefined, ArrayType>>();

/** Return the array of `length` elements; without a length it is runtime-sized. */
export function array(of: Type, length: number | undefined): ArrayType {
  let known = arrays.get(of);
  if (!known) {
    known = new Map();
    arrays.set(of, known);
  }
  let type = known.get(length);
  if (!type) {
    const { size, align } = sizes(of);
    type = { kind: 'array', of, length, stride: Math.ceil(size / align) * align };
    known.set(length, type);
  }
  return type;
}

const SCALAR_SHAPES: Readonly<Record<ScalarName, Shape>> = {
  f32: { of: 'f32', size: 1 },
  i32: { of: 'i32', size: 1 },
  u32: { of: 'u32', size: 1 },
  bool: { of: 'bool', size: 1 },
};

/** Return element and size of a scalar or vector; undefined for other types. */
export function shapeOf(type: Type | AbstractType): Shape | undefined {
  switch (type.kind) {
    case 'scalar':
      return SCALAR_SHAPES[type.of];
    case 'vector':
    case 'abstract':
      return type;
    default:
      return undefined;
  }
}

/** Return the type as WGSL writes it. */
export function typeName(type: Type | AbstractType): string {
  switch (type.kind) {
    case 'scalar':
      return type.of;
    case 'vector':
      return `vec${type.size}<${type.of}>`;
    case 'abstract':
      return type.size === 1 ? `an ${type.of}` : `vec${type.size} of ${type.of}s`;
    case 'array':
      return type.length === undefined
        ? `array<${typeName(type.of)}>`
        : `array<${typeName(type.of)}, ${type.length}>`;
    case 'struct':
      return type.name;
    case 'atomic':
      return `atomic<${type.of}>`;
    default:
      return type satisfies never;
  }
}

/** Return true if values of this type exist: those that a `let`, a parameter or a function's `var` may have. */
export function isConstructible(type: Type): boolean {
  switch (type.kind) {
    case 'scalar':
    case 'vector':
      return true;
    case 'array':
      return type.length !== undefined && isConstructible(type.of);
    case 'struct':
      return type.members.every((member) => isConstructible(member.type));
    case 'atomic':
      return false;
    default:
      return type satisfies never;
  }
}

/** Return true if a buffer may contain this type: all but bool. */
export function isHostShareable(type: Type): boolean {
  switch (type.kind) {
    case 'scalar':
    case 'vector':
      return type.of !== 'bool';
    case 'atomic':
      return true;
    case 'array':
      return isHostShareable(type.of);
    case 'struct':
      return type.members.every((member) => isHostShareable(member.type));
    default:
      return type satisfies never;
  }
}
