/**
 * For GPUs: a workgroup computes a tile of C from tiles of A and B that it copies into its own memory, `step` of K at a time; a
 * thread computes `threadRows` × `threadVectors` vec4s of it in registers. 32×32 with 4×1 to a thread runs on every adapter
 * and is the portable variant.
 *
 * Both tiles lie in memory k by k, so that a thread reads what it multiplies as vec4s: with 8×8 to a thread, 128 operations to
 * 4 loads. A, and B where it is transposed, arrive as blocks of 4×4 that a thread turns in its registers. Neighbours read one
 * row's blocks and write different rows of the tile, so the columns of the tile are permuted (`swizzle`): neighbours write to
 * different banks. The loads of the next step are on their way to registers while this one is multiplied. 8×8 to a thread:
 * 64 registers of sums, 32 of loads on their way, 16 of operands.
 *
 * With f16 the copies are rounded to half precision, which halves their memory; products and sums stay f32.
 */
import { defineKernel, launchOf, THREAD_ARGS, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { Variant } from '../../gpu/variants.ts';
import {
  GROUP_ROWS,
  loadsWgsl,
  type MatmulOptions,
  matmulInterface,
  type Operands,
  operandsOf,
  sizesOf,
  title,
  transposeWgsl,
} from './interface.ts';

/** A tile of C, in scalars, and how it is computed. */
export interface MatmulTile {
  readonly rows: number;
  readonly columns: number;
  /** Of it per thread: rows, a multiple of 4, and columns in vec4s. */
  readonly threadRows: number;
  readonly threadVectors: number;
  /** Of K at a time: 16 or 32. */
  readonly step: 16 | 32;
  readonly f16?: boolean;
}

const threadsOf = ({ rows, columns, threadRows, threadVectors }: MatmulTile): number =>
  (rows / threadRows) * (columns / 4 / threadVectors);

const bytesOf = ({ rows, columns, step, f16 }: MatmulTile): number => (rows + columns) * step * (f16 ? 2 : 4);

/** WGSL that is run by `count` of the threads. */
const byThreads = (count: number, threads: number, code: string): string =>
  count < threads ? `if (thread < ${count}) {\n${code}\n}` : code;

/** The way of an operand from storage to its tile: its declarations, its loads for the step that begins at k, and its stores. */
interface Copy {
  readonly declare: string;
  readonly load: (k: string) => string;
  readonly store: string;
}

/** Copy blocks of 4 rows, or columns, × 4 of K. `side`: their number; `row(i)`: WGSL of four values of one, from `k` on. */
function blocks(
  name: 'A' | 'B',
  { step }: MatmulTile,
  { side, threads, vec, row }: Record<'side' | 'threads', number> & { vec: string; row: Row },
): Copy {
  const deep = step / 4;
  const count = (side / 4) * deep;
  const shares = Math.ceil(count / threads);
  const each = (code: (q: number) => string) => byThreads(count, threads, unroll(shares, code));
  const block = (q: number) => `(thread + ${q * threads})`;
  return {
    declare: unroll(shares, (q) => unroll(4, (c) => `var next${name}${q}_${c}: vec4f;`)),
    load: (k) =>
      each((q) =>
        unroll(
          4,
          (c) =>
            `next${name}${q}_${c} = ${row(`${block(q)} / ${deep} * 4 + ${c}`, `${k} + ${block(q)} % ${deep} * 4`)};`,
        ),
      ),
    store: each(
      (q) => `{
      ${transposeWgsl(`next${name}${q}_`, 'turned')}
      let deep = ${block(q)} % ${deep};
      let at = deep * ${side} + ((${block(q)} / ${deep}) ^ (deep * SWIZZLE));
      ${unroll(4, (u) => `tile${name}[at + ${(u * side) / 4}] = ${vec}(turned${u});`)}
    }`,
    ),
  };
}
type Row = (row: string, k: string) => string;

/** Copy rows of B, each in vec4s. */
function rowsOfB({ step }: MatmulTile, vectors: number, threads: number, vec: string): Copy {
  const shares = (step * vectors) / threads;
  const at = (q: number) => `(thread + ${q * threads})`;
  return {
    declare: unroll(shares, (q) => `var nextB${q}: vec4f;`),
    load: (k) =>
      unroll(
        shares,
        (q) =>
          `nextB${q} = loadB(${k} + ${at(q)} / ${vectors}, firstColumn + ${at(q)} % ${vectors}, matrix);`,
      ),
    store: unroll(shares, (q) => `tileB[${at(q)}] = ${vec}(nextB${q});`),
  };
}

const kernelOf = memoize(({ tile, operands }: { readonly tile: MatmulTile; readonly operands: Operands }) => {
  const { rows, columns, threadRows, threadVectors, step, f16 = false } = tile;
  const [high, vectors] = [rows / 4, columns / 4];
  const { store, locate, ...bindings } = matmulInterface(operands, { rows, vectors });
  const threads = threadsOf(tile);
  const [down, across] = [rows / threadRows, vectors / threadVectors];
  const vec = f16 ? 'vec4h' : 'vec4f';
  const left = blocks('A', tile, {
    ...{ side: rows, threads, vec },
    row: (row, k) => `loadA(row + ${row}, ${k}, aRow)`,
  });
  const right = operands.transposed
    ? blocks('B', tile, {
        ...{ side: columns, threads, vec },
        row: (column, k) => `loadColumn(firstColumn * 4 + ${column}, ${k}, matrix)`,
      })
    : rowsOfB(tile, vectors, threads, vec);
  const swizzledX = (j: number) =>
    operands.transposed ? `((x + ${j * across}) ^ swizzle)` : `x + ${j * across}`;
  const sum = (i: number, j: number) => `sum${i}_${j}`;
  const each = (text: (i: number, j: number) => string) =>
    unroll(threadRows, (i) => unroll(threadVectors, (j) => text(i, j)));
  return defineKernel({
    ...bindings,
    name: `${title(operands)} tile ${rows}×${columns}, ${threadRows}×${4 * threadVectors} ${f16 ? 'f16' : 'f32'}`,
    ...(f16 ? { enables: ['f16'] } : {}),
    code: `${store}${loadsWgsl(operands)}
const SWIZZLE = ${32 / step}u;
var<workgroup> tileA: array<${vec}, ${step * high}>;
var<workgroup> tileB: array<${vec}, ${step * vectors}>;
@compute @workgroup_size(${threads})
fn main(${THREAD_ARGS}) {${locate}
  let matrix = expert + batch;
  let x = thread % ${across};
  let y = thread / ${across};
  ${unroll(threadVectors, (j) => `let bias${j} = biasAt(firstColumn + x + ${j * across}, expert);`)}
  ${each((i, j) => `var ${sum(i, j)} = bias${j};`)}
  ${left.declare}
  ${right.declare}
  if (params.K > 0) {
    ${left.load('0u')}
    ${right.load('0u')}
  }
  for (var k0 = 0u; k0 < params.K; k0 += ${step}) {
    ${left.store}
    ${right.store}
    workgroupBarrier();
    ${left.load(`k0 + ${step}`)}
    ${right.load(`k0 + ${step}`)}
    for (var k = 0u; k < ${step}; k++) {
      let swizzle = k / 4 * SWIZZLE;
      ${unroll(threadRows / 4, (i) => `let left${i} = vec4f(tileA[k * ${high} + ((y + ${i * down}) ^ swizzle)]);`)}
      ${unroll(threadVectors, (j) => `let right${j} = vec4f(tileB[k * ${vectors} + ${swizzledX(j)}]);`)}
      ${each((i, j) => `${sum(i, j)} += left${Math.floor(i / 4)}[${i % 4}] * right${j};`)}
    }
    workgroupBarrier();
  }
  ${each((i, j) => `store(row + (y + ${Math.floor(i / 4) * down}) * 4 + ${i % 4}, firstColumn + x + ${j * across}, ${sum(i, j)}, batch);`)}
}`,
  });
});

/** See the head of this file. `f16` only where the device allows products of half precision. */
export function tileVariant(tile: MatmulTile): Variant<MatmulOptions> {
  const { rows, columns, threadRows, threadVectors, f16 = false } = tile;
  return {
    name: `tile ${rows}×${columns}, ${threadRows}×${4 * threadVectors}${f16 ? ' f16' : ''}`,
    half: f16,
    fits: ({ limits, halfProducts }, { groupOfTile }) =>
      bytesOf(tile) <= limits.maxComputeWorkgroupStorageSize &&
      threadsOf(tile) <= limits.maxComputeInvocationsPerWorkgroup &&
      (!f16 || halfProducts) &&
      (!groupOfTile || GROUP_ROWS % rows === 0),
    plan: (_, options) => {
      const kernel = kernelOf({ tile, operands: operandsOf(options) });
      return launchOf(kernel, options, sizesOf({ rows, vectors: columns / 4 }, options));
    },
  };
}
