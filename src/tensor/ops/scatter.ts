/**
 * Ops that write values to positions given by an index, u32 or i32, along an axis. x, index and source have the same rank;
 * the index is no larger than the source, nor than x along all other axes. One thread handles all values for a position, in
 * the order of the source, so the bits are reproducible. An index out of range is an error (see indices.ts), and writes
 * nothing.
 */
import { boolean, expectKind, expectOptions, type OptionKinds, oneOf } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import type { Scalar } from '../../gpu/kernel.ts';
import { lastSource, NO_SOURCE, scatter as scatterWords } from '../../kernels/indexing.ts';
import { differentiable } from '../autograd.ts';
import { expectIndices } from '../indices.ts';
import { expectOperands, INDICES, NUMBERS, WORDS } from '../operands.ts';
import { type DType, showShape, Tensor } from '../tensor.ts';
import { wrapAxis } from './axes.ts';
import { cast } from './cast.ts';
import { equal, logicalAnd, where } from './comparison.ts';
import { full, onesLike, zerosLike } from './creation.ts';
import { div, maximum, mul } from './elementwise.ts';
import { cutTo, lookUp, refuseLarger, sizeAlong } from './indexing.ts';
import { pad } from './movement.ts';

/** Index and source, padded to the sizes of x along all other axes; and the axis, counted from the front. */
interface Aligned {
  readonly along: number;
  readonly index: Tensor;
  readonly source: Tensor;
}

function aligned(
  name: string,
  x: Tensor,
  axis: number,
  index: Tensor,
  source: Tensor,
  dtypes: readonly DType[],
): Aligned {
  expectOperands(name, { x: [x, dtypes], index: [index, INDICES], source: [source, dtypes] });
  if (x.dtype !== source.dtype) {
    throw new ShapeError(
      name,
      `x ${showShape(x.shape)} ${x.dtype}, source ${showShape(source.shape)} ${source.dtype}`,
      `cast one of them: cast(source, '${x.dtype}')`,
    );
  }
  const along = wrapAxis(name, axis, x.shape);
  refuseLarger(name, index, source);
  refuseLarger(name, index, x, along);
  expectIndices(name, 'index', index, { size: x.shape[along] ?? 1 });
  const used = cutTo(source, index.shape);
  if (x.shape.every((n, i) => i === along || n === index.shape[i])) return { along, index, source: used };
  // Pad with an index out of range, which writes nothing.
  const missing = x.shape.map((n, i) => [0, i === along ? 0 : n - (index.shape[i] as number)] as const);
  return {
    along,
    index: pad(index, missing, index.dtype === 'i32' ? -1 : NO_SOURCE),
    source: pad(used, missing),
  };
}

/** Return the values of x, which has the shape of the result, at the index; 0 for an index out of range. */
const valuesAt = (x: Tensor, { along, index }: Aligned): Tensor =>
  lookUp('gather', x, index, { axis: along, shared: false, missing: 0 });

/**
 * Add the source to x at the index: y[…,index[…,k,…],…] += source[…,k,…] at `axis`. x is f32, i32 or u32. The index is sorted
 * along the axis; then one thread adds all values for a position.
 */
export function scatterAdd(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  return added(x, aligned('scatterAdd', x, axis, index, source, NUMBERS));
}

function added(x: Tensor, operands: Aligned): Tensor {
  const y = combined(x, operands, 'add');
  differentiable('scatterAdd', [x, operands.source], y, (dy) => [
    dy,
    operands.source.requiresGrad ? valuesAt(dy, operands) : undefined,
  ]);
  return y;
}

/** Dispatch the kernel that combines x and the source. */
function combined(
  x: Tensor,
  { along, index, source }: Aligned,
  name: 'add' | 'multiply' | 'max' | 'min',
): Tensor {
  const { device, dtype } = x;
  const y = Tensor.empty(device, x.shape, dtype);
  const views = { x: x.view, index: index.view, source: source.view, y: y.view };
  const type = dtype === 'f32' || dtype === 'i32' ? dtype : 'u32';
  scatterWords(device, name, views, sizeAlong(x.shape, along, index, false), type);
  return y;
}

/**
 * Write the source to x at the index: y[…,index[…,k,…],…] = source[…,k,…] at `axis`. Of several values for one position, the
 * last is written and gets the gradient. The source may be a number.
 */
export function scatter(x: Tensor, axis: number, index: Tensor, source: Tensor | Scalar): Tensor {
  expectOperands('scatter', { x: [x, WORDS], index: [index, INDICES] });
  const values =
    source instanceof Tensor || (typeof source !== 'number' && typeof source !== 'function')
      ? source
      : full(x.device, index.shape, source, { dtype: x.dtype });
  const operands = aligned('scatter', x, axis, index, values, WORDS);
  const size = sizeAlong(x.shape, operands.along, operands.index, false);
  const winners = Tensor.empty(x.device, x.shape, 'u32');
  lastSource(x.device, operands.index.view, winners.view, size);
  const found = lookUp('scatter', operands.source, winners, {
    axis: operands.along,
    shared: false,
    missing: 0,
  });
  return where(equal(winners, NO_SOURCE), x, found);
}

