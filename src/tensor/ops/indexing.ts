/**
 * Ops that read at positions given by an index, u32 or i32. An index out of range (also a negative one) is an error (see
 * indices.ts). Until the error is reported, it reads NaN, or 0 from integers and booleans, and never touches other memory.
 * Ops that write are in scatter.ts.
 */
import { expectKind, oneOf } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import {
  gather as gatherWords,
  type IndexSize,
  oneHot as oneHotWords,
  scatter as scatterWords,
} from '../../kernels/indexing.ts';
import { differentiableByKernel } from '../autograd.ts';
import { expectIndices } from '../indices.ts';
import { expectOperands, INDICES, WORDS } from '../operands.ts';
import { type DType, type Shape, showShape, Tensor } from '../tensor.ts';
import { viewAxis, withSize, wrapAxis } from './axes.ts';
import { slice } from './movement.ts';

const NAN_BITS = 0x7fc0_0000;
const ONE_BITS = 0x3f80_0000;

/** @throws ShapeError unless both have the same rank and `part` is no larger than `whole` along all axes except `axis`. */
export function refuseLarger(name: string, part: Tensor, whole: Tensor, axis?: number): void {
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

/** Cut x to the sizes of `shape` along all axes except `axis`. */
export function cutTo(x: Tensor, shape: Shape, axis?: number): Tensor {
  if (x.shape.every((n, i) => i === axis || n === shape[i])) return x;
  return slice(
    x,
    x.shape.map((_, i) => (i === axis ? null : [0, shape[i] as number])),
  );
}

/** Options of a look-up. */
export interface Look {
  readonly axis: number;
  /** True if one index (count) serves every row along the axis. */
  readonly shared: boolean;
  /** Bits that an index out of range reads. Default: NaN, or 0 for integers. */
  readonly missing?: number;
}

/** Return the kernel parameters of an index along an axis of `shape`. */
export function sizeAlong(shape: Shape, axis: number, index: Tensor, shared: boolean): IndexSize {
  const count = shared ? index.size : viewAxis(index.shape, axis).size;
  return { ...viewAxis(shape, axis), count, shared };
}

/** Return the values of x at the index along an axis. */
export function lookUp(name: string, x: Tensor, index: Tensor, look: Look): Tensor {
  const { axis, shared, missing = x.dtype === 'f32' ? NAN_BITS : 0 } = look;
  const { device } = x;
  const size = sizeAlong(x.shape, axis, index, shared);
  const y = Tensor.empty(device, withSize(x.shape, axis, size.count), x.dtype);
  gatherWords(device, { x: x.view, index: index.view, y: y.view }, size, missing);
  differentiableByKernel(name, x, y, (dy, dx) =>
    scatterWords(device, 'add', { index: index.view, source: dy.view, y: dx.view }, size),
  );
  return y;
}

/**
 * y[…,k,…] = x[…,index[…,k,…],…] at `axis`. y has the shape of the index, which has the rank of x and is no larger than x
 * along all other axes. The gradient of a value is the sum over all its reads, as in `scatterAdd`.
 */
export function gather(x: Tensor, axis: number, index: Tensor): Tensor {
  expectOperands('gather', { x: [x, WORDS], index: [index, INDICES] });
  const along = wrapAxis('gather', axis, x.shape);
  refuseLarger('gather', index, x, along);
  expectIndices('gather', 'index', index, { size: x.shape[along] ?? 1 });
  return lookUp('gather', cutTo(x, index.shape, along), index, { axis: along, shared: false });
}

/** Return the slices of x along `axis` at the index (K), in that order. Repeats are allowed. */
export function indexSelect(x: Tensor, axis: number, index: Tensor): Tensor {
  expectOperands('indexSelect', { x: [x, WORDS], index: [index, INDICES] });
  const along = wrapAxis('indexSelect', axis, x.shape);
  if (index.shape.length > 1 || (x.shape.length === 0 && index.size !== 1)) {
    const fix = x.shape.length === 0 ? 'a scalar has one value: give one index' : 'give one axis';
    throw new ShapeError('indexSelect', `the index has shape ${showShape(index.shape)}`, fix);
  }
  expectIndices('indexSelect', 'index', index, { size: x.shape[along] ?? 1 });
  return lookUp('indexSelect', x, index, { axis: along, shared: true });
}

/** Return rows (…index, classes) that are 1 at the index and 0 elsewhere. */
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
  expectIndices('oneHot', 'index', index, { size: classes });
  const y = Tensor.empty(index.device, [...index.shape, classes], dtype);
  const one = dtype === 'f32' ? ONE_BITS : 1;
  oneHotWords(index.device, index.view, y.view, { count: index.size, classes, one });
  return y;
}
