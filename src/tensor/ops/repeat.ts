/** Ops that repeat what is there: whole tensors, or each of their values. */
import { expectKind, expectOptions, integer, listOf, type OptionKinds, real } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { MAX_RANK } from '../../kernels/elementwise.ts';
import { move } from '../../kernels/movement.ts';
import { sumAxes } from '../../kernels/reduce.ts';
import { differentiable } from '../autograd.ts';
import { expectOperands, WORDS } from '../operands.ts';
import { type Shape, showShape, Tensor } from '../tensor.ts';
import { stridesOf, viewAxis, withSize, wrapAxis } from './axes.ts';
import { indexSelect } from './indexing.ts';
import { flatten } from './reshape.ts';

const COUNTS = listOf(integer(0), 'counts');

/** One axis of the walk over x: its own, or one that repeats what the axes after it walk. */
interface Walk {
  readonly count: number;
  readonly stride: number;
  readonly repeats?: boolean;
}

/** x walked along `axes`, as a tensor of `shape`; the gradient is the sum over what repeats. */
function repeated(name: string, x: Tensor, axes: readonly Walk[], shape: Shape): Tensor {
  const { device } = x;
  if (shape.length > MAX_RANK) {
    throw new ShapeError(name, `rank ${shape.length} exceeds ${MAX_RANK}`, 'reshape to fewer dimensions');
  }
  const y = Tensor.empty(device, shape, x.dtype);
  move(device, x.view, y.view, axes);
  differentiable(name, [x], [y], ([dy]) => {
    if (!dy) return [];
    const dx = Tensor.empty(device, x.shape);
    const summed = axes.flatMap(({ repeats }, i) => (repeats ? [i] : []));
    sumAxes(
      device,
      dy.view,
      dx.view,
      axes.map(({ count }) => count),
      summed,
    );
    return [dx];
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
 * x side by side with itself: `counts[i]` times along axis i, as `Tensor.repeat` of PyTorch. Counts beyond the rank of x
 * add axes in front.
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

/** Like `repeat`, but fewer counts than axes are those of the last axes, as in `torch.tile`. */
export function tile(x: Tensor, counts: readonly number[]): Tensor {
  expectOperands('tile', { x: [x, WORDS] });
  expectKind('tile', 'counts', counts, COUNTS);
  const missing = Math.max(0, x.shape.length - counts.length);
  return tiled('tile', x, [...new Array<number>(missing).fill(1), ...counts]);
}

/** Along which axis. */
export interface RepeatInterleaveOptions {
  /** Without it x is flattened first. */
  readonly axis?: number;
}

const REPEAT_OPTIONS: OptionKinds<RepeatInterleaveOptions> = { axis: real() };

/**
 * Each slice of x along an axis that many times in a row: [1, 2] twice is [1, 1, 2, 2]. A list has a count for each slice.
 */
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