/** Reduction of the values for one position. */
export type ScatterReduction = 'sum' | 'prod' | 'mean' | 'amax' | 'amin';

const REDUCTIONS: readonly ScatterReduction[] = ['sum', 'prod', 'mean', 'amax', 'amin'];

/** Options of `scatterReduce`. */
export interface ScatterReduceOptions {
  /** True if the value of x is included. Without other values it always stays. Default: true. */
  readonly includeSelf?: boolean;
}

const OPTIONS: OptionKinds<ScatterReduceOptions> = { includeSelf: boolean };

/**
 * Reduce x and the source at the index to their sum, product, mean, maximum or minimum, like `torch.scatter_reduce`. The mean
 * of integers is rounded down. Equal extremes share the gradient; NaN is an extreme.
 */
export function scatterReduce(
  x: Tensor,
  axis: number,
  index: Tensor,
  source: Tensor,
  reduce: ScatterReduction,
  options: ScatterReduceOptions = {},
): Tensor {
  expectOptions('scatterReduce', options, OPTIONS);
  expectKind('scatterReduce', 'the reduction', reduce, oneOf(REDUCTIONS));
  const { includeSelf = true } = options;
  const operands = aligned('scatterReduce', x, axis, index, source, NUMBERS);
  const own = includeSelf ? x : scatter(x, axis, index, neutralOf(reduce, x.dtype));
  switch (reduce) {
    case 'sum':
      return added(own, operands);
    case 'mean':
      return meanOf(own, operands, includeSelf);
    case 'prod':
      return productOf(own, operands);
    case 'amax':
    case 'amin':
      return extremeOf(own, operands, reduce);
    default:
      return reduce satisfies never;
  }
}

/** Return the neutral element of a reduction. */
function neutralOf(reduce: ScatterReduction, dtype: DType): number {
  if (reduce === 'sum' || reduce === 'mean') return 0;
  if (reduce === 'prod') return 1;
  const [low, high] = {
    f32: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const,
    i32: [-(2 ** 31), 2 ** 31 - 1] as const,
    u32: [0, 2 ** 32 - 1] as const,
  }[dtype === 'i32' || dtype === 'u32' ? dtype : 'f32'];
  return reduce === 'amax' ? low : high;
}

function meanOf(own: Tensor, operands: Aligned, includeSelf: boolean): Tensor {
  const total = added(own, operands);
  const first = includeSelf ? onesLike(own) : zerosLike(own);
  const counts = maximum(added(first, { ...operands, source: onesLike(operands.source) }), 1);
  return div(total, counts, own.dtype === 'f32' ? {} : { roundingMode: 'floor' });
}

function extremeOf(x: Tensor, operands: Aligned, reduce: 'amax' | 'amin'): Tensor {
  const { source } = operands;
  const y = combined(x, operands, reduce === 'amax' ? 'max' : 'min');
  if (x.dtype !== 'f32') return y;
  differentiable('scatterReduce', [x, source], y, (dy) => {
    const result = y.detach();
    const ownTie = cast(equal(x.detach(), result), 'f32');
    const sourceTie = cast(equal(source.detach(), valuesAt(result, operands)), 'f32');
    // Without ties, as with NaN, there is no share.
    const share = div(dy, maximum(added(ownTie, { ...operands, source: sourceTie }), 1));
    return [mul(ownTie, share), mul(sourceTie, valuesAt(share, operands))];
  });
  return y;
}

function productOf(x: Tensor, operands: Aligned): Tensor {
  const { source } = operands;
  const y = combined(x, operands, 'multiply');
  if (x.dtype !== 'f32') return y;
  differentiable('scatterReduce', [x, source], y, (dy) => {
    // A factor's gradient is the product of the others: of the non-zero ones, or 0 if another one is 0.
    const [own, others] = [x.detach(), source.detach()];
    const [ownZero, otherZero] = [equal(own, 0), equal(others, 0)];
    const zeros = added(cast(ownZero, 'f32'), { ...operands, source: cast(otherZero, 'f32') });
    const nonzero = combined(
      where(ownZero, 1, own),
      { ...operands, source: where(otherZero, 1, others) },
      'multiply',
    );
    const slope = (factor: Tensor, zero: Tensor, at: (z: Tensor) => Tensor): Tensor => {
      const [count, product] = [at(zeros), at(nonzero)];
      const only = where(logicalAnd(equal(count, 1), zero), product, 0);
      return mul(at(dy), where(equal(count, 0), div(product, factor), only));
    };
    return [slope(own, ownZero, (z) => z), slope(others, otherZero, (z) => valuesAt(z, operands))];
  });
  return y;
}
