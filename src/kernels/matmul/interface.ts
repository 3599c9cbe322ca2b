/** Operands, epilogue and order of tiles, which all variants of the matrix product share. */
import type { BufferView } from '../../gpu/buffers.ts';
import { GROUP_INDEX, linearGrid, unroll } from '../../gpu/kernel.ts';
import { GELU_WGSL } from '../erf.ts';

/** Rows of a grouped product start at multiples of this, so that no tile of as many rows spans two groups. */
export const GROUP_ROWS = 32;

export interface MatmulOptions {
  /** (M,K), or (batches,M,K). */
  readonly a: BufferView;
  /** (K, N rounded up to a multiple of 4), or with `bTransposed` (N,K); one such matrix per group if grouped, or per batch. */
  readonly b: BufferView;
  /** True if B lies in memory as the weights of a linear layer do, a column after the other. Default: false. */
  readonly bTransposed?: boolean | undefined;
  /** (M,N), or (batches,M,N). */
  readonly c: BufferView;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  /** (N), or (groups,N). */
  readonly bias?: BufferView | undefined;
  /** (M,N), added to the product. */
  readonly residual?: BufferView | undefined;
  /** (M,N): receives the values before GELU; giving it applies GELU. */
  readonly pre?: BufferView | undefined;
  /** (M,N): the result is multiplied by the derivative of GELU at these values, last of all. */
  readonly geluOf?: BufferView | undefined;
  /** For each `GROUP_ROWS` rows of A, the group whose B they are multiplied by: u32 (⌈M / GROUP_ROWS⌉). */
  readonly groupOfTile?: BufferView | undefined;
  /** Number of products, and if all of them share A; 1 unless given. Not with `groupOfTile`. */
  readonly batches?: { readonly count: number; readonly sharedA: boolean };
  /** True if a row of C must have the same bits whatever M is, and whichever row it is. Default: false. */
  readonly batchInvariant?: boolean | undefined;
}

/** A is read as vec4s, vec2s or scalars along K. */
export type Depth = 1 | 2 | 4;

/** Form of a kernel, beside its tile. */
export interface Operands {
  /** Any of `bias`, `gelu` (which also stores the value before it to `pre`), `residual` and `derivative`, applied in this order. */
  readonly epilogue: string;
  /** N is a multiple of 4, so that C is written as vec4s. */
  readonly vectorised: boolean;
  /** Values of A that are read at once: 4, 2 or 1, as K allows. */
  readonly depth: Depth;
  readonly grouped: boolean;
  /** B is (N,K). */
  readonly transposed: boolean;
}

/** Return the form of the kernel for these options; `depths` are those that it can have, the best first. */
export function operandsOf(
  { bias, pre, residual, geluOf, N, K, groupOfTile, bTransposed = false }: MatmulOptions,
  depths: readonly Depth[] = [4, 1],
): Operands {
  return {
    epilogue:
      [bias && 'bias', pre && 'gelu', residual && 'residual', geluOf && 'derivative']
        .filter(Boolean)
        .join('+') || 'none',
    vectorised: N % 4 === 0,
    depth: depths.find((depth) => K % depth === 0) ?? 1,
    grouped: groupOfTile !== undefined,
    transposed: bTransposed,
  };
}

/** A tile of C: its rows and its columns, these in vec4s. */
export interface Tile {
  readonly rows: number;
  readonly vectors: number;
}

/** `bias+gelu grouped Bᵀ` */
export const formOf = ({ epilogue, grouped, transposed }: Operands): string =>
  `${epilogue}${grouped ? ' grouped' : ''}${transposed ? ' Bᵀ' : ''}`;

/** `matmul bias+gelu grouped Bᵀ` */
export const title = (operands: Operands): string => `matmul ${formOf(operands)}`;

/** Return the parameters and workgroups of a launch with such tiles. */
export function sizesOf(tile: Tile, options: MatmulOptions) {
  const { M, N, K } = options;
  const { count, sharedA } = options.batches ?? { count: 1, sharedA: false };
  const tiles = Math.ceil(M / tile.rows) * Math.ceil(N / 4 / tile.vectors);
  return {
    params: { M, N, K, batches: count, aStride: sharedA ? 0 : M },
    workgroups: linearGrid(tiles * count),
  };
}

/** WGSL of four values of a row from k on, a multiple of 4: zeros past K. `at` is the row of the whole buffer. */
const quad = (buffer: string, depth: Depth): string =>
  depth === 4
    ? `return select(vec4f(), ${buffer}[at * (params.K / 4) + min(k, params.K - 4) / 4], k < params.K);`
    : `let ks = k + vec4u(0, 1, 2, 3);
  let i = at * params.K + min(ks, vec4u(params.K - 1));
  return select(vec4f(), vec4f(${buffer}[i.x], ${buffer}[i.y], ${buffer}[i.z], ${buffer}[i.w]), ks < vec4u(params.K));`;

/**
 * WGSL functions that read what takes part in a sum, zeros past K; rows and columns past the last one are the last one's.
 * `loadA(row, k, aRow)`: four values of a row, from k on. Of B, `loadB(k, column, matrix)`: a vec4 column's values in row k;
 * transposed, `loadColumn(n, k, matrix)`: four values of a column, from k on.
 */
