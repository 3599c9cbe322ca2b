/** Transposition of weights: of one, or of all that lie in one buffer, in one dispatch. A thread transposes a square of 4 × 4. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, THREAD_ARGS, unroll } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';

/** Threads of a workgroup. */
const THREADS = 64;

/** Reads vec4s if K is a multiple of 4. */
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

@compute @workgroup_size(${THREADS})
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * ${THREADS} + thread;
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
  const grid = linearGrid(Math.ceil(squares / THREADS));
  device.launch(transposeKernel(K % 4 === 0), { x, y }, { N, K, groups }, grid);
}

/** A matrix (N,K) in a buffer, K a multiple of 4. */
export interface PlacedMatrix {
  readonly N: number;
  readonly K: number;
  /** Indices of its first value in the source and in the target, multiples of 4. */
  readonly from: number;
  readonly to: number;
}

/** Matrices as kernels read them. */
export interface MatrixTable {
  /** u32 (matrices, 4): first vec4 of the source and of the target, N, K. */
  readonly matrices: Uint32Array<ArrayBuffer>;
  /** u32 (workgroups, 2): the matrix of each workgroup, and its first square of the matrix. */
  readonly tiles: Uint32Array<ArrayBuffer>;
}

/** Divide matrices among workgroups. */
export function matrixTable(matrices: readonly PlacedMatrix[]): MatrixTable {
  const tiles: number[] = [];
  for (const [i, { N, K }] of matrices.entries()) {
    const squares = Math.ceil(N / 4) * (K / 4);
    for (let first = 0; first < squares; first += THREADS) tiles.push(i, first);
  }
  const rows = matrices.flatMap(({ N, K, from, to }) => [from / 4, to / 4, N, K]);
  return { matrices: Uint32Array.from(rows), tiles: Uint32Array.from(tiles) };
}

const transposeAllKernel = defineKernel({
  name: 'transpose all',
  params: { tiles: 'u32' },
  reads: { x: 'array<vec4f>', matrices: 'array<vec4u>', tiles: 'array<vec2u>' },
  writes: { y: 'array<vec4f>' },
  code: `
fn row(matrix: vec4u, n: u32, k: u32) -> vec4f {
  let values = x[matrix.x + (min(n, matrix.z - 1) * matrix.w + k) / 4];
  return select(vec4f(), values, n < matrix.z);
}

@compute @workgroup_size(${THREADS})
fn main(${THREAD_ARGS}) {
  if (${GROUP_INDEX} >= params.tiles) { return; }
  let tile = tiles[${GROUP_INDEX}];
  let matrix = matrices[tile.x];
  let across = (matrix.z + 3) / 4;
  let id = tile.y + thread;
  let n = id % across;
  let k = id / across * 4;
  if (k >= matrix.w) { return; }
  ${unroll(4, (i) => `let x${i} = row(matrix, n * 4 + ${i}, k);`)}
  let to = matrix.y + k * across + n;
  ${unroll(4, (i) => `y[to + ${i} * across] = vec4f(x0[${i}], x1[${i}], x2[${i}], x3[${i}]);`)}
}`,
});

/** Write the transposes of the matrices in x to y: each (K, N rounded up to a multiple of 4, zero-padded). */
export function transposeAll(
  device: Device,
  views: Readonly<Record<'x' | 'y' | 'matrices' | 'tiles', BufferView>>,
  tiles: number,
): void {
  device.launch(transposeAllKernel, views, { tiles }, linearGrid(tiles));
}
