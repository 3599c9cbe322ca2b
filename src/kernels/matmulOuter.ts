/**
 * The transposed product that gives gradients of weights: C (M,N) += Aᵀ·B with A (R,M), B (R,N), and optionally
 * d (M) += the column sums of A, which is the gradient of the bias. The long sum over R is split into parts of
 * `SPLIT_ROWS` rows whose results are added in a fixed order by a second kernel, so that few columns still fill the
 * machine and the result has the same bits every time.
 *
 * A can also be one-hot: given as R ids it stands for A[r, m] = (id[r] = m) · scale, which makes the gradient of an
 * embedding without atomics. Grouped, the parts are the row ranges of experts and each has a C of its own.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import {
  defineKernel,
  GROUP_ARGS,
  GROUP_INDEX,
  linearGrid,
  memoize,
  THREAD_ARGS,
  unroll,
} from '../gpu/kernel.ts';
import { addParts } from './addParts.ts';

const SPLIT_ROWS = 512;
/** Rows of C per workgroup. */
const ROWS = 32;
const PORTABLE_COLUMNS = 32;

function outerInterface(oneHot: boolean, grouped: boolean) {
  return {
    params: { R: 'u32', M: 'u32', N: 'u32', scale: 'f32', columnSums: 'u32', parts: 'u32' },
    // Of one-hot rows only sums are needed.
    flops: ({ R, M, N }: Readonly<Record<'R' | 'M' | 'N', number>>) => (oneHot ? 0 : 2 * R * M * N),
    reads: {
      a: oneHot ? 'array<u32>' : 'array<f32>',
      b: 'array<vec4f>',
      ...(grouped ? { ranges: 'array<vec2u>' } : {}),
    },
    writes: { parts: 'array<f32>' },
    // A part is (M,N) followed by the M column sums. Groups are numbered by rows, then columns, then parts.
    prelude: `
fn tileOf(group: u32, vectors: u32) -> vec3u {
  let rowTiles = (params.M + ${ROWS - 1}) / ${ROWS};
  let columnTiles = (params.N / 4 + vectors - 1) / vectors;
  return vec3u(group % rowTiles, group / rowTiles % columnTiles, group / rowTiles / columnTiles);
}
fn partRange(part: u32) -> vec2u {
  ${
    grouped
      ? 'return ranges[part];'
      : `return vec2u(part * ${SPLIT_ROWS}, min((part + 1) * ${SPLIT_ROWS}, params.R));`
  }
}
fn loadA(r: u32, m: u32) -> f32 {
  ${oneHot ? 'return select(0.0, params.scale, a[r] == m);' : 'return a[r * params.M + m];'}
}
fn store(part: u32, row: u32, column: u32, value: vec4f) {
  if (row >= params.M || column * 4 >= params.N) { return; }
  let at = part * params.M * (params.N + 1) + row * params.N + column * 4;
  for (var i = 0u; i < 4; i++) { parts[at + i] = value[i]; }
}
fn storeColumnSum(part: u32, row: u32, value: f32) {
  if (row < params.M) { parts[part * params.M * (params.N + 1) + params.M * params.N + row] = value; }
}`,
  } as const;
}

const subgroupOuter = memoize((S: number, vectors: number, oneHot: boolean, grouped: boolean) => {
  const shares = ROWS / S;
  const { prelude, ...bindings } = outerInterface(oneHot, grouped);
  return defineKernel({
    ...bindings,
    name: `matmulOuter${oneHot ? ' one-hot' : ''}${grouped ? ' grouped' : ''} subgroup ${S} ${ROWS}×${vectors}`,
    enables: ['subgroups'],
    code: `${prelude}
@compute @workgroup_size(${S})
fn main(${GROUP_ARGS}, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = tileOf(${GROUP_INDEX}, ${S * vectors});
  if (tile.z >= params.parts) { return; }
  let width = params.N / 4;
  let row = tile.x * ${ROWS};
  let column = tile.y * ${S * vectors} + lane;
  let rows = partRange(tile.z);
  ${unroll(shares, (p) => `let m${p} = min(row + lane + ${S * p}, params.M - 1); var columnSum${p} = 0.0;`)}
  ${unroll(vectors, (j) => `let n${j} = min(column + ${S * j}, width - 1);`)}
  ${unroll(ROWS * vectors, (i) => `var sum${i} = vec4f();`)}
  for (var r = rows.x; r < rows.y; r++) {
    ${unroll(shares, (p) => `let x${p} = loadA(r, m${p}); columnSum${p} += x${p};`)}
    ${unroll(vectors, (j) => `let y${j} = b[r * width + n${j}];`)}
    ${unroll(
      ROWS,
      (i) => `let s${i} = subgroupBroadcast(x${Math.floor(i / S)}, ${i % S});
    ${unroll(vectors, (j) => `sum${i * vectors + j} += s${i} * y${j};`)}`,
    )}
  }
  var sums = array<vec4f, ${ROWS * vectors}>(${Array.from({ length: ROWS * vectors }, (_, i) => `sum${i}`).join(', ')});
  for (var i = 0u; i < ${ROWS}; i++) {
    ${unroll(vectors, (j) => `store(tile.z, row + i, column + ${S * j}, sums[i * ${vectors} + ${j}]);`)}
  }
  if (params.columnSums == 1 && tile.y == 0) {
    ${unroll(shares, (p) => `storeColumnSum(tile.z, row + lane + ${S * p}, columnSum${p});`)}
  }
}`,
  });
});

