/**
 * Ops that read or add at positions given by an index, u32 or i32. An index outside of the axis (a negative one too)
 * reads NaN, or 0 from integers and booleans, adds to nothing, and never touches memory that is not the tensor's.
 */
import { expectKind, oneOf } from '../../arguments.ts';
import { ShapeError } from '../../errors.ts';
import {
  gather as gatherWords,
  type IndexSize,
  oneHot as oneHotWords,
  scatter as scatterWords,
} from '../../kernels/indexing.ts';
import { differentiable } from '../autograd.ts';
import { expectOperands, INDICES, NUMBERS, WORDS } from '../operands.ts';
import { type DType, type Shape, showShape, Tensor } from '../tensor.ts';
import { normaliseAxis, viewAxis, withSize } from './axes.ts';
import { pad, slice } from './movement.ts';

const NAN_BITS = 0x7fc0_0000;
const ONE_BITS = 0x3f80_0000;

/** Fails unless both have one rank and `part` is nowhere larger than `whole`, except along `axis`. */
function refuseLarger(name: string, part: Tensor, whole: Tensor, axis?: number): void {
  const fits =
    part.shape.length === whole.shape.length &&
    part.shape.every((n, i) => i === axis || n <= (whole.shape[i] as number));
  if (fits) return;
  throw new ShapeError(
    name,
    `the index ${showShape(part.shape)} does not fit ${showShape(whole.shape)}`,
    `give an index of the same rank that is no larger${axis === undefined ? '' : ` off axis ${axis}`}`,
  );
}

/** The first places of x along every axis but `axis`, as many as `shape` has. */
function cutTo(x: Tensor, shape: Shape, axis?: number): Tensor {
  if (x.shape.every((n, i) => i === axis || n === shape[i])) return x;
  return slice(
    x,
    x.shape.map((_, i) => (i === axis ? null : [0, shape[i] as number])),
  );
}

interface Look {
  readonly axis: number;
  /** The index is (count) for every row along the axis. */
  readonly shared: boolean;
  /** Bits of what an index outside reads; NaN, or 0 for integers, unless given. */
  readonly missing?: number;
}

function sizeAlong(shape: Shape, axis: number, index: Tensor, shared: boolean): IndexSize {
  const count = shared ? index.size : (index.shape[axis] as number);
  return { ...viewAxis(shape, axis), count, shared };
}

/** The values of x at the index along an axis. */
function lookUp(name: string, x: Tensor, index: Tensor, look: Look): Tensor {
  const { axis, shared, missing = x.dtype === 'f32' ? NAN_BITS : 0 } = look;
  const { device } = x;
  const size = sizeAlong(x.shape, axis, index, shared);
  const y = Tensor.empty(device, withSize(x.shape, axis, size.count), x.dtype);
  gatherWords(device, { x: x.view, index: index.view, y: y.view }, size, missing);
  differentiable(name, [x], [y], ([dy]) => {
    if (!dy) return [];
    const dx = Tensor.empty(device, x.shape);
    scatterWords(device, 'add', { index: index.view, source: dy.view, y: dx.view }, size);
    return [dx];
  });
  return y;
}

/**
 * y[…,k,…] = x[…,index[…,k,…],…] at `axis`: y has the shape of the index, which has the rank of x and is no larger off
 * the axis. The gradient is the sum over every place that read a value, added up as in `scatterAdd`.
 */
export function gather(x: Tensor, axis: number, index: Tensor): Tensor {
  expectOperands('gather', { x: [x, WORDS], index: [index, INDICES] });
  const along = normaliseAxis('gather', axis, x.shape);
  refuseLarger('gather', index, x, along);
  return lookUp('gather', cutTo(x, index.shape, along), index, { axis: along, shared: false });
}

/** The slices of x along `axis` that an index (K) names, in that order; repeats are allowed. */
export function indexSelect(x: Tensor, axis: number, index: Tensor): Tensor {
  expectOperands('indexSelect', { x: [x, WORDS], index: [index, INDICES] });
  const along = normaliseAxis('indexSelect', axis, x.shape);
  if (index.shape.length !== 1) {
    throw new ShapeError('indexSelect', `the index has shape ${showShape(index.shape)}`, 'give one axis');
  }
  return lookUp('indexSelect', x, index, { axis: along, shared: true });
}

/**
 * x plus the source at the index: y[…,index[…,k,…],…] += source[…,k,…] at `axis`. All have one rank; the index is no
 * larger than the source, nor than x off the axis. x is f32, i32 or u32. Values for one place are added in the order
 * of k, so the result has the same bits every time; the cost is that of sorting the index along the axis, and of one
 * step for each value added, those for one place by one thread.
 */
export function scatterAdd(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  expectOperands('scatterAdd', { x: [x, NUMBERS], index: [index, INDICES], source: [source, NUMBERS] });
  const along = normaliseAxis('scatterAdd', axis, x.shape);
  if (x.dtype !== source.dtype) {
    throw new ShapeError(
      'scatterAdd',
      `x ${showShape(x.shape)} ${x.dtype}, source ${showShape(source.shape)} ${source.dtype}`,
      `cast one of them: cast(source, '${x.dtype}')`,
    );
  }
  refuseLarger('scatterAdd', index, source);
  refuseLarger('scatterAdd', index, x, along);
  const used = cutTo(source, index.shape);
  if (x.shape.every((n, i) => i === along || n === index.shape[i])) return added(x, along, index, used);
  // Where x is larger off the axis, nothing is added there: an index that lies outside.
  const missing = x.shape.map((n, i) => [0, i === along ? 0 : n - (index.shape[i] as number)] as const);
  return added(x, along, pad(index, missing, 0xffff_ffff), pad(used, missing));
}

/** `scatterAdd` of shapes that agree off the axis. */
function added(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  const { device } = x;
  const size = sizeAlong(x.shape, axis, index, false);
  const y = Tensor.empty(device, x.shape, x.dtype);
  const views = { x: x.view, index: index.view, source: source.view, y: y.view };
  scatterWords(device, 'add', views, size, x.dtype === 'f32' ? 'f32' : 'u32');
  differentiable('scatterAdd', [x, source], [y], ([dy]) => [
    dy,
    dy && source.requiresGrad
      ? lookUp('scatterAdd', dy, index, { axis, shared: false, missing: 0 })
      : undefined,
  ]);
  return y;
}

/** Rows (…index, classes) that are 1 at the index and 0 elsewhere, so all 0 for an index outside. */
export function oneHot(index: Tensor, classes: number, dtype: Exclude<DType, 'f16'> = 'f32'): Tensor {
  expectOperands('oneHot', { index: [index, INDICES] });
  expectKind('oneHot', 'the dtype', dtype, oneOf(WORDS));
  if (!Number.isInteger(classes) || classes < 0) {
    throw new ShapeError(
      'oneHot',
      `${classes} classes for the index ${showShape(index.shape)}`,
      'give a number of classes',
    );
  }
  const y = Tensor.empty(index.device, [...index.shape, classes], dtype);
  const one = dtype === 'f32' ? ONE_BITS : 1;
  oneHotWords(index.device, index.view, y.view, { count: index.size, classes, one });
  return y;
}
