/**
 * The common part of the three kernels in which an invocation takes all rows of a tile for one head, alone. It copies a
 * block of rows of the other side into its own memory, transposed, so that a vec4 holds one value of four rows; then scores
 * are a product of register tiles, four rows by two vec4s, and exp takes four at a time. For the WebAssembly adapter.
 */
import { GROUP_ARGS, unroll } from '../../gpu/kernel.ts';
import { type Heads, headWgsl, type Side } from './heads.ts';
import { ATTENTION_TILE_ROWS } from './shape.ts';

/** Own rows that are computed at a time. */
export const GROUP = 4;
/** Groups of a tile. */
const GROUPS = ATTENTION_TILE_ROWS / GROUP;
/** Vec4s of rows of the other side in a register tile, and vec4s of a head. */
const WIDE = 2;
const COMPONENTS = ['x', 'y', 'z', 'w'];

/** The layout for which a kernel is specialised. */
export interface MicrokernelLayout extends Heads {
  /** vec4s of a head. */
  readonly vectors: number;
}

/** Return WGSL of four values, one for each row of a group. */
export const ofGroup = (value: (r: number) => string): string =>
  `vec4f(${unroll(GROUP, (r) => value(r), ', ')})`;

/** Vec4s of a head that are written out; more are a loop, which costs its checks of bounds. */
const MOST_UNROLLED = 0;

/** Return WGSL for each vec4 of a head. */
const eachVector = (vectors: number, text: (c: string) => string): string =>
  vectors <= MOST_UNROLLED
    ? unroll(vectors, (c) => text(`${c}`))
    : `for (var c = 0u; c < ${vectors}; c++) { ${text('c')} }`;

/** Return WGSL for each row of a group. */
export const eachRow = (text: (r: number) => string): string => unroll(GROUP, text);

/**
 * Return pieces of WGSL.
 * @param blockValues values of a head times rows of a block, at most.
 */
