/**
 * The product C (M,N) = A (M,K) · B (K,N) [+ bias] [→ GELU] [+ residual], row-major f32: every linear layer's forward
 * pass and the gradient of its input. B's rows are padded to a multiple of 4 columns, so that it is read as vec4
 * whatever N is. Grouped, the rows of A belong to experts, each with its own B and bias.
 *
 * Two variants. `subgroup`: one workgroup is one subgroup of S lanes; every lane holds a tile of rows × vec4
 * columns in registers, loads a share of A's scalars and B's vec4s, and takes the rest from its neighbours with
 * subgroupBroadcast. On software drivers, where a storage load costs a hundred instructions, this is 3-5 times the
 * speed of a register tile. `portable`: 32×32 tiles in workgroup memory, 4 columns × 4 rows per thread.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, memoize, unroll } from '../gpu/kernel.ts';
import { ERF_WGSL } from './erf.ts';

/** Rows of a grouped product start at multiples of this, so that no tile spans two groups. */
export const GROUP_ROWS = 32;
/** Rows and columns of a tile of the portable variants. */
const TILE = 32;

/**
 * Declarations and the function `store(row, vec4 column, product, group)`, shared by both variants. The epilogue is
 * any of `bias`, `gelu` (which also stores the value before it to `pre`) and `residual`, in this order.
 */
function matmulInterface(epilogue: string, vectorised: boolean, grouped: boolean) {
  const type = vectorised ? 'array<vec4f>' : 'array<f32>';
  const bias = epilogue.includes('bias');
  const gelu = epilogue.includes('gelu');
  const residual = epilogue.includes('residual');
  const width = vectorised ? 'params.N / 4' : 'params.N';
  const finish = (column: string) => `
    let at = row * width + ${column};
    ${bias ? `value += bias[${grouped ? 'group * width + ' : ''}${column}];` : ''}
    ${gelu ? `pre[at] = value; value = gelu(${vectorised ? 'value' : 'vec4f(value)'})${vectorised ? '' : '.x'};` : ''}
    ${residual ? 'value += residual[at];' : ''}
    c[at] = value;`;
  return {
    params: { M: 'u32', N: 'u32', K: 'u32' },
    reads: {
      a: 'array<f32>',
      b: 'array<vec4f>',
      ...(bias ? { bias: type } : {}),
      ...(residual ? { residual: type } : {}),
      ...(grouped ? { groupOfTile: 'array<u32>' } : {}),
    },
    writes: { c: type, ...(gelu ? { pre: type } : {}) },
    store: `${gelu ? ERF_WGSL : ''}
fn store(row: u32, column: u32, product: vec4f, group: u32) {
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
  } as const;
}

const subgroupMatmul = memoize(
  (S: number, rows: number, vectors: number, epilogue: string, vectorised: boolean, grouped: boolean) => {
    const shares = rows / S;
    const { store, ...bindings } = matmulInterface(epilogue, vectorised, grouped);
    return defineKernel({
      ...bindings,
      name: `matmul ${epilogue}${grouped ? ' grouped' : ''} subgroup ${S} ${rows}×${vectors}`,
      enables: ['subgroups'],
      code: `${store}
@compute @workgroup_size(${S})
fn main(@builtin(workgroup_id) tile: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let width = (params.N + 3) / 4;
  let row = tile.x * ${rows};
  let column = tile.y * ${S * vectors} + lane;
  let expert = ${grouped ? 'groupOfTile[tile.x]' : '0u'};
  let base = expert * params.K * width;
  ${unroll(shares, (p) => `let a${p} = min(row + lane + ${S * p}, params.M - 1) * params.K;`)}
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
    ${unroll(vectors, (j) => `store(row + i, column + ${S * j}, sums[i * ${vectors} + ${j}], expert);`)}
  }
}`,
    });
  },
);

const portableMatmul = memoize((epilogue: string, vectorised: boolean, grouped: boolean) => {
  const { store, ...bindings } = matmulInterface(epilogue, vectorised, grouped);
  return defineKernel({
    ...bindings,
    name: `matmul ${epilogue}${grouped ? ' grouped' : ''} portable`,
    code: `${store}
const STEP = 16u;
var<workgroup> tileA: array<f32, ${TILE} * STEP>;
var<workgroup> tileB: array<vec4f, STEP * ${TILE / 4}>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) tile: vec3u, @builtin(local_invocation_index) thread: u32) {
  let width = (params.N + 3) / 4;
  let row = tile.x * ${TILE};
  let column = tile.y * ${TILE / 4};
  let expert = ${grouped ? 'groupOfTile[tile.x]' : '0u'};
  let base = expert * params.K * width;
  let x = thread % 8;
  let y = thread / 8 * 4;
  var sum: array<vec4f, 4>;
  for (var k0 = 0u; k0 < params.K; k0 += STEP) {
    for (var i = thread; i < ${TILE} * STEP; i += 64) {
      let r = row + i / STEP;
      let k = k0 + i % STEP;
      tileA[i] = select(0.0, a[min(r, params.M - 1) * params.K + min(k, params.K - 1)], k < params.K);
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
  for (var i = 0u; i < 4; i++) { store(row + y + i, column + x, sum[i], expert); }
}`,
  });
});

export interface MatmulOptions {
  /** (M,K) */
  readonly a: BufferView;
  /** (K, N rounded up to a multiple of 4); one such matrix per group if grouped. */
  readonly b: BufferView;
  /** (M,N) */
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
}

/** C = A · B with an epilogue: bias, then GELU, then residual. */
export function matmul(device: Device, options: MatmulOptions): void {
  const { M, N, K, pre, bias, residual, groupOfTile } = options;
  const epilogue =
    [bias && 'bias', pre && 'gelu', residual && 'residual'].filter(Boolean).join('+') || 'none';
  const vectorised = N % 4 === 0;
  const grouped = groupOfTile !== undefined;
  const S = device.subgroupSize;
  const buffers = options as never;
  if (S >= 4 && S <= 16) {
    const vectors = N <= 4 * S ? 1 : 2;
    const rows = grouped || M > 16 ? GROUP_ROWS : 16;
    const kernel = subgroupMatmul(S, rows, vectors, epilogue, vectorised, grouped);
    device.launch(kernel, buffers, { M, N, K }, [Math.ceil(M / rows), Math.ceil(N / (4 * S * vectors))]);
  } else {
    const kernel = portableMatmul(epilogue, vectorised, grouped);
    device.launch(kernel, buffers, { M, N, K }, [Math.ceil(M / TILE), Math.ceil(N / TILE)]);
  }
}
