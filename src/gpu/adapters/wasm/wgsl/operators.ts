/** Overloads of the operators (WGSL sections 8.6 to 8.9). Constants are evaluated. */
import { divisionByZero, evaluateBinary, evaluateUnary } from './constants.ts';
import { fail } from './error.ts';
import {
  type Constant,
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
import type { BinaryOperator, Expression, Place } from './tree.ts';
import { BOOL, concrete, type ElementName, type Shape, type Size, typeName, vector } from './types.ts';

const COMPARISONS: ReadonlySet<BinaryOperator> = new Set<BinaryOperator>(['==', '!=', '<', '<=', '>', '>=']);
const SHIFTS: ReadonlySet<BinaryOperator> = new Set<BinaryOperator>(['<<', '>>']);
const BITWISE: ReadonlySet<BinaryOperator> = new Set<BinaryOperator>(['&', '|', '^']);
/** Bits of an integer; a shift by a constant is smaller. */
const BITS = 32;

/** Type `left operator right`. */
export function binary(operator: BinaryOperator, left: Operand, right: Operand, at: Place): Operand {
  if (SHIFTS.has(operator)) return shift(operator, left, right, at);
  const [a, b] = [numericShape(left, at), numericShape(right, at)];
  const of = commonElement(a.of, b.of);
  const size = commonSize(operator, a.size, b.size);
  if (!of || !size || !takes(operator, of)) mismatch(operator, left, right, at);
  if (left.kind === 'constant' && right.kind === 'constant')
    return evaluate(operator, of, size, left, right, at);
  return binaryExpression(operator, left, right, { of, size }, at);
}

/** Return the size of an operation's operands; undefined if these do not go together. Arithmetic splats a scalar. */
function commonSize(operator: BinaryOperator, a: Size, b: Size): Size | undefined {
  if (a === b) return a;
  if (BITWISE.has(operator) || COMPARISONS.has(operator)) return undefined;
  if (a === 1) return b;
  return b === 1 ? a : undefined;
}

/** Return true if the operator has an overload for these elements. */
function takes(operator: BinaryOperator, of: ElementName): boolean {
  if (of === 'bool') return ['==', '!=', '&', '|'].includes(operator);
  return !BITWISE.has(operator) || isInteger(of);
}

const isInteger = (of: ElementName): boolean => of === 'i32' || of === 'u32' || of === 'abstract int';

function mismatch(operator: string, left: Operand, right: Operand, at: Place): never {
  const [a, b] = [typeName(typeOf(left, at)), typeName(typeOf(right, at))];
  return fail(at, `no operator ${a} ${operator} ${b}; convert one of them`);
}

function evaluate(
  operator: BinaryOperator,
  of: ElementName,
  size: Size,
  left: Constant,
  right: Constant,
  at: Place,
): Constant {
  const [a, b] = [left, right].map((side) => constantScalars(convertElements(side, of, at), size));
  const scalars = a?.map((value, i) => evaluateBinary(operator, of, value, b?.[i] ?? 0, at)) ?? [];
  return constantOf({ of: COMPARISONS.has(operator) ? 'bool' : of, size }, scalars);
}

/** Return the scalars of a constant; one scalar as often as a vector of `size` has components. */
function constantScalars(operand: Operand, size: Size): ReturnType<typeof scalarsOf> {
  if (operand.kind !== 'constant') throw new TypeError('only constants have scalars');
  const scalars = scalarsOf(operand);
  return scalars.length === size ? scalars : new Array(size).fill(scalars[0]);
}

function binaryExpression(
  operator: BinaryOperator,
  left: Operand,
  right: Operand,
  { of, size }: Shape,
  at: Place,
): Expression {
  const element = concreteElement(of);
  const divides = operator === '/' || operator === '%';
  if (divides && isInteger(of) && right.kind === 'constant' && scalarsOf(right).some((x) => Number(x) === 0))
    divisionByZero(at);
  const [a, b] = [left, right].map((side) => splat(toElements(side, element, at).expression, size));
  if (!a || !b) throw new TypeError('a binary operator has two operands');
  const type = concrete(COMPARISONS.has(operator) ? 'bool' : element, size);
  return { kind: 'binary', operator, left: a, right: b, type, at };
}

/** Return the scalar in all components of a vector; a vector as it is. */
export function splat(of: Expression, size: Size): Expression {
  if (of.type?.kind !== 'scalar' || size === 1) return of;
  return { kind: 'splat', of, type: vector(of.type.of, size) };
}

/** Type a shift. The number of bits is u32. */
function shift(operator: BinaryOperator, left: Operand, right: Operand, at: Place): Operand {
  const [a, b] = [numericShape(left, at), numericShape(right, at)];
  if (!isInteger(a.of) || a.size !== b.size || !['u32', 'abstract int'].includes(b.of))
    mismatch(operator, left, right, at);
  const bits = convertElements(right, 'u32', at);
  if (bits.kind === 'constant') {
    const counts = scalarsOf(bits).map(Number);
    const constant = left.kind === 'constant';
    const most = constant && a.of === 'abstract int' ? 2 * BITS : BITS;
    if (counts.some((count) => count >= most)) fail(at, `a shift by ${most} bits or more`);
    if (constant)
      return constantOf(
        a,
        scalarsOf(left).map((x, i) => evaluateBinary(operator, a.of, x, counts[i] ?? 0, at)),
      );
  }
  const { expression, type } = toElements(left, concreteElement(a.of), at);
  return {
    kind: 'binary',
    operator,
    left: expression,
    right: toElements(bits, 'u32', at).expression,
    type,
    at,
  };
}

/** Type `&&` or `||`. */
export function logical(operator: '&&' | '||', left: Operand, right: Operand, at: Place): Operand {
  if (typeOf(left, at) !== BOOL || typeOf(right, at) !== BOOL) mismatch(operator, left, right, at);
  if (left.kind === 'constant' && right.kind === 'constant') {
    const value = operator === '&&' ? left.value && right.value : left.value || right.value;
    return { kind: 'constant', type: BOOL, value };
  }
  const [a, b] = [toExpressionOf(left, BOOL, at), toExpressionOf(right, BOOL, at)];
  return { kind: 'logical', operator, left: a, right: b, type: BOOL };
}

const UNARY_TAKES: Readonly<Record<'-' | '!' | '~', readonly ElementName[]>> = {
  '-': ['f32', 'i32', 'abstract int', 'abstract float'],
  '!': ['bool'],
  '~': ['i32', 'u32', 'abstract int'],
};

/** Type `-x`, `!x` or `~x`. */
export function unary(operator: '-' | '!' | '~', operand: Operand, at: Place): Operand {
  const shape = numericShape(operand, at);
  if (!UNARY_TAKES[operator].includes(shape.of))
    fail(at, `no operator ${operator}${typeName(typeOf(operand, at))}`);
  if (operand.kind === 'constant') {
    const scalars = scalarsOf(operand).map((value) => evaluateUnary(operator, shape.of, value, at));
    return constantOf(shape, scalars);
  }
  const { expression, type } = toElements(operand, concreteElement(shape.of), at);
  return { kind: 'unary', operator, of: expression, type };
}
