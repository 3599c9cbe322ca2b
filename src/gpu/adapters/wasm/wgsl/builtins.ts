/**
 * Builtin functions of values (WGSL sections 17.3, 17.5, 17.9 and 17.10): what they take and return. Those that are exact are
 * evaluated when all arguments are constants. `exp` and the like are not: their values at compile time would be those of the
 * JavaScript engine.
 */
import { fail } from './error.ts';
import {
  concreteElement,
  constantOf,
  convertElements,
  numericShape,
  type Operand,
  scalarsOf,
  toElements,
  toExpressionOf,
} from './operand.ts';
import {
  type Check,
  commonShape,
  componentwise,
  elementFor,
  entries,
  expectCount,
  FLOATS,
  INTEGERS,
  mismatch,
  NUMBERS,
  reduction,
  typed,
  vectorwise,
} from './signatures.ts';
import { SUBGROUP_BUILTINS } from './subgroupBuiltins.ts';
import type { Place } from './tree.ts';
import { BOOL, concrete, F32, I32, U32, vector } from './types.ts';

/** Type `select(no, yes, condition)`. */
const select: Check = (name, operands, at) => {
  expectCount(name, operands, 3, at);
  const [no, yes, condition] = operands;
  if (!no || !yes || !condition) return mismatch(name, operands, at);
  const shape = commonShape(name, [no, yes], at);
  const test = numericShape(condition, at);
  if (test.of !== 'bool' || (test.size !== 1 && test.size !== shape.size)) mismatch(name, operands, at);
  const [a, b] = [no, yes].map((operand) => convertElements(operand, shape.of, at));
  if (a?.kind === 'constant' && b?.kind === 'constant' && condition.kind === 'constant') {
    const [tests, values] = [scalarsOf(condition), scalarsOf(b)];
    const scalars = scalarsOf(a).map((value, i) =>
      tests[test.size === 1 ? 0 : i] ? (values[i] ?? value) : value,
    );
    return constantOf(shape, scalars);
  }
  const of = concreteElement(shape.of);
  const values = [no, yes].map((operand) => toElements(operand, of, at).expression);
  values.push(toElements(condition, 'bool', at).expression);
  return { kind: 'builtin', name, arguments: values, type: concrete(of, shape.size), at };
};

/** Type `clamp(x, low, high)`. Constant limits must be in order, whether x is constant or not. */
const clamp: Check = (name, operands, at) => {
  const [, low, high] = operands;
  if (low?.kind === 'constant' && high?.kind === 'constant') {
    const limits = scalarsOf(high);
    if (scalarsOf(low).some((value, i) => value > (limits[i] ?? value)))
      fail(at, 'clamp has a lower limit above the upper one');
  }
  return componentwise(NUMBERS, 3)(name, operands, at);
};

/** `any` and `all`: of a vector of bool, or one bool, which they return. */
const quantifier: Check = (name, operands, at) => {
  expectCount(name, operands, 1, at);
  const [operand] = operands;
  if (!operand || numericShape(operand, at).of !== 'bool') return mismatch(name, operands, at);
  if (operand.type === BOOL) return operand;
  if (operand.kind === 'constant') {
    const scalars = scalarsOf(operand);
    const value = name === 'any' ? scalars.some(Boolean) : scalars.every(Boolean);
    return { kind: 'constant', type: BOOL, value };
  }
  return {
    kind: 'builtin',
    name,
    arguments: [toElements(operand, 'bool', at).expression],
    type: BOOL,
    at,
  };
};

/** Type `refract(e, normal, ratio)`. */
const refract: Check = (name, operands, at) => {
  expectCount(name, operands, 3, at);
  const [e, normal, ratio] = operands;
  if (!e || !normal || !ratio) return mismatch(name, operands, at);
  const vectors = vectorwise(2)(name, [e, normal], at);
  if (vectors.kind !== 'builtin') return mismatch(name, operands, at);
  return { ...vectors, arguments: [...vectors.arguments, toExpressionOf(ratio, F32, at)] };
};

/** Type `ldexp(x, n)`: a float and an integer, or vectors of them. */
const ldexp: Check = (name, operands, at) => {
  expectCount(name, operands, 2, at);
  const [x, n] = operands;
  if (!x || !n) return mismatch(name, operands, at);
  const [{ of, size }, exponent] = [numericShape(x, at), numericShape(n, at)];
  if (!elementFor(of, FLOATS) || concreteElement(exponent.of) !== 'i32' || exponent.size !== size)
    return mismatch(name, operands, at);
  const values = [toElements(x, 'f32', at).expression, toElements(n, 'i32', at).expression];
  return { kind: 'builtin', name, arguments: values, type: concrete('f32', size), at };
};

