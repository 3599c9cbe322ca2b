/** Kernels that move whole rows: transposition of weights, selection of rows, embedding. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, THREAD_ARGS } from '../gpu/kernel.ts';

const transposeKernel = defineKernel({
  name: 'transpose',
  params: { N: 'u32', K: 'u32', padded: 'u32', groups: 'u32' },
  reads: { x: 'array<f32>' },
  writes: { y: 'array<f32>' },
  code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  let n = id % params.padded;
  let k = id / params.padded % params.K;
  let member = id / (params.padded * params.K);
  if (member >= params.groups) { return; }
  y[id] = select(0.0, x[(member * params.N + min(n, params.N - 1)) * params.K + k], n < params.N);
}`,
});

/** y (groups, K, N rounded up to a multiple of 4, zero-padded) = xᵀ of x (groups, N, K). */
export function transposePadded(
  device: Device,
  x: BufferView,
  y: BufferView,
  size: { readonly N: number; readonly K: number; readonly groups?: number },
): void {
  const { N, K, groups = 1 } = size;
  const padded = Math.ceil(N / 4) * 4;
  device.launch(
    transposeKernel,
    { x, y },
    { N, K, padded, groups },
    linearGrid(Math.ceil((padded * K * groups) / 64)),
  );
}

/** An index that selects no row. */
export const NO_ROW = 0xffff_ffff;

const selectRowsKernel = defineKernel({
  name: 'select rows',
  params: { count: 'u32', dv: 'u32', scale: 'f32' },
  reads: { x: 'array<vec4f>', index: 'array<u32>' },
  writes: { y: 'array<vec4f>' },
  code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  let row = id / params.dv;
  if (row >= params.count) { return; }
  let source = index[row];
  if (source == ${NO_ROW}u) { y[id] = vec4f(); } else { y[id] = x[source * params.dv + id % params.dv] * params.scale; }
}`,
});

/** y[i] = scale · x[index[i]], or 0 where the index is `NO_ROW`. Rows have d values, d a multiple of 4. */
export function selectRows(
  device: Device,
  views: { readonly x: BufferView; readonly index: BufferView; readonly y: BufferView },
  size: { readonly count: number; readonly d: number; readonly scale?: number },
): void {
  const { count, d, scale = 1 } = size;
  device.launch(
    selectRowsKernel,
    views,
    { count, dv: d / 4, scale },
    linearGrid(Math.ceil((count * d) / 4 / 64)),
  );
}