export const loadsWgsl = ({ depth, transposed }: Operands): string => `
fn loadA(row: u32, k: u32, aRow: u32) -> vec4f {
  let at = aRow + min(row, params.M - 1);
  ${quad('a', depth)}
}
${
  transposed
    ? `fn loadColumn(n: u32, k: u32, matrix: u32) -> vec4f {
  let at = matrix * params.N + min(n, params.N - 1);
  ${quad('b', depth)}
}`
    : `fn loadB(k: u32, column: u32, matrix: u32) -> vec4f {
  let width = (params.N + 3) / 4;
  let at = (matrix * params.K + min(k, params.K - 1)) * width + min(column, width - 1);
  return select(vec4f(), b[at], k < params.K);
}`
}`;

/** WGSL declarations of the columns of four vec4s: `to`0 … `to`3 of the transpose of `from`0 … `from`3. */
export const transposeWgsl = (from: string, to: string): string =>
  unroll(4, (u) => `let ${to}${u} = vec4f(${from}0[${u}], ${from}1[${u}], ${from}2[${u}], ${from}3[${u}]);`);

/**
 * Declarations; the functions `biasAt(vec4 column, group)`, what a product begins with (0 without a bias), and
 * `store(row, vec4 column, product, batch)`, which does the rest of the epilogue; and `locate`, which finds the workgroup's
 * tile: its first row, its first vec4 column, its batch, and what it reads. B's rows are padded to a multiple of 4
 * columns, so that it is read as vec4s whatever N is. Transposed, it is read like A.
 */
export function matmulInterface({ epilogue, vectorised, depth, grouped, transposed }: Operands, tile: Tile) {
  const alongK = depth === 1 ? 'array<f32>' : `array<vec${depth}f>`;
  const type = vectorised ? 'array<vec4f>' : 'array<f32>';
  const bias = epilogue.includes('bias');
  const gelu = epilogue.includes('gelu');
  const residual = epilogue.includes('residual');
  const derivative = epilogue.includes('derivative');
  const width = vectorised ? 'params.N / 4' : 'params.N';
  const ofVector = (name: string, value: string): string =>
    vectorised ? `${name}(${value})` : `${name}(vec4f(${value})).x`;
  const finish = (column: string) => `
    let at = (batch * params.M + row) * width + ${column};
    ${gelu ? `pre[at] = value; value = ${ofVector('gelu', 'value')};` : ''}
    ${residual ? 'value += residual[at];' : ''}
    ${derivative ? `value *= ${ofVector('geluDerivative', 'geluOf[at]')};` : ''}
    c[at] = value;`;
  const last = 'vec4u(params.N - 1)';
  const scalars = `min(column * 4 + vec4u(0, 1, 2, 3), ${last})${grouped ? ' + group * params.N' : ''}`;
  const biasAt = !bias
    ? 'return vec4f();'
    : vectorised
      ? `return bias[min(column, params.N / 4 - 1)${grouped ? ' + group * (params.N / 4)' : ''}];`
      : `let at = ${scalars};
  return vec4f(bias[at.x], bias[at.y], bias[at.z], bias[at.w]);`;
  return {
    // `aStride`: rows from one batch's A to the next one's, 0 where all batches share it.
    params: { M: 'u32', N: 'u32', K: 'u32', batches: 'u32', aStride: 'u32' },
    flops: ({ M, N, K, batches }: Readonly<Record<'M' | 'N' | 'K' | 'batches', number>>) =>
      2 * M * N * K * batches,
    reads: {
      a: alongK,
      b: transposed ? alongK : 'array<vec4f>',
      bias: bias ? type : undefined,
      residual: residual ? type : undefined,
      geluOf: derivative ? type : undefined,
      groupOfTile: grouped ? 'array<u32>' : undefined,
    },
    writes: { c: type, pre: gelu ? type : undefined },
    // Without early returns: they would leave masks that a software driver applies to everything that follows.
    store: `${gelu || derivative ? GELU_WGSL : ''}
fn biasAt(column: u32, group: u32) -> vec4f {
  ${biasAt}
}
fn store(row: u32, column: u32, product: vec4f, batch: u32) {
  let width = ${width};
  if (row < params.M && column * 4 < params.N) {
    ${
      vectorised
        ? `var value = product; ${finish('column')}`
        : `for (var i = 0u; i < min(4u, width - column * 4); i++) {
      let scalar = column * 4 + i;
      var value = product[i];
      ${finish('scalar')}
    }`
    }
  }
}`,
    // Rows vary fastest, then columns, then batches.
    locate: `
  let width = (params.N + 3) / 4;
  let steps = params.K / ${depth};       // along a row of A, as it is read
  let rowTiles = (params.M + ${tile.rows - 1}) / ${tile.rows};
  let columnTiles = (width + ${tile.vectors - 1}) / ${tile.vectors};
  let rowTile = ${GROUP_INDEX} % rowTiles;
  let row = rowTile * ${tile.rows};
  let firstColumn = ${GROUP_INDEX} / rowTiles % columnTiles * ${tile.vectors};
  let batch = ${GROUP_INDEX} / rowTiles / columnTiles;
  if (batch >= params.batches) { return; }
  let expert = ${grouped ? `groupOfTile[row / ${GROUP_ROWS}]` : '0u'};
  let aRow = batch * params.aStride;
  let base = (expert + batch) * params.K * width;`,
  } as const;
}
