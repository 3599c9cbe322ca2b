/** Products of matrices and vectors like `torch.matmul`: any sizes, with broadcast leading axes. */
import { ShapeError } from '../../base/errors.ts';
import type { BufferView } from '../../gpu/buffers.ts';
import type { Device } from '../../gpu/device.ts';
import { defaultsOf } from '../../kernels/defaults.ts';
import { matmul as multiply } from '../../kernels/matmul/index.ts';
import { matmulOuter } from '../../kernels/matmulOuter/index.ts';
import { type Axis, move } from '../../kernels/movement.ts';
import { sumAxes } from '../../kernels/reduce/index.ts';
import { differentiable } from '../autograd.ts';
import { expectOperands, FLOATS, NUMBERS } from '../operands.ts';
import { type Shape, showShapes, sizeOf, Tensor } from '../tensor.ts';
import { mul } from './elementwise.ts';
import { broadcastShapes } from './expression.ts';
import { expand } from './movement.ts';
import { sum, sumTo } from './reduce.ts';
import { reshape } from './reshape.ts';

/**
 * a (…,M,K) · b (…,K,N) → (…,M,N). Leading axes broadcast; a vector counts as a row on the left and as a column on the
 * right, and its axis is left out of the result. Two vectors give their scalar product.
 * @throws ShapeError if the inner sizes differ or the leading axes do not broadcast.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  expectOperands('matmul', { a: [a, FLOATS], b: [b, FLOATS] });
  const [rank, otherRank] = [a.shape.length, b.shape.length];
  if (rank === 0 || otherRank === 0) refuse(a, b, 'give vectors, matrices or batches of them');
  if (a.shape.at(-1) !== b.shape.at(otherRank === 1 ? 0 : -2)) {
    refuse(a, b, 'the last size of a must be the last but one of b');
  }
  if (rank === 1 && otherRank === 1) return sum(mul(a, b));
  const left = rank === 1 ? reshape(a, [1, a.size]) : a;
  const right = otherRank === 1 ? reshape(b, [b.size, 1]) : b;
  const product = batched(left, right);
  if (rank > 1 && otherRank > 1) return product;
  const axes = product.shape.slice(0, -2);
  return reshape(product, [...axes, rank === 1 ? right.shape.at(-1) : left.shape.at(-2)] as number[]);
}

/** Return the scalar product of two vectors. */
export function dot(a: Tensor, b: Tensor): Tensor {
  expectOperands('dot', { a: [a, NUMBERS], b: [b, NUMBERS] });
  if (a.shape.length === 1 && b.shape.length === 1 && a.size === b.size) return sum(mul(a, b));
  throw new ShapeError('dot', showShapes({ a, b }), 'give two vectors of one size');
}

/** Return the outer product (M,N) of a (M) and b (N). */
export function outer(a: Tensor, b: Tensor): Tensor {
  expectOperands('outer', { a: [a, NUMBERS], b: [b, NUMBERS] });
  if (a.shape.length === 1 && b.shape.length === 1) return mul(reshape(a, [a.size, 1]), b);
  throw new ShapeError('outer', showShapes({ a, b }), 'give two vectors');
}

function refuse(a: Tensor, b: Tensor, fix: string): never {
  throw new ShapeError('matmul', showShapes({ a, b }), fix);
}

/** A matrix product after broadcasting: `batches` of (M,K) · (K,N). */
interface Problem {
  readonly batches: number;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  /** True if all batches share one matrix of a. */
  readonly sharedA: boolean;
}

