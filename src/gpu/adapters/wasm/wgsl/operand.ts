/**
 * Operands: what the checker makes of an expression. A constant keeps its value and may have an abstract type; it becomes part of
 * the tree when a concrete type is known. All else is an expression of the tree. A reference is its load, so that a member
 * of it is a reference again.
 */
import { convertScalar, fits, type ScalarConstant } from './constants.ts';
import { fail } from './error.ts';
import type { Expression, Place, ScalarName, ScalarType, Type, VectorType } from './tree.ts';
import {
  type AbstractType,
  concrete,
  type ElementName,
  isConstructible,
  numeric,
  type Shape,
  scalar,
  shapeOf,
  typeName,
} from './types.ts';

/** The value of a constant: of a vector, array or struct, its parts. */
export type ConstantValue = ScalarConstant | readonly ConstantValue[];

export interface Constant {
  readonly kind: 'constant';
  readonly type: Type | AbstractType;
  readonly value: ConstantValue;
}

export type Operand = Constant | Expression;

/** Return the type of an operand. Throws a `WgslError` if it is a call that returns nothing. */
export function typeOf(operand: Operand, at: Place): Type | AbstractType {
  if (operand.type) return operand.type;
  return fail(at, 'this function returns no value');
}

/** Return the shape of a scalar or vector. Throws a `WgslError` for other types. */
export function numericShape(operand: Operand, at: Place): Shape {
  const type = typeOf(operand, at);
  return shapeOf(type) ?? fail(at, `${typeName(type)} is no scalar or vector`);
}

const isList = (value: ConstantValue): value is readonly ConstantValue[] => Array.isArray(value);
const isScalar = (value: ConstantValue): value is ScalarConstant => !isList(value);

/** Return the scalars of a constant scalar or vector. */
export function scalarsOf({ value }: Constant): readonly ScalarConstant[] {
  return isList(value) ? value.filter(isScalar) : [value];
}

/** Return the value of a constant of an integer type; undefined for other constants. */
export function integerOf({ type, value }: Constant): number | undefined {
  const shape = shapeOf(type);
  const isInteger = shape?.size === 1 && ['i32', 'u32', 'abstract int'].includes(shape.of);
  return isInteger ? Number(value) : undefined;
}

/** Return the constant of these scalars: one makes a scalar. */
export function constantOf(shape: Shape, scalars: readonly ScalarConstant[]): Constant {
  const [first] = scalars;
  const value = shape.size === 1 && first !== undefined ? first : scalars;
  return { kind: 'constant', type: numeric(shape), value };
}

/** Return the element that both convert to without being asked, or undefined. */
export function commonElement(a: ElementName, b: ElementName): ElementName | undefined {
  if (a === b || fits(b, a)) return a;
  return fits(a, b) ? b : undefined;
}

const CONCRETE = { 'abstract int': 'i32', 'abstract float': 'f32' } as const;

/** Return the concrete element of one that may be abstract. */
export function concreteElement(of: ElementName): ScalarName {
  return of === 'abstract int' || of === 'abstract float' ? CONCRETE[of] : of;
}

/** Return the operand with elements `of`, converted if it is a constant whose type allows it. */
export function convertElements(operand: Operand, of: ElementName, at: Place): Operand {
  const shape = numericShape(operand, at);
  if (shape.of === of) return operand;
  if (operand.kind !== 'constant' || !fits(shape.of, of))
    fail(at, `expected ${of}, found ${typeName(typeOf(operand, at))}`);
  return constantOf(
    { of, size: shape.size },
    scalarsOf(operand).map((value) => convertScalar(value, of, at)),
  );
}

/** Return the operand as an expression of a concrete type. */
export function toExpression(operand: Operand, at: Place): Expression {
  if (operand.kind === 'constant') return constantExpression(concretize(operand, at));
  if (operand.kind === 'load' && !isConstructible(operand.type))
    fail(at, `${typeName(operand.type)} is not a value; take an element of it, or use its builtin functions`);
  if (operand.kind === 'atomic' && operand.name === 'atomicStore') fail(at, 'atomicStore returns no value');
  return operand;
}

