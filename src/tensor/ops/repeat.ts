/** Ops that repeat tensors, or their slices. */
import { expectKind, expectOptions, integer, listOf, type OptionKinds, real } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { MAX_RANK } from '../../kernels/elementwise.ts';
import { type Axis, move } from '../../kernels/movement.ts';
import { sumAxes } from '../../kernels/reduce/index.ts';
import { differentiableByKernel } from '../autograd.ts';
import { expectOperands, WORDS } from '../operands.ts';
import { type Shape, showShape, Tensor } from '../tensor.ts';
import { stridesOf, viewAxis, withSize, wrapAxis } from './axes.ts';
import { indexSelect } from './indexing.ts';
import { flatten } from './reshape.ts';

const COUNTS = listOf(integer(0), 'counts');

/** One axis of reading x: an axis of x, or a repetition of the axes after it. */
type Walk = Pick<Axis, 'count' | 'stride'> & { readonly repeats?: boolean };

/** Read x along `axes` into a tensor of `shape`. The gradient is the sum over the repetitions. */
function repeated(name: string, x: Tensor, axes: readonly Walk[], shape: Shape): Tensor {
  const { device } = x;
  if (shape.length > MAX_RANK) {
    throw new ShapeError(name, `rank ${shape.length} exceeds ${MAX_RANK}`, 'reshape to fewer dimensions');
  }
  const y = Tensor.empty(device, shape, x.dtype);
  move(device, x.view, y.view, axes);
  differentiableByKernel(name, x, y, (dy, dx) => {
    const counts = axes.map(({ count }) => count);
    const summed = axes.flatMap(({ repeats }, i) => (repeats ? [i] : []));
    sumAxes(device, dy.view, dx.view, counts, summed);
  });
  return y;
}

function tiled(name: string, x: Tensor, counts: readonly number[]): Tensor {
  const own = [...new Array<number>(counts.length - x.shape.length).fill(1), ...x.shape];
  const strides = stridesOf(own);
  const axes = own.flatMap((count, i): Walk[] => [
    { count: counts[i] as number, stride: 0, repeats: true },
    { count, stride: strides[i] as number },
  ]);
  return repeated(
    name,
    x,
    axes,
    own.map((n, i) => n * (counts[i] as number)),
  );
}

/**
 * Repeat x `counts[i]` times along axis i, like PyTorch's `Tensor.repeat`. Counts beyond the rank of x add leading axes.
 * @throws ShapeError for fewer counts than axes.
 */
export function repeat(x: Tensor, counts: readonly number[]): Tensor {
  expectOperands('repeat', { x: [x, WORDS] });
  expectKind('repeat', 'counts', counts, COUNTS);
  if (counts.length < x.shape.length) {
    throw new ShapeError(
      'repeat',
      `${counts.length} counts for shape ${showShape(x.shape)}`,
      'give a count for each axis, or use tile, which counts from the last one',
    );
  }
  return tiled('repeat', x, counts);
}

/** Repeat x like `repeat`; fewer counts than axes apply to the last axes, as in `torch.tile`. */
export function tile(x: Tensor, counts: readonly number[]): Tensor {
  expectOperands('tile', { x: [x, WORDS] });
  expectKind('tile', 'counts', counts, COUNTS);
  const missing = Math.max(0, x.shape.length - counts.length);
  return tiled('tile', x, [...new Array<number>(missing).fill(1), ...counts]);
}

/** Options of `repeatInterleave`. */
export interface RepeatInterleaveOptions {
  /** The axis of the slices. Default: flatten x first. */
  readonly axis?: number;
}

const REPEAT_OPTIONS: OptionKinds<RepeatInterleaveOptions> = { axis: real() };

/** Repeat each slice of x along an axis: [1, 2] twice is [1, 1, 2, 2]. A list gives one count for each slice. */
export function repeatInterleave(
  x: Tensor,
  repeats: number | readonly number[],
  options: RepeatInterleaveOptions = {},
): Tensor {
  expectOptions('repeatInterleave', options, REPEAT_OPTIONS);
  expectOperands('repeatInterleave', { x: [x, WORDS] });
  const { axis } = options;
  if (axis === undefined) return repeatInterleave(flatten(x), repeats, { axis: 0 });
  const along = wrapAxis('repeatInterleave', axis, x.shape);
  const { outer, size, inner } = viewAxis(x.shape, along);
  if (typeof repeats !== 'number') return interleaved(x, repeats, along, size);
  expectKind('repeatInterleave', 'repeats', repeats, integer(0));
  const shape = x.shape.length === 0 ? [repeats] : withSize(x.shape, along, size * repeats);
  const axes = [
    { count: outer * size, stride: inner },
    { count: repeats, stride: 0, repeats: true },
    { count: inner, stride: 1 },
  ];
  return repeated('repeatInterleave', x, axes, shape);
}

function interleaved(x: Tensor, repeats: readonly number[], along: number, size: number): Tensor {
  expectKind('repeatInterleave', 'repeats', repeats, COUNTS);
  if (repeats.length !== size) {
    throw new ShapeError(
      'repeatInterleave',
      `${repeats.length} counts for ${size} slices of ${showShape(x.shape)}`,
      'give one number, or a count for each slice',
    );
  }
  const index = Uint32Array.from(repeats.flatMap((count, i) => new Array<number>(count).fill(i)));
  return indexSelect(x.shape.length === 0 ? flatten(x) : x, along, Tensor.from(x.device, index));
}
