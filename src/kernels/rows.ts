/** Kernels that move whole rows: transposition of weights, selection of rows, embedding. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, THREAD_ARGS, unroll } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { ABREAST, walkElements } from '../gpu/perElement.ts';

/** A thread transposes a square of 4 × 4, from vec4s if K is a multiple of 4. */
const transposeKernel = memoize((wide: boolean) =>
  defineKernel({
    name: 'transpose',
    params: { N: 'u32', K: 'u32', groups: 'u32' },
    reads: { x: wide ? 'array<vec4f>' : 'array<f32>' },
    writes: { y: 'array<vec4f>' },
    code: `
fn row(member: u32, n: u32, k: u32) -> vec4f {
  let at = (member * params.N + min(n, params.N - 1)) * params.K;
  ${
    wide
      ? 'let values = x[(at + k) / 4];'
      : `let columns = at + min(k + vec4u(0, 1, 2, 3), vec4u(params.K - 1));
  let values = vec4f(x[columns.x], x[columns.y], x[columns.z], x[columns.w]);`
  }
  return select(vec4f(), values, n < params.N);
}

@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  let across = (params.N + 3) / 4;
  let down = (params.K + 3) / 4;
  let n = id % across;
  let k = id / across % down * 4;
  let member = id / (across * down);
  if (member >= params.groups) { return; }
  ${unroll(4, (i) => `let x${i} = row(member, n * 4 + ${i}, k);`)}
  ${unroll(4, (i) => `if (k + ${i} < params.K) { y[(member * params.K + k + ${i}) * across + n] = vec4f(x0[${i}], x1[${i}], x2[${i}], x3[${i}]); }`)}
}`,
  }),
);

/** y (groups, K, N rounded up to a multiple of 4, zero-padded) = xᵀ of x (groups, N, K). */
export function transposePadded(
  device: Device,
  x: BufferView,
  y: BufferView,
  size: { readonly N: number; readonly K: number; readonly groups?: number },
): void {
  const { N, K, groups = 1 } = size;
  const squares = Math.ceil(N / 4) * Math.ceil(K / 4) * groups;
  const grid = linearGrid(Math.ceil(squares / 64));
  device.launch(transposeKernel(K % 4 === 0), { x, y }, { N, K, groups }, grid);
}

/** An index that selects no row. */
export const NO_ROW = 0xffff_ffff;

/** Goes from one vec4 of a thread to the next without a division. */
const selectRowsKernel = defineKernel({
  name: 'select rows',
  params: { vectors: 'u32', dv: 'u32', rowStep: 'u32', columnStep: 'u32', scale: 'f32' },
  reads: { x: 'array<vec4f>', index: 'array<u32>' },
  writes: { y: 'array<vec4f>' },
  ...walkElements('vectors', {
    setup: 'var row = id / params.dv; var column = id % params.dv;',
  })`let source = index[row];
    if (source == ${NO_ROW}u) { y[id] = vec4f(); } else { y[id] = x[source * params.dv + column] * params.scale; }
    row += params.rowStep;
    column += params.columnStep;
    if (column >= params.dv) { column -= params.dv; row++; }`,
});

/** y[i] = scale · x[index[i]], or 0 where the index is `NO_ROW`. Rows have d values, d a multiple of 4. */
export function selectRows(
  device: Device,
  views: { readonly x: BufferView; readonly index: BufferView; readonly y: BufferView },
  size: { readonly count: number; readonly d: number; readonly scale?: number },
): void {
  const { count, d, scale = 1 } = size;
  const dv = d / 4;
  const params = {
    vectors: count * dv,
    dv,
    rowStep: Math.floor(ABREAST / dv),
    columnStep: ABREAST % dv,
    scale,
  };
  device.launch(selectRowsKernel, views, params);
}
