/**
 * Kernels for every op that only moves words.
 *
 * `move` gathers: out[i] = x[Σ_d place_d·stride_d] with place_d = (start_d + c_d·step_d) / dilation_d, where c are the
 * coordinates of i and axis d of x has `size` places; outside of them, and between the multiples of the dilation, stands
 * `fill`. A permutation reorders the strides, a slice sets start and step, a flip steps backwards, an expansion has
 * stride 0, padding starts below 0, and the gradient of a slice is dilated by its step. `moveInto` is the other
 * direction: it writes x into a part of y. `triangle` keeps a band of diagonals.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, type Scalar, unroll } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { perElement } from '../gpu/perElement.ts';

/** One axis of the walk. */
export interface Axis {
  /** Coordinates along it. */
  readonly count: number;
  /** Words between neighbours in the strided buffer; 0 repeats. */
  readonly stride: number;
  readonly start?: number;
  readonly step?: number;
  /** Places along the axis in x; as many as are read unless given. */
  readonly size?: number;
  /** Neighbours in x stand this far apart, with `fill` between them; 1 unless given. */
  readonly dilation?: number;
}

const NO_BOUND = 0x7fff_ffff;

/** `read` gathers where every place exists, `bounded` fills what lies outside, `write` scatters. */
type Direction = 'read' | 'bounded' | 'write';

const WRITES: Record<Direction, string> = {
  read: 'y[id] = x[at];',
  bounded: 'if (inside) { y[id] = x[at]; } else { y[id] = params.fill; }',
  write: 'y[at] = x[id];',
};

const moveKernel = memoize(
  ({ rank, direction }: { readonly rank: number; readonly direction: Direction }) => {
    const bounded = direction === 'bounded';
    const params: Record<string, 'u32' | 'i32'> = { total: 'u32', fill: 'u32' };
    for (let d = 0; d < rank; d++) {
      params[`count${d}`] = 'u32';
      for (const name of ['start', 'step', 'stride', ...(bounded ? ['size', 'dilation'] : [])])
        params[`${name}${d}`] = 'i32';
    }
    const place = (d: number): string =>
      bounded
        ? `let far = params.start${d} + i32(rest % params.count${d}) * params.step${d};
    let place = far / params.dilation${d};
    inside = inside && far >= 0 && far == place * params.dilation${d} && place < params.size${d};`
        : `let place = params.start${d} + i32(rest % params.count${d}) * params.step${d};`;
    return defineKernel({
      name: `move ${rank} ${direction}`,
      params,
      reads: { x: 'array<u32>' },
      writes: { y: 'array<u32>' },
      ...perElement('total')`var rest = id;
  var at = 0;
  var inside = true;
  ${unroll(rank, (i) => {
    const d = rank - 1 - i;
    return `{ ${place(d)}
    at += place * params.stride${d}; rest /= params.count${d}; }`;
  })}
  ${WRITES[direction]}`,
    });
  },
);

const isPlain = ({ start = 0, step = 1, size, dilation = 1 }: Axis): boolean =>
  start === 0 && step === 1 && size === undefined && dilation === 1;

/** Joins neighbouring axes that are walked as one, so that few kernels serve all ranks. */
function joined(axes: readonly Axis[]): Axis[] {
  const result: Axis[] = [];
  for (const axis of axes) {
    const before = result.at(-1);
    if (axis.count === 1 && isPlain(axis)) continue;
    if (before && isPlain(before) && isPlain(axis) && before.stride === axis.stride * axis.count) {
      result[result.length - 1] = { count: before.count * axis.count, stride: axis.stride };
    } else result.push(axis);
  }
  return result;
}

function launchMove(
  device: Device,
  views: { readonly x: BufferView; readonly y: BufferView },
  axes: readonly Axis[],
  direction: Direction,
  fill: Scalar,
): void {
  const total = axes.reduce((product, { count }) => product * count, 1);
  if (total === 0) return;
  const params: Record<string, Scalar> = { total, fill };
  axes.forEach(({ count, stride, start = 0, step = 1, size = NO_BOUND, dilation = 1 }, d) => {
    Object.assign(params, {
      [`count${d}`]: count,
      [`start${d}`]: start,
      [`step${d}`]: step,
      [`stride${d}`]: stride,
    });
    if (direction === 'bounded') Object.assign(params, { [`size${d}`]: size, [`dilation${d}`]: dilation });
  });
  device.launch(moveKernel({ rank: axes.length, direction }), views, params);
}

/** y = x walked along `axes`, outermost first; `fill` are the bits of what stands outside of x. */
export function move(
  device: Device,
  x: BufferView,
  y: BufferView,
  axes: readonly Axis[],
  fill: Scalar = 0,
): void {
  const walked = joined(axes);
  const bounded = walked.some(({ size, dilation = 1 }) => size !== undefined || dilation !== 1);
  launchMove(device, { x, y }, walked, bounded ? 'bounded' : 'read', fill);
}

/** Writes all of x into y, whose places `axes` walk; the rest of y stays as it is. */
export function moveInto(device: Device, x: BufferView, y: BufferView, axes: readonly Axis[]): void {
  launchMove(device, { x, y }, joined(axes), 'write', 0);
}

const triangleKernel = defineKernel({
  name: 'triangle',
  params: { total: 'u32', rows: 'u32', columns: 'u32', first: 'i32', last: 'i32' },
  reads: { x: 'array<u32>' },
  writes: { y: 'array<u32>' },
  ...perElement('total')`let diagonal = i32(id % params.columns) - i32(id / params.columns % params.rows);
  if (diagonal >= params.first && diagonal <= params.last) { y[id] = x[id]; } else { y[id] = 0u; }`,
});

export interface TriangleSize {
  readonly matrices: number;
  readonly rows: number;
  readonly columns: number;
  /** First and last diagonal to keep, counted upwards from the main one; unlimited unless given. */
  readonly first?: number;
  readonly last?: number;
}

/** y = x (matrices, rows, columns) where first ≤ column − row ≤ last, and 0 elsewhere. */
export function triangle(device: Device, x: BufferView, y: BufferView, size: TriangleSize): void {
  const { matrices, rows, columns, first = -NO_BOUND, last = NO_BOUND } = size;
  const total = matrices * rows * columns;
  const params = { total, rows, columns, first, last };
  device.launch(triangleKernel, { x, y }, params);
}