const portableOuter = memoize((oneHot: boolean, grouped: boolean) => {
  const { prelude, ...bindings } = outerInterface(oneHot, grouped);
  const vectors = PORTABLE_COLUMNS / 4;
  return defineKernel({
    ...bindings,
    name: `matmulOuter${oneHot ? ' one-hot' : ''}${grouped ? ' grouped' : ''} portable`,
    code: `${prelude}
const STEP = 16u;
var<workgroup> tileA: array<f32, STEP * ${ROWS}>;
var<workgroup> tileB: array<vec4f, STEP * ${vectors}>;
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let tile = tileOf(${GROUP_INDEX}, ${vectors});
  if (tile.z >= params.parts) { return; }
  let width = params.N / 4;
  let row = tile.x * ${ROWS};
  let column = tile.y * ${vectors};
  let rows = partRange(tile.z);
  let x = thread % ${vectors};
  let y = thread / ${vectors} * 4;
  var sum: array<vec4f, 4>;
  var columnSum = vec4f();
  for (var r0 = rows.x; r0 < rows.y; r0 += STEP) {
    for (var i = thread; i < STEP * ${ROWS}; i += 64) {
      let r = r0 + i / ${ROWS};
      tileA[i] = select(0.0, loadA(min(r, rows.y - 1), min(row + i % ${ROWS}, params.M - 1)), r < rows.y);
    }
    for (var i = thread; i < STEP * ${vectors}; i += 64) {
      let r = min(r0 + i / ${vectors}, rows.y - 1);
      tileB[i] = b[r * width + min(column + i % ${vectors}, width - 1)];
    }
    workgroupBarrier();
    for (var k = 0u; k < STEP; k++) {
      let right = tileB[k * ${vectors} + x];
      for (var i = 0u; i < 4; i++) {
        let left = tileA[k * ${ROWS} + y + i];
        sum[i] += left * right;
        columnSum[i] += left;
      }
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 4; i++) {
    store(tile.z, row + y + i, column + x, sum[i]);
    if (params.columnSums == 1 && tile.y == 0 && x == 0) { storeColumnSum(tile.z, row + y + i, columnSum[i]); }
  }
}`,
  });
});

export interface MatmulOuterOptions {
  /** f32 (R,M), or with `oneHotScale` u32 ids (R). */
  readonly a: BufferView;
  /** (R,N), N a multiple of 4. */
  readonly b: BufferView;
  /** (M,N), or (groups,M,N): added to. */
  readonly c: BufferView;
  /** (M), or (groups,M): added to. */
  readonly columnSums?: BufferView | undefined;
  readonly R: number;
  readonly M: number;
  readonly N: number;
  readonly oneHotScale?: number | undefined;
  /** First and end row of each group: u32 (groups,2). */
  readonly ranges?: { readonly view: BufferView; readonly groups: number } | undefined;
}

/** C += Aᵀ · B, and the column sums of A. */
export function matmulOuter(device: Device, options: MatmulOuterOptions): void {
  const { a, b, c, columnSums, R, M, N, oneHotScale, ranges } = options;
  if (N % 4 !== 0) throw new Error(`matmulOuter: N = ${N} must be a multiple of 4`);
  if (R === 0) return;
  const oneHot = oneHotScale !== undefined;
  const parts = ranges?.groups ?? Math.ceil(R / SPLIT_ROWS);
  const stride = M * (N + 1);
  const partial = device.allocate(parts * stride * 4);
  const buffers = { a, b, parts: partial, ...(ranges ? { ranges: ranges.view } : {}) } as never;
  const params = { R, M, N, scale: oneHotScale ?? 1, columnSums: columnSums ? 1 : 0, parts };
  const S = device.subgroupSize;
  if (S >= 4 && S <= 16) {
    const vectors = N <= 4 * S ? 1 : 2;
    const kernel = subgroupOuter(S, vectors, oneHot, ranges !== undefined);
    device.launch(
      kernel,
      buffers,
      params,
      linearGrid(Math.ceil(M / ROWS) * Math.ceil(N / (4 * S * vectors)) * parts),
    );
  } else {
    const kernel = portableOuter(oneHot, ranges !== undefined);
    device.launch(
      kernel,
      buffers,
      params,
      linearGrid(Math.ceil(M / ROWS) * Math.ceil(N / PORTABLE_COLUMNS) * parts),
    );
  }
  addParts(device, {
    parts: partial,
    count: ranges ? 1 : parts,
    stride,
    first: c,
    size: M * N,
    second: columnSums,
    secondSize: M,
    groups: ranges?.groups ?? 1,
  });
  device.release(partial);
}
