/**
 * The product C (M,N) = A (M,K) · B (K,N) [+ bias] [→ GELU] [+ residual], row-major f32: every linear layer's forward
 * pass and the gradient of its input. B's rows are padded to a multiple of 4 columns, so that it is read as vec4
 * whatever N is. Grouped, the rows of A belong to experts, each with its own B and bias. Batched, many products of one
 * shape are made at once, from as many Bs and as many As or one A that they share.
 *
 * Two variants. `subgroup`: one workgroup is one subgroup of S lanes; every lane holds a tile of rows × vec4
 * columns in registers, loads a share of A's scalars and B's vec4s, and takes the rest from its neighbours with
 * subgroupBroadcast. On software drivers, where a storage load costs a hundred instructions, this is 3-5 times the
 * speed of a register tile. `portable`: 32×32 tiles in workgroup memory, 4 columns × 4 rows per thread.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import {
  defineKernel,
  GROUP_ARGS,
  GROUP_INDEX,
  type Kernel,
  linearGrid,
  memoize,
  THREAD_ARGS,
  unroll,
} from '../gpu/kernel.ts';
import { ERF_WGSL } from './erf.ts';

/** Rows of a grouped product start at multiples of this, so that no tile spans two groups. */
export const GROUP_ROWS = 32;
/** Rows and columns of a tile of the portable variants. */
const TILE = 32;

/**
 * Declarations, the function `store(row, vec4 column, product, batch, group)` and `locate`, which finds the workgroup's
 * tile: its first row, its first vec4 column, its batch, and what it reads. Shared by both variants. The epilogue is
 * any of `bias`, `gelu` (which also stores the value before it to `pre`) and `residual`, in this order.
 */
function matmulInterface(
  epilogue: string,
  vectorised: boolean,
  grouped: boolean,
  tile: { readonly rows: number; readonly vectors: number },
) {
  const type = vectorised ? 'array<vec4f>' : 'array<f32>';
  const bias = epilogue.includes('bias');
  const gelu = epilogue.includes('gelu');
  const residual = epilogue.includes('residual');
  const width = vectorised ? 'params.N / 4' : 'params.N';
  const finish = (column: string) => `
    let at = (batch * params.M + row) * width + ${column};
    ${bias ? `value += bias[${grouped ? 'group * width + ' : ''}${column}];` : ''}
    ${gelu ? `pre[at] = value; value = gelu(${vectorised ? 'value' : 'vec4f(value)'})${vectorised ? '' : '.x'};` : ''}
    ${residual ? 'value += residual[at];' : ''}
    c[at] = value;`;
  return {
    // `aStride`: rows from one batch's A to the next one's, 0 where all batches share it.
    params: { M: 'u32', N: 'u32', K: 'u32', batches: 'u32', aStride: 'u32' },
    flops: ({ M, N, K, batches }: Readonly<Record<'M' | 'N' | 'K' | 'batches', number>>) =>
      2 * M * N * K * batches,
    reads: {
      a: 'array<f32>',
      b: 'array<vec4f>',
      ...(bias ? { bias: type } : {}),
      ...(residual ? { residual: type } : {}),
      ...(grouped ? { groupOfTile: 'array<u32>' } : {}),
    },
    writes: { c: type, ...(gelu ? { pre: type } : {}) },
    store: `${gelu ? ERF_WGSL : ''}
fn store(row: u32, column: u32, product: vec4f, batch: u32, group: u32) {
  if (row >= params.M || column * 4 >= params.N) { return; }
  let width = ${width};
  ${
    vectorised
      ? `var value = product; ${finish('column')}`
      : `for (var i = 0u; i < 4; i++) {
    let scalar = column * 4 + i;
    if (scalar >= width) { return; }
    var value = product[i];
    ${finish('scalar')}
  }`
  }
}`,
    // Rows vary fastest, then columns, then batches.
    locate: `
  let width = (params.N + 3) / 4;
  let rowTiles = (params.M + ${tile.rows - 1}) / ${tile.rows};
  let columnTiles = (width + ${tile.vectors - 1}) / ${tile.vectors};
  let rowTile = ${GROUP_INDEX} % rowTiles;
  let row = rowTile * ${tile.rows};
  let firstColumn = ${GROUP_INDEX} / rowTiles % columnTiles * ${tile.vectors};
  let batch = ${GROUP_INDEX} / rowTiles / columnTiles;
  if (batch >= params.batches) { return; }
  let expert = ${grouped ? 'groupOfTile[rowTile]' : '0u'};
  let aRow = batch * params.aStride;
  let base = (expert + batch) * params.K * width;`,
  } as const;
}

