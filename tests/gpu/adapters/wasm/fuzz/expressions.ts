/** Evaluation of expressions and references, left to right. */

import { binary, bitcast, builtin, convert, dot, type ScalarValue, unary } from './arithmetic.ts';
import {
  ConstantError,
  checkBinary,
  checkConvert,
  checkFinite,
  checkRight,
  typedAbstract,
} from './constants.ts';
import { itemOf, type Value, zeroOf } from './layout.ts';
import {
  type Expression,
  isConstant,
  type Procedure,
  type Reference,
  type Type,
  type Variable,
} from './program.ts';

/** A place in memory: a variable, and the items that lead from it to the place. */
export interface Address {
  readonly variable: Variable;
  readonly path: readonly number[];
}

/** The part of an invocation that expressions need. */
export interface Context {
  /** Return the value at an address. */
  load(address: Address): Value;
  /** Return the number of items at an address, of which none is read. */
  length(address: Address): number;
  /** Called when an index is out of range. */
  outOfRange?(): void;
  /** Run a function and return its value. */
  call(procedure: Procedure, values: readonly Value[]): Value;
}

type Of<Kind extends Expression['kind']> = Extract<Expression, { kind: Kind }>;

const scalarsOf = (of: Value): readonly ScalarValue[] =>
  typeof of === 'object' ? of.map((item) => item as ScalarValue) : [of];

const componentsOf = (type: Type): number => (type.kind === 'value' ? type.size : 0);
const scalarName = (type: Type) => {
  if (type.kind !== 'value') throw new TypeError(`${type.kind} is neither scalar nor vector`);
  return type.of;
};

/** Apply `f` to each component; scalars beside vectors count for all of them. */
function componentwise(values: readonly Value[], f: (...scalars: ScalarValue[]) => ScalarValue): Value {
  const size = Math.max(...values.map((of) => (typeof of === 'object' ? of.length : 1)));
  const item = (of: Value, i: number): ScalarValue => (typeof of === 'object' ? (of[i] as ScalarValue) : of);
  const apply = (i: number): ScalarValue => f(...values.map((of) => item(of, i)));
  return values.some((of) => typeof of === 'object')
    ? Array.from({ length: size }, (_, i) => apply(i))
    : apply(0);
}

/** Evaluate an expression. */
export function evaluate(expression: Expression, context: Context): Value {
  const result = compute(expression, context);
  if (expression.kind !== 'literal' && scalarsWithErrors(expression.type) && isConstant(expression))
    for (const scalar of scalarsOf(result)) checkFinite(scalar);
  return result;
}

const scalarsWithErrors = (type: Type): boolean => type.kind === 'value' && type.of === 'f32';

function compute(expression: Expression, context: Context): Value {
  const value = (of: Expression): Value => evaluate(of, context);
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'abstract':
      return typedAbstract(expression.of, expression.type.of);
    case 'read':
      return context.load(addressOf(expression.from, context));
    case 'unary':
      return componentwise([value(expression.of)], (x) => unary(expression.operator, x, expression.type.of));
    case 'binary':
      return computeBinary(expression, context);
    case 'logical': {
      const left = value(expression.left);
      const decides = left === (expression.operator === '||');
      return decides ? left : value(expression.right);
    }
    case 'builtin':
      return computeBuiltin(expression, expression.arguments.map(value));
    case 'call':
      return context.call(expression.function, expression.arguments.map(value));
    case 'construct':
      return construct(expression.type, expression.parts.map(value));
    case 'convert':
    case 'bitcast':
      return computeConversion(expression, value(expression.of));
    case 'swizzle': {
      const of = value(expression.of);
      const [first] = expression.components;
      if (expression.type.size === 1) return itemOf(of, first);
      return expression.components.map((component) => itemOf(of, component));
    }
    case 'element': {
      const of = value(expression.of);
      const length = typeof of === 'object' ? of.length : 0;
      return itemOf(of, checkedIndex(length, expression.index, value(expression.index), context));
    }
    case 'arrayLength':
      return context.length(addressOf(expression.of, context));
  }
}

function computeBinary({ operator, left, right, type }: Of<'binary'>, context: Context): Value {
  const operands = [evaluate(left, context), evaluate(right, context)];
  const of = scalarName(left.type);
  const constant = isConstant(left) && isConstant(right);
  const constantRight = isConstant(right);
  const result = componentwise(operands, (a, b) => {
    if (constant) checkBinary(operator, a, b, of);
    else if (constantRight) checkRight(operator, b, of);
    return binary(operator, a, b, of);
  });
  if (type.size !== Math.max(componentsOf(left.type), componentsOf(right.type)))
    throw new TypeError(`a result of ${operator} with ${type.size} components`);
  return result;
}