/** Type `mix(a, b, t)`: `t` may be a scalar. */
const mix: Check = (name, operands, at) => {
  const [a, b, t] = operands;
  if (operands.length === 3 && a && b && t && numericShape(t, at).size === 1) {
    const { of, size } = commonShape(name, [a, b], at);
    if (size > 1 && elementFor(of, FLOATS)) {
      const values = [a, b, t].map((operand) => toElements(operand, 'f32', at).expression);
      const last = values.pop() ?? mismatch(name, operands, at);
      const type = concrete('f32', size);
      if (type.kind !== 'vector') return mismatch(name, operands, at);
      values.push({ kind: 'splat', of: last, type });
      return { kind: 'builtin', name, arguments: values, type, at };
    }
  }
  return componentwise(FLOATS, 3)(name, operands, at);
};

/** `extractBits` and `insertBits`: values of one integer type, then offset and count. */
function bitField(values: number): Check {
  return (name, operands, at) => {
    expectCount(name, operands, values + 2, at);
    const fields = operands.slice(0, values);
    const { of, size } = commonShape(name, fields, at);
    const element = concreteElement(of);
    if (!INTEGERS.includes(element)) return mismatch(name, operands, at);
    return {
      kind: 'builtin',
      name,
      arguments: [
        ...fields.map((operand) => toElements(operand, element, at).expression),
        ...operands.slice(values).map((operand) => toExpressionOf(operand, U32, at)),
      ],
      type: concrete(element, size),
      at,
    };
  };
}

const BUILTINS: ReadonlyMap<string, Check> = new Map([
  ...entries('exp exp2 log log2 sqrt inverseSqrt sin cos tan asin acos atan', componentwise(FLOATS, 1)),
  ...entries('sinh cosh tanh asinh acosh atanh', componentwise(FLOATS, 1)),
  ...entries(
    'floor ceil round trunc fract saturate degrees radians quantizeToF16 frexp modf',
    componentwise(FLOATS, 1),
  ),
  ...entries('pow step atan2', componentwise(FLOATS, 2)),
  ...entries('fma smoothstep', componentwise(FLOATS, 3)),
  ...entries('mix', mix),
  ...entries('sign', componentwise(['f32', 'i32'], 1)),
  ...entries('abs', componentwise(NUMBERS, 1)),
  ...entries('min max', componentwise(NUMBERS, 2)),
  ...entries('clamp', clamp),
  ...entries('countOneBits countLeadingZeros countTrailingZeros reverseBits', componentwise(INTEGERS, 1)),
  ...entries('firstLeadingBit firstTrailingBit', componentwise(INTEGERS, 1)),
  ...entries('extractBits', bitField(1)),
  ...entries('insertBits', bitField(2)),
  ...entries('select', select),
  ...entries('any all', quantifier),
  ...entries('dot', reduction(NUMBERS, 2, false)),
  ...entries('length', reduction(FLOATS, 1, true)),
  ...entries('distance', reduction(FLOATS, 2, true)),
  ...entries('ldexp', ldexp),
  ...entries('normalize', vectorwise(1)),
  ...entries('reflect', vectorwise(2)),
  ...entries('faceForward', vectorwise(3)),
  ...entries('cross', vectorwise(2, 3)),
  ...entries('refract', refract),
  ...entries('pack2x16float pack2x16snorm pack2x16unorm', typed([vector('f32', 2)], U32)),
  ...entries('pack4x8snorm pack4x8unorm', typed([vector('f32', 4)], U32)),
  ...entries('pack4xI8 pack4xI8Clamp', typed([vector('i32', 4)], U32)),
  ...entries('pack4xU8 pack4xU8Clamp', typed([vector('u32', 4)], U32)),
  ...entries('unpack2x16float unpack2x16snorm unpack2x16unorm', typed([U32], vector('f32', 2))),
  ...entries('unpack4x8snorm unpack4x8unorm', typed([U32], vector('f32', 4))),
  ...entries('unpack4xI8', typed([U32], vector('i32', 4))),
  ...entries('unpack4xU8', typed([U32], vector('u32', 4))),
  ...entries('dot4U8Packed', typed([U32, U32], U32)),
  ...entries('dot4I8Packed', typed([U32, U32], I32)),
]);

/** Type a builtin of values. Returns undefined if there is no such builtin. */
export function builtin(name: string, operands: readonly Operand[], at: Place): Operand | undefined {
  return (BUILTINS.get(name) ?? SUBGROUP_BUILTINS.get(name))?.(name, operands, at);
}