/** Return the operand as an expression of a type. Throws a `WgslError` if it has another one and does not convert. */
export function toExpressionOf(operand: Operand, type: Type, at: Place): Expression {
  const found = typeOf(operand, at);
  if (found === type) return toExpression(operand, at);
  const [want, have] = [shapeOf(type), shapeOf(found)];
  if (operand.kind !== 'constant' || !want || have?.size !== want.size || !fits(have.of, want.of))
    fail(at, `expected ${typeName(type)}, found ${typeName(found)}`);
  return toExpression(convertElements(operand, want.of, at), at);
}

/** Return a constant of a type. Throws a `WgslError` if it has another one and does not convert. */
export function convertConstant(constant: Constant, type: Type, at: Place): Constant {
  if (constant.type === type) return constant;
  const shape = shapeOf(type);
  const converted = shape ? convertElements(constant, shape.of, at) : constant;
  if (converted.kind === 'constant' && converted.type === type) return converted;
  return fail(at, `expected ${typeName(type)}, found ${typeName(constant.type)}`);
}

/** Return the scalar or vector operand as an expression with elements `of`. */
export const toElements = (operand: Operand, of: ScalarName, at: Place): NumericExpression => {
  const expression = toExpression(convertElements(operand, of, at), at);
  const { size } = numericShape(expression, at);
  return { expression, type: concrete(of, size) };
};

export interface NumericExpression {
  readonly expression: Expression;
  readonly type: ScalarType | VectorType;
}

/** Return a constant with a concrete type. */
function concretize(constant: Constant, at: Place): Constant & { readonly type: Type } {
  const { type, value } = constant;
  if (type.kind !== 'abstract') return { kind: 'constant', type, value };
  const of = CONCRETE[type.of];
  const scalars = scalarsOf(constant).map((part) => convertScalar(part, of, at));
  const { value: converted } = constantOf({ of, size: type.size }, scalars);
  return { kind: 'constant', type: concrete(of, type.size), value: converted };
}

/** Return a constant of a concrete type as an expression of the tree. */
function constantExpression({ type, value }: Constant & { readonly type: Type }): Expression {
  if (type.kind === 'scalar') return literal(type, value);
  if (!isList(value)) throw new TypeError(`a constant of type ${typeName(type)} has parts`);
  if (type.kind === 'vector') {
    const [first = 0] = value;
    if (value.every((part) => Object.is(part, first)))
      return { kind: 'splat', of: literal(scalar(type.of), first), type };
  } else if (isZero(value)) return { kind: 'construct', parts: [], type };
  const parts = value.map((part, i) =>
    constantExpression({ kind: 'constant', type: partType(type, i), value: part }),
  );
  return { kind: 'construct', parts, type };
}

const isZero = (value: ConstantValue): boolean =>
  isList(value) ? value.every(isZero) : value === false || value === 0n || Object.is(value, 0);

/** Return the constant of a type whose scalars are all zero. */
export function zero(type: Type | AbstractType): Constant {
  return { kind: 'constant', type, value: zeroValue(type) };
}

function zeroScalar(of: ElementName): ScalarConstant {
  if (of === 'bool') return false;
  return of === 'abstract int' ? 0n : 0;
}

function zeroValue(type: Type | AbstractType): ConstantValue {
  switch (type.kind) {
    case 'scalar':
      return zeroScalar(type.of);
    case 'vector':
      return new Array<ScalarConstant>(type.size).fill(zeroScalar(type.of));
    case 'abstract': {
      const value = zeroScalar(type.of);
      return type.size === 1 ? value : new Array<ScalarConstant>(type.size).fill(value);
    }
    case 'array':
      return new Array<ConstantValue>(type.length ?? 0).fill(zeroValue(type.of));
    case 'struct':
      return type.members.map((member) => zeroValue(member.type));
    case 'atomic':
      return 0;
    default:
      return type satisfies never;
  }
}

function literal(type: ScalarType, value: ConstantValue): Expression {
  if (typeof value !== 'number' && typeof value !== 'boolean')
    throw new TypeError(`a literal of type ${type.of} is a number or a boolean`);
  return { kind: 'literal', value, type };
}

/** Return the type of part number `index` of a vector, array or struct. */
export function partType(type: Type, index: number): Type {
  if (type.kind === 'vector') return scalar(type.of);
  if (type.kind === 'array') return type.of;
  const member = type.kind === 'struct' ? type.members[index] : undefined;
  if (!member) throw new RangeError(`${typeName(type)} has no part ${index}`);
  return member.type;
}