function computeBuiltin({ name, arguments: given, type }: Of<'builtin'>, values: readonly Value[]): Value {
  switch (name) {
    case 'any':
      return scalarsOf(values[0]).some(Boolean);
    case 'all':
      return scalarsOf(values[0]).every(Boolean);
    case 'dot': {
      const [left, right] = values.map((of) => scalarsOf(of).map(Number));
      return dot(left, right, type.of);
    }
    case 'select':
      return componentwise(values, (no, yes, condition) => (condition ? yes : no));
    default: {
      const checked = name === 'clamp' && isConstant(given[1]) && isConstant(given[2]);
      return componentwise(values, (...scalars) => {
        if (checked && scalars[1] > scalars[2]) throw new ConstantError('constant limits in the wrong order');
        return builtin(name, scalars.map(Number), type.of);
      });
    }
  }
}

function computeConversion(expression: Of<'convert' | 'bitcast'>, of: Value): Value {
  const from = scalarName(expression.of.type);
  const to = expression.type.of;
  const constant = isConstant(expression.of);
  return componentwise([of], (x) => {
    if (expression.kind === 'bitcast') return bitcast(Number(x), from, to);
    if (constant) checkConvert(x, from, to);
    return convert(x, from, to);
  });
}

function construct(type: Type, parts: readonly Value[]): Value {
  if (parts.length === 0) return zeroOf(type);
  if (type.kind !== 'value') return parts;
  const scalars = parts.flatMap(scalarsOf);
  if (type.size === 1) return scalars[0];
  return scalars.length === 1 ? Array.from({ length: type.size }, () => scalars[0]) : scalars;
}

/** Return an index, or the last one for an index that is too large or negative. */
function checkedIndex(length: number, expression: Expression, index: Value, context: Context): number {
  const clamped = Math.min(Number(index) >>> 0, length - 1);
  if (clamped === index) return clamped;
  if (isConstant(expression)) throw new ConstantError('a constant index out of range');
  context.outOfRange?.();
  return clamped;
}

/** Find the place that a reference means now. */
export function addressOf(reference: Reference, context: Context): Address {
  if (reference.kind === 'variable') return { variable: reference.variable, path: [] };
  const { variable, path } = addressOf(reference.base, context);
  const at = (item: number): Address => ({ variable, path: [...path, item] });
  switch (reference.kind) {
    case 'member':
      return at(reference.member);
    case 'component':
      return at(reference.component);
    case 'index': {
      const index = evaluate(reference.index, context);
      return at(checkedIndex(context.length({ variable, path }), reference.index, index, context));
    }
  }
}

class ConstantContext implements Context {
  load({ variable, path }: Address): Value {
    if (variable.initial === undefined) throw new ConstantError(`${variable.name} is no constant`);
    return path.reduce<Value>(itemOf, constantValue(variable.initial));
  }

  length(address: Address): number {
    const of = this.load(address);
    return typeof of === 'object' ? of.length : 0;
  }

  call({ name }: Procedure): Value {
    throw new ConstantError(`${name} is called in a constant`);
  }
}

/** Compute a constant expression. @throws ConstantError if WGSL refuses it. */
export const constantValue = (expression: Expression): Value => evaluate(expression, new ConstantContext());

/** Return true if WGSL accepts the constants that an expression consists of, its right operands and limits included. */
export function hasValidConstants(expression: Expression): boolean {
  try {
    if (isConstant(expression)) constantValue(expression);
    else if (expression.kind === 'binary' && isConstant(expression.right)) checkRightOf(expression);
    else if (expression.kind === 'builtin' && expression.name === 'clamp') checkLimits(expression.arguments);
    return true;
  } catch (error) {
    if (error instanceof ConstantError) return false;
    throw error;
  }
}

function checkRightOf({ operator, left, right }: Of<'binary'>): void {
  const of = scalarName(left.type);
  for (const scalar of scalarsOf(constantValue(right))) checkRight(operator, scalar, of);
}

function checkLimits([, low, high]: readonly Expression[]): void {
  if (!isConstant(low) || !isConstant(high)) return;
  componentwise([constantValue(low), constantValue(high)], (least, most) => {
    if (least > most) throw new ConstantError('constant limits in the wrong order');
    return least;
  });
}
