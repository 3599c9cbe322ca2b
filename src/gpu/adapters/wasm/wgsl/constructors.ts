/** Value constructors: zero values, conversions, vectors, arrays, structs (WGSL section 17.1), and `bitcast`. */
import { castScalar, type ScalarConstant } from './constants.ts';
import { fail } from './error.ts';
import {
  type Constant,
  commonElement,
  concreteElement,
  constantOf,
  convertConstant,
  convertElements,
  numericShape,
  type Operand,
  partType,
  scalarsOf,
  toExpression,
  toExpressionOf,
  typeOf,
  zero,
} from './operand.ts';
import { splat } from './operators.ts';
import type { ArrayType, Place, ScalarType, StructType, Type, VectorType } from './tree.ts';
import {
  array,
  concrete,
  type ElementName,
  isConstructible,
  numeric,
  type Size,
  shapeOf,
  typeName,
} from './types.ts';

/** Type `type(…)`. */
export function construct(type: Type, parts: readonly Operand[], at: Place): Operand {
  if (!isConstructible(type)) fail(at, `there are no values of type ${typeName(type)}`);
  if (parts.length === 0) return zero(type);
  switch (type.kind) {
    case 'scalar':
      return cast(type, onlyPart(type, parts, at), at);
    case 'vector':
      return constructVector(type, parts, at);
    case 'array':
    case 'struct':
      return constructComposite(type, parts, at);
    default:
      return fail(at, `there are no values of type ${typeName(type)}`);
  }
}

function onlyPart(type: Type, [part, ...others]: readonly Operand[], at: Place): Operand {
  if (!part || others.length > 0)
    fail(at, `${typeName(type)}(…) takes one value, found ${others.length + (part ? 1 : 0)}`);
  return part;
}

/** Convert a scalar or vector to another element. */
function cast(type: ScalarType | VectorType, part: Operand, at: Place): Operand {
  const shape = numericShape(part, at);
  const size = type.kind === 'scalar' ? 1 : type.size;
  if (shape.size !== size) fail(at, `${typeName(typeOf(part, at))} does not convert to ${typeName(type)}`);
  if (part.kind === 'constant')
    return constantOf(
      { of: type.of, size },
      scalarsOf(part).map((value) => castScalar(value, shape.of, type.of, at)),
    );
  return part.type === type ? part : { kind: 'convert', of: toExpression(part, at), type };
}

function constructVector(type: VectorType, parts: readonly Operand[], at: Place): Operand {
  const [first] = parts;
  if (first && parts.length === 1) {
    const { size } = numericShape(first, at);
    if (size === type.size) return cast(type, first, at);
    if (size > 1) fail(at, `${typeName(typeOf(first, at))} does not convert to ${typeName(type)}`);
    return splatOf(type.of, type.size, convertElements(first, type.of, at), at);
  }
  return joinVector(type.of, type.size, parts, at);
}

function splatOf(of: ElementName, size: Size, part: Operand, at: Place): Operand {
  if (part.kind !== 'constant') return splat(toExpression(part, at), size);
  return constantOf({ of, size }, new Array<ScalarConstant>(size).fill(scalarsOf(part)[0] ?? 0));
}

/** Type a vector of scalars and vectors. */
function joinVector(of: ElementName, size: Size, parts: readonly Operand[], at: Place): Operand {
  const converted = parts.map((part) => convertElements(part, of, at));
  const count = converted.reduce((sum, part) => sum + numericShape(part, at).size, 0);
  if (count !== size) fail(at, `vec${size}(…) takes ${size} components, found ${count}`);
  const constants = allConstant(converted);
  if (constants) return constantOf({ of, size }, constants.flatMap(scalarsOf));
  const element = concreteElement(of);
  const expressions = converted.map((part) => toExpression(convertElements(part, element, at), at));
  return { kind: 'construct', parts: expressions, type: concrete(element, size) };
}

/** Return the operands if all are constants. */
function allConstant(operands: readonly Operand[]): readonly Constant[] | undefined {
  const constants = operands.filter((operand) => operand.kind === 'constant');
  return constants.length === operands.length ? constants : undefined;
}

function constructComposite(type: ArrayType | StructType, parts: readonly Operand[], at: Place): Operand {
  const count = type.kind === 'array' ? type.length : type.members.length;
  if (parts.length !== count) fail(at, `${typeName(type)}(…) takes ${count} values, found ${parts.length}`);
  const constants = allConstant(parts);
  if (constants) {
    const values = constants.map((part, i) => convertConstant(part, partType(type, i), at).value);
    return { kind: 'constant', type, value: values };
  }
  const expressions = parts.map((part, i) => toExpressionOf(part, partType(type, i), at));
  return { kind: 'construct', parts: expressions, type };
}

/** Type `vec4(…)`: the element follows from the parts. */
export function constructInferredVector(size: 2 | 3 | 4, parts: readonly Operand[], at: Place): Operand {
  const [first, ...others] = parts;
  if (!first) return zero(numeric({ of: 'abstract int', size }));
  let { of } = numericShape(first, at);
  for (const part of others)
    of =
      commonElement(of, numericShape(part, at).of) ?? fail(at, `vec${size}(…) of values of different types`);
  if (others.length > 0) return joinVector(of, size, parts, at);
  const count = numericShape(first, at).size;
  if (count === 1) return splatOf(of, size, first, at);
  return count === size ? first : fail(at, `vec${size}(…) takes ${size} components, found ${count}`);
}

/** Type `array(…)`: the element follows from the parts; without a suffix it is i32 or f32. */
export function constructInferredArray(parts: readonly Operand[], at: Place): Operand {
  const [first, ...others] = parts;
  if (!first) fail(at, 'array() has no element; write its type, array<f32, 4>()');
  const type = typeOf(first, at);
  const shape = shapeOf(type);
  if (!shape)
    return constructComposite(array(toExpression(first, at).type ?? fail(at, ''), parts.length), parts, at);
  let { of } = shape;
  for (const part of others)
    of = commonElement(of, numericShape(part, at).of) ?? fail(at, 'array(…) of values of different types');
  return constructComposite(array(concrete(concreteElement(of), shape.size), parts.length), parts, at);
}

/** Type `bitcast<type>(part)` (WGSL section 17.2.1). */
export function bitcast(type: Type, part: Operand, at: Place): Operand {
  const expression = toExpression(part, at);
  const [to, from] = [shapeOf(type), shapeOf(typeOf(expression, at))];
  if ((type.kind !== 'scalar' && type.kind !== 'vector') || !to || !from || to.size !== from.size)
    fail(at, `no bitcast from ${typeName(typeOf(expression, at))} to ${typeName(type)}`);
  if (to.of === 'bool' || from.of === 'bool') fail(at, 'a bool has no bits to cast');
  if (from.of === to.of) return part.kind === 'constant' ? { ...part, type } : part;
  if (part.kind !== 'constant') return { kind: 'bitcast', of: expression, type };
  const bits = scalarsOf(part).map((value) => bitcastScalar(Number(value), from.of, to.of, at));
  return constantOf(to, bits);
}

function bitcastScalar(value: number, from: ElementName, to: ElementName, at: Place): number {
  const view = new DataView(new ArrayBuffer(4));
  if (from === 'f32') view.setFloat32(0, value);
  else view.setUint32(0, value);
  if (to === 'i32') return view.getInt32(0);
  if (to === 'u32') return view.getUint32(0);
  const float = view.getFloat32(0);
  if (!Number.isFinite(float)) fail(at, 'a constant must not be NaN or infinite; keep the bits in a var');
  return float;
}