export function microkernelWgsl(layout: MicrokernelLayout, side: Side, blockValues: number) {
  const { vectors } = layout;
  /** Rows of a block, a multiple of 8. */
  const block = Math.min(64, Math.max(8, Math.floor(blockValues / 4 / vectors / 8) * 8));
  /** The same in vec4s. */
  const wide = block / 4;
  const heads = headWgsl(layout, side, { vectors: `${vectors}` });
  return {
    heads,
    block,
    wide,
    /** The start of `main`: which tile and head this is. */
    start: `
@compute @workgroup_size(1)
fn main(${GROUP_ARGS}) {
  let number = group.x + group.z * groups.x;
  if (number >= params.tiles) { return; }
  let tile = tiles[number];       // first row of the tile, first and end row of its sequence
  if (tile.x >= tile.z) { return; }${heads.start}
  let rows = min(${ATTENTION_TILE_ROWS}u, tile.z - tile.x);`,
    /** Declares an array of the values of a block, transposed: value d of its rows 4j … 4j + 3 at d · ${wide} + j. */
    transposed: (name: string): string => `var ${name}: array<vec4f, ${4 * vectors * wide}>;`,
    /** Declares an array of the rows of a block. */
    rowsOfBlock: (name: string): string => `var ${name}: array<vec4f, ${block * vectors}>;`,
    /** Declares an array of values for each row of a group and each row of a block. */
    pairs: (name: string): string => `var ${name}: array<vec4f, ${GROUP * wide}>;`,
    /** Declares an array of the own rows. */
    ownRows: (name: string): string => `var ${name}: array<vec4f, ${ATTENTION_TILE_ROWS * vectors}>;`,
    /** Declares an array of a value for each own row. */
    perRow: (name: string): string => `var ${name}: array<vec4f, ${GROUPS}>;`,
    /**
     * Copies the rows `first` to below `end` of the other side, and the last one again up to a multiple of four.
     * @param copies for each source: its place, by the row's number in \`row\`, and the arrays that it goes to.
     */
    load: (
      copies: readonly {
        readonly from: (row: string) => string;
        readonly transposed?: string;
        readonly rows?: string;
      }[],
      extra = '',
    ): string => `
    let count = min(${block}u, end - first);
    for (var j = 0u; j < (count + 3) / 4; j++) {
      ${unroll(4, (t) => `let row${t} = min(first + j * 4 + ${t}, end - 1);`)}
      ${extra}
      for (var c = 0u; c < ${vectors}; c++) {
        ${copies
          .map(
            ({ from, transposed, rows }) => `{
          ${unroll(4, (t) => `let x${t} = ${from(`row${t}`)};`)}
          ${transposed ? unroll(4, (e) => `${transposed}[(c * 4 + ${e}) * ${wide} + j] = vec4f(${unroll(4, (t) => `x${t}.${COMPONENTS[e]}`, ', ')});`) : ''}
          ${rows ? unroll(4, (t) => `${rows}[(j * 4 + ${t}) * ${vectors} + c] = x${t};`) : ''}
        }`,
          )
          .join('')}
      }
    }`,
    /**
     * Computes `name``r`_`v`: products of own row r of a group with the rows of the block in its vec4 j + v.
     * @param own WGSL of vec4 c of own row r.
     */
    product: (name: string, own: (r: number, c: string) => string, transposed: string): string => `
      ${eachRow((r) => unroll(WIDE, (v) => `var ${name}${r}_${v} = vec4f();`))}
      ${eachVector(vectors, (c) =>
        COMPONENTS.map(
          (component, e) => `{
          ${unroll(WIDE, (v) => `let y${v} = ${transposed}[(${c} * 4 + ${e}) * ${wide} + j + ${v}];`)}
          ${eachRow((r) => unroll(WIDE, (v) => `${name}${r}_${v} += ${own(r, c)}.${component} * y${v};`))}
        }`,
        ).join(''),
      )}`,
    /**
     * Repeats `body` for the register tiles of a block, from vec4 `from` to below `to`: `other``v` numbers four of its rows,
     * which end before `after`.
     */
    tiles: (
      from: string,
      to: string,
      body: (each: (text: (r: number, v: number) => string) => string) => string,
    ): string => `
    for (var j = ${from} / ${WIDE} * ${WIDE}; j < ${to}; j += ${WIDE}) {
      ${unroll(WIDE, (v) => `let other${v} = vec4u(first + (j + ${v}) * 4) + vec4u(0, 1, 2, 3);`)}
      let after = first + (j + ${WIDE}) * 4;
      ${body((text) => eachRow((r) => unroll(WIDE, (v) => text(r, v))))}
    }`,
    /**
     * Adds the rows of the block, times their weights, to the own rows of the group that begins with row i.
     * @param rescale WGSL of a factor for what row r of the group has so far.
     */
    accumulate: (
      {
        weights,
        rows,
        to,
        from,
        end,
      }: {
        readonly weights: string;
        readonly rows: string;
        readonly to: string;
        readonly from: string;
        readonly end: string;
      },
      rescale?: (r: number) => string,
    ): string => {
      const columns = (count: number): string => `
      for (; c + ${count} <= ${vectors}; c += ${count}) {
        ${eachRow((r) => unroll(count, (v) => `var sum${r}_${v} = ${to}[(i + ${r}) * ${vectors} + c + ${v}]${rescale ? ` * ${rescale(r)}` : ''};`))}
        for (var j = ${from}; j < ${end}; j++) {
          ${COMPONENTS.map(
            (component, t) => `{
            ${unroll(count, (v) => `let y${v} = ${rows}[(j * 4 + ${t}) * ${vectors} + c + ${v}];`)}
            ${eachRow((r) => unroll(count, (v) => `sum${r}_${v} += ${weights}[${r * wide} + j].${component} * y${v};`))}
          }`,
          ).join('')}
        }
        ${eachRow((r) => unroll(count, (v) => `${to}[(i + ${r}) * ${vectors} + c + ${v}] = sum${r}_${v};`))}
      }`;
      return `{
      var c = 0u;
      ${columns(WIDE)}
      ${vectors % WIDE === 0 ? '' : columns(1)}
    }`;
    },
    /** Repeats `body` for the groups of own rows: i is the first one's number in the tile, `own``r` numbers all. */
    groups: (body: string): string => `
    for (var i = 0u; i < rows; i += ${GROUP}) {
      ${eachRow((r) => `let own${r} = min(tile.x + i + ${r}, tile.z - 1);`)}
      ${body}
    }`,
    /** Repeats `store` for the vec4s c of every own row, by its number `row` and its number i in the tile. */
    storeRows: (store: string): string => `
  for (var i = 0u; i < rows; i++) {
    let row = tile.x + i;
    for (var c = 0u; c < ${vectors}; c++) { ${store} }
  }`,
  };
}
