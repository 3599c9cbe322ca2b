/** Kernels that move whole rows: transposition of weights, selection of rows, embedding. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, memoize, THREAD_ARGS, unroll } from '../gpu/kernel.ts';

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

/** Vec4s that a thread moves: a software driver pays for every thread it starts. */
const RUN = 8;
const THREADS = 64;

/** `aligned`: a thread's vec4s have the same place in rows that are `params.apart` apart, so that it divides once. */
const selectRowsKernel = memoize((aligned: boolean) =>
  defineKernel({
    name: 'select rows',
    params: { count: 'u32', dv: 'u32', apart: 'u32', scale: 'f32' },
    reads: { x: 'array<vec4f>', index: 'array<u32>' },
    writes: { y: 'array<vec4f>' },
    code: `
@compute @workgroup_size(${THREADS})
fn main(${THREAD_ARGS}) {
  let first = ${GROUP_INDEX} * ${THREADS * RUN} + thread;
  let firstRow = first / params.dv;
  let firstColumn = first % params.dv;
  ${unroll(
    RUN,
    (i) => `{
    let id = first + ${THREADS * i};
    let row = ${aligned ? `firstRow + ${i} * params.apart` : 'id / params.dv'};
    if (row < params.count) {
      let source = index[row];
      let column = ${aligned ? 'firstColumn' : 'id % params.dv'};
      if (source == ${NO_ROW}u) { y[id] = vec4f(); } else { y[id] = x[source * params.dv + column] * params.scale; }
    }
  }`,
  )}
}`,
  }),
);

/** y[i] = scale · x[index[i]], or 0 where the index is `NO_ROW`. Rows have d values, d a multiple of 4. */
export function selectRows(
  device: Device,
  views: { readonly x: BufferView; readonly index: BufferView; readonly y: BufferView },
  size: { readonly count: number; readonly d: number; readonly scale?: number },
): void {
  const { count, d, scale = 1 } = size;
  const dv = d / 4;
  const aligned = THREADS % dv === 0;
  const params = { count, dv, apart: aligned ? THREADS / dv : 0, scale };
  device.launch(
    selectRowsKernel(aligned),
    views,
    params,
    linearGrid(Math.ceil((count * dv) / (THREADS * RUN))),
  );
}
