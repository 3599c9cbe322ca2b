/** Signatures that several builtin functions have: each checks the arguments of a call and types it. */
import type { ScalarConstant } from './constants.ts';
import { fail } from './error.ts';
import { EXACT } from './exactBuiltins.ts';
import {
  commonElement,
  concreteElement,
  constantOf,
  convertElements,
  numericShape,
  type Operand,
  scalarsOf,
  toElements,
  toExpressionOf,
  typeOf,
} from './operand.ts';
import type { Expression, Place, ScalarName, ScalarType, Type, VectorType } from './tree.ts';
import { concrete, type ElementName, type Shape, scalar, typeName } from './types.ts';

/** Check the arguments of builtin `name` and return the call, or its value if it is constant. */
export type Check = (name: string, operands: readonly Operand[], at: Place) => Operand;

export const FLOATS: readonly ScalarName[] = ['f32'];
export const INTEGERS: readonly ScalarName[] = ['i32', 'u32'];
export const NUMBERS: readonly ScalarName[] = ['f32', 'i32', 'u32'];

/** Return the common shape of operands that all have one type, or could have it. */
export function commonShape(name: string, operands: readonly Operand[], at: Place): Shape {
  const [first, ...others] = operands.map((operand) => numericShape(operand, at));
  if (!first) return fail(at, `${name} takes a value`);
  let of: ElementName | undefined = first.of;
  for (const other of others) of = of && other.size === first.size ? commonElement(of, other.of) : undefined;
  return of ? { of, size: first.size } : mismatch(name, operands, at);
}

/** Throw a `WgslError`: the builtin has no overload for these operands. */
export function mismatch(name: string, operands: readonly Operand[], at: Place): never {
  const types = operands.map((operand) => typeName(typeOf(operand, at)));
  return fail(at, `no builtin ${name}(${types.join(', ')})`);
}

/** Throw a `WgslError` if a call has another number of arguments. */
export function expectCount(name: string, operands: readonly Operand[], count: number, at: Place): void {
  if (operands.length !== count) fail(at, `${name} takes ${count} values, found ${operands.length}`);
}

/** Return the element that a builtin for `elements` works on: an abstract int becomes a float where there is no integer. */
export function elementFor(of: ElementName, elements: readonly ScalarName[]): ElementName | undefined {
  if (of === 'abstract int' && !elements.includes('i32')) return 'abstract float';
  return elements.includes(concreteElement(of)) ? of : undefined;
}

/** A builtin of `count` values of one type, component by component. */
export function componentwise(elements: readonly ScalarName[], count: number): Check {
  return (name, operands, at) => {
    expectCount(name, operands, count, at);
    const { of: common, size } = commonShape(name, operands, at);
    const of = elementFor(common, elements) ?? mismatch(name, operands, at);
    const converted = operands.map((operand) => convertElements(operand, of, at));
    const constant = evaluate(name, { of, size }, converted, at);
    if (constant) return constant;
    const element = concreteElement(of);
    const values = converted.map((operand) => toElements(operand, element, at).expression);
    return { kind: 'builtin', name, arguments: values, type: concrete(element, size), at };
  };
}

/** Evaluate a componentwise builtin of constants. Undefined if it is not exact, or an operand is no constant. */
function evaluate(name: string, shape: Shape, operands: readonly Operand[], at: Place): Operand | undefined {
  const exact = EXACT.get(name);
  if (!exact) return undefined;
  const columns: (readonly ScalarConstant[])[] = [];
  for (const operand of operands) {
    if (operand.kind !== 'constant') return undefined;
    columns.push(scalarsOf(operand));
  }
  const scalars = Array.from({ length: shape.size }, (_, i) => {
    const values = columns.map((column) => column[i] ?? 0);
    const value = exact(shape.of, values);
    return Number.isNaN(value) ? fail(at, `${name} of ${values.join(', ')} is undefined`) : value;
  });
  return constantOf(shape, scalars);
}

/** A builtin of `count` vectors of one type that returns a scalar of their elements. */
export function reduction(elements: readonly ScalarName[], count: number, scalarsToo: boolean): Check {
  return (name, operands, at) => {
    expectCount(name, operands, count, at);
    const { of: common, size } = commonShape(name, operands, at);
    const of = elementFor(common, elements);
    if (!of || (size === 1 && !scalarsToo)) return mismatch(name, operands, at);
    const element = concreteElement(of);
    const values = operands.map((operand) => toElements(operand, element, at).expression);
    return { kind: 'builtin', name, arguments: values, type: scalar(element), at };
  };
}

/** A builtin of `count` vectors of f32, of any size or of `size`, that returns one. */
export function vectorwise(count: number, size?: number): Check {
  return (name, operands, at) => {
    expectCount(name, operands, count, at);
    const found = commonShape(name, operands, at).size;
    if (found === 1 || found !== (size ?? found)) return mismatch(name, operands, at);
    return componentwise(FLOATS, count)(name, operands, at);
  };
}

/** A builtin of given types. */
export function typed(parameters: readonly Type[], type: ScalarType | VectorType): Check {
  return (name, operands, at) => {
    expectCount(name, operands, parameters.length, at);
    const values: Expression[] = parameters.map((parameter, i) => {
      const operand = operands[i];
      return operand ? toExpressionOf(operand, parameter, at) : mismatch(name, operands, at);
    });
    return { kind: 'builtin', name, arguments: values, type, at };
  };
}

/** Give several builtins one signature. `names` has blanks between them. */
export const entries = (names: string, check: Check): readonly (readonly [string, Check])[] =>
  names.split(/\s+/).map((name) => [name, check] as const);