/** Multiply operands of rank 2 or more. */
function batched(a: Tensor, b: Tensor): Tensor {
  const [M, K] = a.shape.slice(-2) as [number, number];
  const N = b.shape.at(-1) as number;
  const [leadA, leadB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const lead = broadcastShapes('matmul', leadA, leadB, () =>
    refuse(a, b, 'the leading sizes must be equal or 1, counted from the last'),
  );
  const batches = sizeOf(lead);
  const shape = [...lead, M, N];
  // If all batches share one b, the matrices of a count as rows of one matrix.
  if (sizeOf(leadB) === 1) {
    const flat = { batches: 1, M: batches * M, N, K, sharedA: false };
    return product(a, b, shape, flat);
  }
  const full = (x: Tensor, own: Shape, size: readonly number[]): Tensor =>
    sizeOf(own) === batches || sizeOf(own) === 1 ? x : expand(x, [...lead, ...size]);
  return product(full(a, leadA, [M, K]), full(b, leadB, [K, N]), shape, {
    ...{ batches, M, N, K },
    sharedA: sizeOf(leadA) === 1,
  });
}

function product(a: Tensor, b: Tensor, shape: Shape, problem: Problem): Tensor {
  const { device } = a;
  const c = Tensor.empty(device, shape);
  launch(device, a.view, b.view, c.view, problem);
  differentiable('matmul', [a, b], c, (dc) => {
    const da = a.requiresGrad ? gradientOfA(a, b, dc, problem) : undefined;
    return [da, b.requiresGrad ? gradientOfB(a, b, dc, problem) : undefined];
  });
  return c;
}

/** Return dA = dC · Bᵀ, summed over the batches that share A. */
function gradientOfA(a: Tensor, b: Tensor, dc: Tensor, problem: Problem): Tensor {
  const { batches, M, N, K, sharedA } = problem;
  const da = Tensor.empty(a.device, sharedA ? [batches, M, K] : a.shape);
  const size = { ...problem, N: K, K: N, sharedA: false };
  launch(a.device, dc.view, b.view, da.view, size, 'transposed');
  return sharedA ? new Tensor(a.device, sumTo(da, [M, K]).view, a.shape) : da;
}

/** Return dB = Aᵀ · dC for every batch. A single batch may have many rows: their sum is split over workgroups. */
function gradientOfB(a: Tensor, b: Tensor, dc: Tensor, problem: Problem): Tensor {
  const { device } = a;
  const { batches, M, N, K, sharedA } = problem;
  if (batches === 1) {
    const padded = Math.ceil(N / 4) * 4;
    const db = Tensor.zeros(device, [K, padded]);
    using right = paddedRows(device, dc.view, { count: 1, rows: M, columns: N });
    matmulOuter(device, { a: a.view, b: right.view, c: db.view, R: M, M: K, N: padded });
    if (padded === N) return new Tensor(device, db.view, b.shape);
    const result = Tensor.empty(device, b.shape);
    move(device, db.view, result.view, [
      { count: K, stride: padded },
      { count: N, stride: 1 },
    ]);
    return result;
  }
  const db = Tensor.empty(device, b.shape);
  const count = sharedA ? 1 : batches;
  using transposed = moved(device, a.view, [
    { count, stride: M * K },
    { count: K, stride: 1 },
    { count: M, stride: K },
  ]);
  launch(device, transposed.view, dc.view, db.view, { ...problem, M: K, K: M });
  return db;
}

/** Dispatch c = a · b. With the layout 'transposed', b is stored as (N,K). */
function launch(
  device: Device,
  a: BufferView,
  b: BufferView,
  c: BufferView,
  problem: Problem,
  layout: 'plain' | 'transposed' = 'plain',
): void {
  const { batches: count, M, N, K, sharedA } = problem;
  const parts = partsOf(device, problem);
  if (layout === 'transposed' && parts === 1 && defaultsOf(device).products === 'tile') {
    multiply(device, { a, b, bTransposed: true, c, M, N, K, batches: { count, sharedA } });
    return;
  }
  using right = paddedRows(device, b, { count, rows: K, columns: N }, layout);
  if (parts > 1) inParts(device, a, right.view, c, problem, parts);
  else multiply(device, { a, b: right.view, c, M, N, K, batches: { count, sharedA } });
}

/** Smallest inner size that is summed in parts of PART products. Parts need a copy of a, which shorter sums avoid. */
const LONG = 2048;
const PART = 256;

/** Return the number of partial sums for each value, so that together they hold at most as many values as a. */
function partsOf({ limits }: Device, { batches, M, N, K }: Problem): number {
  const fits = batches * M * 4 * (2 * K) <= limits.maxStorageBufferBindingSize;
  return K >= LONG && fits ? Math.max(1, Math.floor(K / Math.max(PART, N))) : 1;
}

/**
 * Compute c = a · b as a sum of products of `parts` parts of the columns of a and the rows of b, so that rounding errors stay
 * small for large K.
 */
function inParts(
  device: Device,
  a: BufferView,
  b: BufferView,
  c: BufferView,
  { batches: count, M, N, K, sharedA }: Problem,
  parts: number,
): void {
  const length = Math.ceil(K / parts / 4) * 4;
  const width = Math.ceil(N / 4) * 4;
  const matrices = sharedA ? 1 : count;
  using wideA = widened(device, a, { outer: matrices * M, from: K, to: parts * length, inner: 1 });
  using wideB = widened(device, b, { outer: count, from: K, to: parts * length, inner: width });
  using left = moved(device, wideA.view, [
    { count, stride: sharedA ? 0 : M * parts * length },
    { count: parts, stride: length },
    { count: M, stride: parts * length },
    { count: length, stride: 1 },
  ]);
  const products = device.allocate(count * parts * M * N * 4);
  const batches = { count: count * parts, sharedA: false };
  multiply(device, { a: left.view, b: wideB.view, c: products, M, N, K: length, batches });
  sumAxes(device, products, c, [count, parts, M * N], [1]);
  device.release(products);
}

/** A view that is released with it if it was made for this. */
type Borrowed = Disposable & { readonly view: BufferView };

const borrowed = (view: BufferView): Borrowed => ({ view, [Symbol.dispose]: () => {} });

/** Return the values that the kernel `move` reads along `axes`. */
function moved(device: Device, x: BufferView, axes: readonly Axis[]): Borrowed {
  const view = device.allocate(sizeOf(axes.map(({ count }) => count)) * 4);
  move(device, x, view, axes);
  return { view, [Symbol.dispose]: () => device.release(view) };
}

/** Pad x (outer, from, inner) with zeros to (outer, to, inner). Return x itself if `to` equals `from`. */
function widened(
  device: Device,
  x: BufferView,
  size: { readonly outer: number; readonly from: number; readonly to: number; readonly inner: number },
): Borrowed {
  const { outer, from, to, inner } = size;
  if (from === to) return borrowed(x);
  return moved(device, x, [
    { count: outer, stride: from * inner },
    { count: to * inner, stride: 1, size: from * inner },
  ]);
}

/**
 * Pad the columns of x (count, rows, columns) with zeros to a multiple of 4. Return x itself if they already are one.
 * If it is 'transposed', x is stored as (count, columns, rows).
 */
function paddedRows(
  device: Device,
  x: BufferView,
  size: { readonly count: number; readonly rows: number; readonly columns: number },
  layout: 'plain' | 'transposed' = 'plain',
): Borrowed {
  const { count, rows, columns } = size;
  const plain = layout === 'plain';
  if (plain && columns % 4 === 0) return borrowed(x);
  const padded = Math.ceil(columns / 4) * 4;
  return moved(device, x, [
    { count, stride: rows * columns },
    { count: rows, stride: plain ? columns : 1 },
    { count: padded, stride: plain ? 1 : rows, ...(padded === columns ? {} : { size: columns }) },
  ]);
}