const subgroupMatmul = memoize(
  (S: number, rows: number, vectors: number, epilogue: string, vectorised: boolean, grouped: boolean) => {
    const shares = rows / S;
    const tile = { rows, vectors: S * vectors };
    const { store, locate, ...bindings } = matmulInterface(epilogue, vectorised, grouped, tile);
    return defineKernel({
      ...bindings,
      name: `matmul ${epilogue}${grouped ? ' grouped' : ''} subgroup ${S} ${rows}×${vectors}`,
      enables: ['subgroups'],
      code: `${store}
@compute @workgroup_size(${S})
fn main(${GROUP_ARGS}, @builtin(subgroup_invocation_id) lane: u32) {${locate}
  let column = firstColumn + lane;
  ${unroll(shares, (p) => `let a${p} = (aRow + min(row + lane + ${S * p}, params.M - 1)) * params.K;`)}
  ${unroll(vectors, (j) => `let b${j} = base + min(column + ${S * j}, width - 1);`)}
  ${unroll(rows * vectors, (i) => `var sum${i} = vec4f();`)}
  for (var k = 0u; k < params.K; k++) {
    ${unroll(shares, (p) => `let x${p} = a[a${p} + k];`)}
    ${unroll(vectors, (j) => `let y${j} = b[b${j} + k * width];`)}
    ${unroll(
      rows,
      (i) => `let s${i} = subgroupBroadcast(x${Math.floor(i / S)}, ${i % S});
    ${unroll(vectors, (j) => `sum${i * vectors + j} += s${i} * y${j};`)}`,
    )}
  }
  // Stored in a loop: unrolled, the epilogue would be most of the shader's compile time.
  var sums = array<vec4f, ${rows * vectors}>(${Array.from({ length: rows * vectors }, (_, i) => `sum${i}`).join(', ')});
  for (var i = 0u; i < ${rows}; i++) {
    ${unroll(vectors, (j) => `store(row + i, column + ${S * j}, sums[i * ${vectors} + ${j}], batch, expert);`)}
  }
}`,
    });
  },
);

const portableMatmul = memoize((epilogue: string, vectorised: boolean, grouped: boolean) => {
  const tile = { rows: TILE, vectors: TILE / 4 };
  const { store, locate, ...bindings } = matmulInterface(epilogue, vectorised, grouped, tile);
  return defineKernel({
    ...bindings,
    name: `matmul ${epilogue}${grouped ? ' grouped' : ''} portable`,
    code: `${store}
const STEP = 16u;
var<workgroup> tileA: array<f32, ${TILE} * STEP>;
var<workgroup> tileB: array<vec4f, STEP * ${TILE / 4}>;
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {${locate}
  let column = firstColumn;
  let x = thread % 8;
  let y = thread / 8 * 4;
  var sum: array<vec4f, 4>;
  for (var k0 = 0u; k0 < params.K; k0 += STEP) {
    for (var i = thread; i < ${TILE} * STEP; i += 64) {
      let r = row + i / STEP;
      let k = k0 + i % STEP;
      tileA[i] = select(0.0, a[(aRow + min(r, params.M - 1)) * params.K + min(k, params.K - 1)], k < params.K);
    }
    for (var i = thread; i < STEP * ${TILE / 4}; i += 64) {
      let k = min(k0 + i / ${TILE / 4}, params.K - 1);
      tileB[i] = b[base + k * width + min(column + i % ${TILE / 4}, width - 1)];
    }
    workgroupBarrier();
    for (var k = 0u; k < STEP; k++) {
      let right = tileB[k * ${TILE / 4} + x];
      for (var i = 0u; i < 4; i++) { sum[i] += tileA[(y + i) * STEP + k] * right; }
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 4; i++) { store(row + y + i, column + x, sum[i], batch, expert); }
}`,
  });
});

export interface MatmulOptions {
  /** (M,K), or (batches,M,K). */
  readonly a: BufferView;
  /** (K, N rounded up to a multiple of 4); one such matrix per group if grouped, or per batch. */
  readonly b: BufferView;
  /** (M,N), or (batches,M,N). */
  readonly c: BufferView;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  /** (N), or (groups,N). */
  readonly bias?: BufferView | undefined;
  /** (M,N), added last. */
  readonly residual?: BufferView | undefined;
  /** (M,N): receives the values before GELU; giving it applies GELU. */
  readonly pre?: BufferView | undefined;
  /** For each `GROUP_ROWS` rows of A, the group whose B they are multiplied by: u32 (⌈M / GROUP_ROWS⌉). */
  readonly groupOfTile?: BufferView | undefined;
  /** How many products to make, and whether all of them share A; 1 unless given. Not with `groupOfTile`. */
  readonly batches?: { readonly count: number; readonly sharedA: boolean };
}

/** C = A · B with an epilogue: bias, then GELU, then residual. `residual` and `pre` are batched as C is. */
export function matmul(device: Device, options: MatmulOptions): void {
  const { M, N, K, pre, bias, residual, groupOfTile } = options;
  const epilogue =
    [bias && 'bias', pre && 'gelu', residual && 'residual'].filter(Boolean).join('+') || 'none';
  const vectorised = N % 4 === 0;
  const grouped = groupOfTile !== undefined;
  const S = device.subgroupSize;
  const { count, sharedA } = options.batches ?? { count: 1, sharedA: false };
  const params = { M, N, K, batches: count, aStride: sharedA ? 0 : M };
  const launch = (kernel: Kernel, rows: number, columns: number): void => {
    const tiles = Math.ceil(M / rows) * Math.ceil(N / columns);
    device.launch(kernel, options as never, params, linearGrid(tiles * count));
  };
  if (S >= 4 && S <= 16) {
    const vectors = N <= 4 * S ? 1 : 2;
    const rows = grouped || M > 16 ? GROUP_ROWS : 16;
    launch(subgroupMatmul(S, rows, vectors, epilogue, vectorised, grouped), rows, 4 * S * vectors);
  } else {
    launch(portableMatmul(epilogue, vectorised, grouped), TILE, TILE);
  }
}
