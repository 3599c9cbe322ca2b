/**
 * Elementwise ops, one row each: the value and the gradient of every operand as WGSL expressions of the operands
 * `a`, `b`, the result `y`, its gradient `dy` and the scalars `params.s`, `params.t`. Operands broadcast as in NumPy;
 * their gradients are summed back to their shapes. A number in the place of an operand is passed as a scalar.
 * Gradients at ties and borders follow PyTorch.
 */
import { ShapeError } from '../../errors.ts';
import type { Scalar } from '../../gpu/kernel.ts';
import { elementwise, MAX_RANK } from '../../kernels/elementwise.ts';
import { differentiable } from '../autograd.ts';
import { type Shape, showShape, Tensor } from '../tensor.ts';
import { sumTo } from './reduce.ts';

interface Row {
  readonly value: string;
  /** Gradient expression of each operand; undefined for none. */
  readonly gradients: readonly (string | undefined)[];
}

const TABLE = {
  add: { value: 'a + b', gradients: ['dy', 'dy'] },
  sub: { value: 'a - b', gradients: ['dy', '-dy'] },
  mul: { value: 'a * b', gradients: ['dy * b', 'dy * a'] },
  div: { value: 'a / b', gradients: ['dy / b', '-dy * a / (b * b)'] },
  minimum: {
    value: 'min(a, b)',
    gradients: [
      'dy * (select(T(0.0), T(0.5), a <= b) + select(T(0.0), T(0.5), a < b))',
      'dy * (select(T(0.0), T(0.5), b <= a) + select(T(0.0), T(0.5), b < a))',
    ],
  },
  maximum: {
    value: 'max(a, b)',
    gradients: [
      'dy * (select(T(0.0), T(0.5), a >= b) + select(T(0.0), T(0.5), a > b))',
      'dy * (select(T(0.0), T(0.5), b >= a) + select(T(0.0), T(0.5), b > a))',
    ],
  },
  lessThan: { value: 'select(T(0.0), T(1.0), a < b)', gradients: [undefined, undefined] },
  greaterThan: { value: 'select(T(0.0), T(1.0), a > b)', gradients: [undefined, undefined] },
  neg: { value: '-a', gradients: ['-dy'] },
  exp: { value: 'exp(a)', gradients: ['dy * y'] },
  log: { value: 'log(a)', gradients: ['dy / a'] },
  abs: { value: 'abs(a)', gradients: ['dy * sign(a)'] },
  square: { value: 'a * a', gradients: ['2.0 * dy * a'] },
  gelu: { value: 'gelu(a)', gradients: ['dy * geluDerivative(a)'] },
  clamp: {
    value: 'clamp(a, T(params.s), T(params.t))',
    gradients: ['select(T(0.0), dy, (a >= T(params.s)) & (a <= T(params.t)))'],
  },
} as const satisfies Record<string, Row>;

function broadcastShapes(name: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const shape = Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new ShapeError(
        name,
        `shapes ${showShape(a)} and ${showShape(b)} do not broadcast`,
        'make the sizes equal or 1, counted from the last dimension',
      );
    }
    return x === 1 ? y : x;
  });
  if (rank > MAX_RANK)
    throw new ShapeError(name, `rank ${rank} exceeds ${MAX_RANK}`, 'reshape to fewer dimensions');
  return shape;
}

/** What a binary op takes: a tensor, or a number (a function is called anew in every replay of a captured step). */
export type Operand = Tensor | Scalar;

interface Scalars {
  readonly s?: Scalar;
  readonly t?: Scalar;
}

function apply(name: keyof typeof TABLE, operands: readonly Operand[], scalars: Scalars = {}): Tensor {
  const row: Row = TABLE[name];
  const tensors = operands.filter((operand) => operand instanceof Tensor);
  const [first] = tensors;
  if (!first) throw new ShapeError(name, 'no operand is a tensor', 'give at least one tensor');
  for (const { dtype } of tensors) {
    if (dtype !== 'f32')
      throw new ShapeError(name, `an operand has dtype ${dtype}`, 'elementwise ops take f32');
  }
  const [a, b] = operands.map((operand) => (operand instanceof Tensor ? operand : undefined));
  const number = operands.find((operand) => !(operand instanceof Tensor)) as Scalar | undefined;
  const values = number === undefined ? scalars : { s: number };
  const call = (expression: string, more: Readonly<Record<string, Tensor>> = {}) =>
    operandCall(numberAsScalar(expression, operands), { a, b, ...more });
  const y = Tensor.empty(first.device, a && b ? broadcastShapes(name, a.shape, b.shape) : first.shape);
  elementwise(first.device, ...call(row.value), y.view, y.shape, values);
  differentiable(name, tensors, [y], ([dy]) => {
    if (!dy) return [];
    return operands.flatMap((operand, i) => {
      if (!(operand instanceof Tensor)) return [];
      const expression = row.gradients[i];
      if (expression === undefined || !operand.requiresGrad) return [undefined];
      if (expression === 'dy') return [sumTo(dy, operand.shape)];
      const gradient = Tensor.empty(dy.device, y.shape);
      elementwise(dy.device, ...call(expression, { y, dy }), gradient.view, y.shape, values);
      return [sumTo(gradient, operand.shape)];
    });
  });
  return y;
}

/** The expression with `params.s` in the place of the operand that is a number. */
function numberAsScalar(expression: string, operands: readonly Operand[]): string {
  const at = operands.findIndex((operand) => !(operand instanceof Tensor));
  return at < 0 ? expression : expression.replace(new RegExp(`\\b${'ab'[at]}\\b`, 'g'), 'T(params.s)');
}

/** Renames the tensors an expression mentions to the operand names of the kernel, in a fixed order. */
function operandCall(
  expression: string,
  tensors: Readonly<Record<string, Tensor | undefined>>,
): [string, Tensor[]] {
  const used = (['a', 'b', 'y', 'dy'] as const).filter((name) =>
    new RegExp(`\\b${name}\\b`).test(expression),
  );
  const renamed = expression.replace(
    /\b(a|b|y|dy)\b/g,
    (name) => 'abcd'[used.indexOf(name as 'a')] as string,
  );
  return [renamed, used.flatMap((name) => tensors[name] ?? [])];
}

const binary = (name: keyof typeof TABLE) => (a: Operand, b: Operand) => apply(name, [a, b]);
const unary = (name: keyof typeof TABLE) => (a: Tensor) => apply(name, [a]);

export const add = binary('add');
export const sub = binary('sub');
export const mul = binary('mul');
export const div = binary('div');
export const minimum = binary('minimum');
export const maximum = binary('maximum');
/** 1 where a < b, else 0; no gradient. */
export const lessThan = binary('lessThan');
/** 1 where a > b, else 0; no gradient. */
export const greaterThan = binary('greaterThan');
export const neg = unary('neg');
export const exp = unary('exp');
export const log = unary('log');
export const abs = unary('abs');
export const square = unary('square');
/** Exact GELU, x·Φ(x). */
export const gelu = unary('gelu');
/** Limits values to [low, high]; the gradient is 1 inside and at the borders, 0 outside. */
export const clamp = (a: Tensor, low: number, high: number): Tensor =>
  apply('clamp', [a], { s: low, t: high });
