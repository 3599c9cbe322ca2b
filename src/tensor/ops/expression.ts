/**
 * Make an op from one row of a table: the value and the gradient of every operand as WGSL expressions of the operands `a`,
 * `b`, `c` (numbers among them become `params.s`, then `params.t`), the result `y` and its gradient `dy`.
 * Operands broadcast as in NumPy; their gradients are summed back to their shapes.
 */
import { ShapeError } from '../../base/errors.ts';
import { type Scalar, scalarValue } from '../../gpu/kernel.ts';
import { type ElementType, elementwise, MAX_RANK } from '../../kernels/elementwise.ts';
import { differentiable } from '../autograd.ts';
import { CONDITIONS, expectOperands, FLOATS } from '../operands.ts';
import { type DType, type Shape, showShape, Tensor } from '../tensor.ts';
import { traceOp } from '../trace.ts';
import { checkedScalar } from '../values.ts';
import { sumTo } from './reduce.ts';

/** An operand: a tensor, or a number (a function is evaluated again in every replay). */
export type Operand = Tensor | Scalar;

export interface Row {
  readonly value: string;
  /** Value expression for i32 and u32, if it differs. */
  readonly integerValue?: string;
  /** Gradient expression of each operand, for f32; undefined for no gradient. */
  readonly gradients?: readonly (string | undefined)[];
  /** Allowed dtypes of the operands. Default: only f32. */
  readonly dtypes?: readonly DType[];
  /** Indices of operands that are conditions: bool, whatever the dtype of the others. */
  readonly conditions?: readonly number[];
  /** True if operands may have different dtypes; `T` is that of the first. */
  readonly mixed?: boolean;
  /** Names of the operands. Default: x, or a and b. */
  readonly names?: readonly string[];
  /** Dtype of the result, for comparisons. Default: that of the operands. */
  readonly result?: 'bool';
}

const NAMES = ['a', 'b', 'c'] as const;

/** Scalars of a row, for ops whose numbers are options, not operands. */
interface Scalars {
  readonly s?: Scalar | undefined;
  readonly t?: Scalar | undefined;
}

export function applyRow(
  name: string,
  row: Row,
  operands: readonly Operand[],
  scalars: Scalars = {},
): Tensor {
  const dtype = commonDtype(name, row, operands);
  const tensors = operands.filter((operand) => operand instanceof Tensor);
  const [first] = tensors;
  if (!first) throw new ShapeError(name, 'no operand is a tensor', 'give at least one tensor');
  const { device } = first;
  const numbers = operands.filter((operand): operand is Scalar => !(operand instanceof Tensor));
  const values = checkedScalars(name, dtype, { s: numbers[0], t: numbers[1], ...scalars });
  const traced = traceOp(operands, row, values);
  if (traced) return traced;
  const named = Object.fromEntries(operands.map((operand, i) => [NAMES[i], operand]));
  const call = (expression: string, more: Readonly<Record<string, Tensor>> = {}) =>
    operandCall(expression, { ...named, ...more });

  const result = row.result ?? dtype;
  const shape = tensors.map((tensor) => tensor.shape).reduce((a, b) => broadcastShapes(name, a, b));
  const y = Tensor.empty(device, shape, result);
  const value = dtype === 'f32' ? row.value : (row.integerValue ?? row.value);
  elementwise(device, ...call(value), y.view, shape, { ...values, result });

  const { gradients } = row;
  if (!gradients || dtype !== 'f32') return y;
  differentiable(name, tensors, y, (dy) =>
    operands.flatMap((operand, i) => {
      if (!(operand instanceof Tensor)) return [];
      const expression = gradients[i];
      if (expression === undefined || !operand.requiresGrad) return [undefined];
      if (expression === 'dy') return [sumTo(dy, operand.shape)];
      const gradient = Tensor.empty(device, shape);
      elementwise(device, ...call(expression, { y, dy }), gradient.view, shape, values);
      return [sumTo(gradient, operand.shape)];
    }),
  );
  return y;
}

/** Check the operands. Return the dtype of those that are not conditions; f32 if all are numbers. */
function commonDtype(name: string, row: Row, operands: readonly Operand[]): ElementType {
  const {
    dtypes = FLOATS,
    conditions = [],
    mixed = false,
    names = operands.length === 1 ? ['x'] : NAMES,
  } = row;
  expectOperands(
    name,
    Object.fromEntries(
      operands.flatMap((operand, i) => {
        const condition = conditions.includes(i);
        const isNumber = typeof operand === 'number' || typeof operand === 'function';
        if (isNumber && !condition && operands.length > 1) return [];
        return [[names[i], [operand as Tensor, condition ? CONDITIONS : dtypes]]];
      }),
    ),
  );
  let common: DType | undefined;
  for (const [i, operand] of operands.entries()) {
    if (conditions.includes(i) || !(operand instanceof Tensor)) continue;
    const { dtype } = operand;
    if (common !== undefined && common !== dtype && !mixed) {
      throw new ShapeError(
        name,
        `the operands have dtypes ${common} and ${dtype}`,
        `cast one of them, e.g. cast(x, '${common}')`,
      );
    }
    common ??= dtype;
  }
  return (common ?? 'f32') as ElementType;
}

/** Return the given scalars. With integer tensors they must be integers in the range of the dtype. */
function checkedScalars(name: string, dtype: ElementType, { s, t }: Scalars) {
  const checked = (scalar: Scalar): Scalar => {
    if (dtype !== 'bool') return checkedScalar(name, '', scalar, dtype);
    throw new ShapeError(name, `${scalarValue(scalar)} meets a bool tensor`, "cast(x, 'f32') first");
  };
  return { ...(s === undefined ? {} : { s: checked(s) }), ...(t === undefined ? {} : { t: checked(t) }) };
}

/** @throws ShapeError, that of `refuse` if it is given, for shapes that do not broadcast. */
export function broadcastShapes(name: string, a: Shape, b: Shape, refuse?: () => never): Shape {
  const rank = Math.max(a.length, b.length);
  if (rank > MAX_RANK)
    throw new ShapeError(name, `rank ${rank} exceeds ${MAX_RANK}`, 'reshape to fewer dimensions');
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      refuse?.();
      const fix = 'make the sizes equal or 1, counted from the last dimension';
      throw new ShapeError(name, `shapes ${showShape(a)} and ${showShape(b)} do not broadcast`, fix);
    }
    return x === 1 ? y : x;
  });
}

/**
 * Rename the operands of an expression for the kernel: tensors to its operands, in a fixed order so that equal expressions
 * share a kernel, and numbers to its scalars.
 */
function operandCall(
  expression: string,
  operands: Readonly<Record<string, Operand | undefined>>,
): [string, Tensor[]] {
  const tensors: Tensor[] = [];
  const renamed = new Map<string, string>();
  let numbers = 0;
  for (const name of [...NAMES, 'y', 'dy']) {
    const operand = operands[name];
    if (operand === undefined) continue;
    const isTensor = operand instanceof Tensor;
    const number = isTensor ? undefined : `params.${'st'[numbers++]}`;
    if (!new RegExp(`\\b${name}\\b`).test(expression)) continue;
    renamed.set(name, number === undefined ? ('abcd'[tensors.length] as string) : `T(${number})`);
    if (isTensor) tensors.push(operand);
  }
  return [expression.replace(/\b(?:a|b|c|y|dy)\b/g, (name) => renamed.get(name) ?? name), tensors];
}
