/**
 * One kernel for every op that only moves words: out[i] = x[offset + Σ_d (start_d + c_d·step_d)·stride_d], where c are
 * the coordinates of i and axis d of x has `size` places; outside of them stands `fill`. A permutation reorders the
 * strides, a slice sets start and step, a flip steps backwards, an expansion has stride 0, padding starts below 0.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, memoize, THREAD_ARGS, unroll } from '../gpu/kernel.ts';

/** One axis of the output. */
export interface Axis {
  /** Coordinates along it in the output. */
  readonly count: number;
  /** Words between neighbours in x; 0 repeats. */
  readonly stride: number;
  readonly start?: number;
  readonly step?: number;
  /** Places along the axis in x; as many as are read unless given. */
  readonly size?: number;
}

const moveKernel = memoize((rank: number, bounded: boolean) => {
  const params: Record<string, 'u32' | 'i32'> = { total: 'u32', fill: 'u32' };
  for (let d = 0; d < rank; d++) {
    params[`count${d}`] = 'u32';
    for (const name of ['start', 'step', 'stride', ...(bounded ? ['size'] : [])])
      params[`${name}${d}`] = 'i32';
  }
  return defineKernel({
    name: `move ${rank}${bounded ? ' bounded' : ''}`,
    params,
    reads: { x: 'array<u32>' },
    writes: { y: 'array<u32>' },
    code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  if (id >= params.total) { return; }
  var rest = id;
  var at = 0;
  var inside = true;
  ${unroll(rank, (i) => {
    const d = rank - 1 - i;
    return `{ let place = params.start${d} + i32(rest % params.count${d}) * params.step${d};
    ${bounded ? `inside = inside && place >= 0 && place < params.size${d};` : ''}
    at += place * params.stride${d}; rest /= params.count${d}; }`;
  })}
  if (inside) { y[id] = x[at]; } else { y[id] = params.fill; }
}`,
  });
});

/** Joins neighbouring axes that are walked as one, so that few kernels serve all ranks. */
function joined(axes: readonly Axis[]): Axis[] {
  const result: Axis[] = [];
  for (const axis of axes) {
    const before = result.at(-1);
    const plain = ({ start = 0, step = 1, size }: Axis): boolean =>
      start === 0 && step === 1 && size === undefined;
    if (axis.count === 1 && plain(axis)) continue;
    if (before && plain(before) && plain(axis) && before.stride === axis.stride * axis.count) {
      result[result.length - 1] = { count: before.count * axis.count, stride: axis.stride };
    } else result.push(axis);
  }
  return result;
}

/** y = x walked along `axes`, outermost first; `fill` are the bits of what stands outside of x. */
export function move(device: Device, x: BufferView, y: BufferView, axes: readonly Axis[], fill = 0): void {
  const walked = joined(axes);
  const bounded = walked.some(({ size }) => size !== undefined);
  const total = axes.reduce((product, { count }) => product * count, 1);
  const params: Record<string, number> = { total, fill };
  walked.forEach(({ count, stride, start = 0, step = 1, size }, d) => {
    Object.assign(params, {
      [`count${d}`]: count,
      [`start${d}`]: start,
      [`step${d}`]: step,
      [`stride${d}`]: stride,
    });
    if (bounded) params[`size${d}`] = size ?? start + count * step;
  });
  device.launch(moveKernel(walked.length, bounded), { x, y }, params, linearGrid(Math.ceil(total / 64)));
}
