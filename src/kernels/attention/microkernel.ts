/**
 * The common part of the kernels in which an invocation computes a tile or a sequence for one head alone. It copies a block of
 * keys into its own memory, transposed, so that a vec4 holds one value of four keys; then scores are a product of register
 * tiles, four queries by two vec4s, and exp takes four at a time. For the WebAssembly adapter.
 */
import { unroll } from '../../gpu/kernel.ts';
import { type Heads, headWgsl, type Side } from './heads.ts';

/** Rows that are computed at a time. */
export const GROUP = 4;
/** Vec4s of a register tile. */
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

/** Return WGSL for each row of a group. */
export const eachRow = (text: (r: number) => string): string => unroll(GROUP, text);

/** Return WGSL for each vec4 of a register tile. */
const eachOfTile = (text: (r: number, v: number) => string): string =>
  eachRow((r) => unroll(WIDE, (v) => text(r, v)));

/** Start of `main`: which tile and head this is. */
export const entry = (start: string): string => `
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) place: vec3u, @builtin(num_workgroups) places: vec3u) {
  // Heads come first: those of a row are neighbours in memory.
  let group = place.yxz;
  let groups = places.yxz;
  let number = group.x + group.z * groups.x;
  if (number >= params.tiles) { return; }
  let tile = tiles[number];       // first row of the tile, first and end row of its sequence
  if (tile.x >= tile.z) { return; }${start}`;

/** Sums of own rows, as `accumulate` computes them. */
interface Accumulation {
  /** WGSL of the loop's header. */
  readonly loop: string;
  /** Terms in the body of the loop. */
  readonly terms: number;
  /** WGSL of the factor of own row r in term t. */
  readonly weight: (r: number, t: number) => string;
  /** WGSL of a vec4 of term t; `c` is its number in the head. */
  readonly value: (t: number, c: string) => string;
  /** WGSL of what row r begins with. */
  readonly start: (r: number, c: string) => string;
  /** WGSL that stores the sum of row r. */
  readonly store: (r: number, c: string, sum: string) => string;
}

/**
 * Return pieces of WGSL for heads of a layout.
 * @param blockValues maximum values in the keys of a block.
 */
export function microkernelWgsl(layout: MicrokernelLayout, side: Side, blockValues: number) {
  const { vectors } = layout;
  /** Keys of a block, a multiple of 8. */
  const block = Math.min(64, Math.max(8, Math.floor(blockValues / 4 / vectors / 8) * 8));
  /** The same in vec4s. */
  const wide = block / 4;
  const heads = headWgsl(layout, side, { vectors: `${vectors}` });
  return {
    heads,
    block,
    wide,
    /** Declares an array of the values of a block, transposed: value d of its keys 4j … 4j + 3 at d · ${wide} + j. */
    transposed: (name: string): string => `var ${name}: array<vec4f, ${4 * vectors * wide}>;`,
    /** Declares an array of rows of a head. */
    rows: (name: string, count: number): string => `var ${name}: array<vec4f, ${count * vectors}>;`,
    /** Declares an array of values for each of some queries and each key of a block. */
    pairs: (name: string, queries: number): string => `var ${name}: array<vec4f, ${queries * wide}>;`,
    /**
     * Copies the `count` keys from `first` on, and the last before `end` again up to a multiple of four.
     * @param copies for each source: its vec4 c, by the key's number `row`, and the arrays that it goes to.
     */
    load: (
      copies: readonly {
        readonly source: (row: string) => string;
        readonly transposed?: string;
        readonly rows?: string;
      }[],
    ): string => `
    let count = min(${block}u, end - first);
    for (var j = 0u; j < (count + 3) / 4; j++) {
      ${unroll(4, (t) => `let row${t} = min(first + j * 4 + ${t}, end - 1);`)}
      for (var c = 0u; c < ${vectors}; c++) {
        ${copies
          .map(
            ({ source, transposed, rows }) => `{
          ${unroll(4, (t) => `let x${t} = ${source(`row${t}`)};`)}
          ${transposed ? unroll(4, (e) => `${transposed}[(c * 4 + ${e}) * ${wide} + j] = vec4f(${unroll(4, (t) => `x${t}.${COMPONENTS[e]}`, ', ')});`) : ''}
          ${rows ? unroll(4, (t) => `${rows}[(j * 4 + ${t}) * ${vectors} + c] = x${t};`) : ''}
        }`,
          )
          .join('')}
      }
    }`,
    /**
     * Computes `name``r`_`v`: products of row r of a group with the keys of the block in its vec4 j + v.
     * @param group array that `loadGroup` has filled.
     */
    product: (name: string, group: string, transposed: string): string => `
      ${eachOfTile((r, v) => `var ${name}${r}_${v} = vec4f();`)}
      for (var d = 0u; d < ${4 * vectors}; d++) {
        ${unroll(WIDE, (v) => `let y${v} = ${transposed}[d * ${wide} + j + ${v}];`)}
        ${eachRow((r) => `let x${r} = ${group}[d * ${GROUP} + ${r}];`)}
        ${eachOfTile((r, v) => `${name}${r}_${v} += x${r} * y${v};`)}
      }`,
    /** Declares an array for the values of the rows of a group. */
    group: (name: string): string => `var ${name}: array<f32, ${4 * vectors * GROUP}>;`,
    /** Copies the rows of a group to such an array; `row` is WGSL of vec4 c of row r. */
    loadGroup: (name: string, row: (r: number) => string): string => `
      for (var c = 0u; c < ${vectors}; c++) {
        ${eachRow(
          (r) => `{
          let x = ${row(r)};
          ${unroll(4, (e) => `${name}[(c * 4 + ${e}) * ${GROUP} + ${r}] = x.${COMPONENTS[e]};`)}
        }`,
        )}
      }`,
    /**
     * Repeats `body` for the register tiles of the block's first `seen` vec4s: \`key``v` numbers four keys. `masked` is what is done
     * where some row of the group, from `firstRow` on, does not see all of them.
     */
    tiles: (
      firstRow: string,
      body: (each: typeof eachOfTile) => {
        readonly before: string;
        readonly masked: string;
        readonly after: string;
      },
    ): string => {
      const { before, masked, after } = body(eachOfTile);
      return `
    for (var j = 0u; j < seen; j += ${WIDE}) {
      ${unroll(WIDE, (v) => `let key${v} = vec4u(first + (j + ${v}) * 4) + vec4u(0, 1, 2, 3);`)}
      ${before}
      if (first + (j + ${WIDE}) * 4 > ${firstRow} + 1) {
        ${masked}
      }
      ${after}
    }`;
    },
    /** Adds vec4s of rows, times their weights, to those of a group. */
    accumulate: ({ loop, terms, weight, value, start, store }: Accumulation): string => {
      const columns = (width: number): string => {
        const each = (text: (r: number, v: number, c: string) => string): string =>
          eachRow((r) => unroll(width, (v) => text(r, v, `c + ${v}`)));
        return `
      for (; c + ${width} <= ${vectors}; c += ${width}) {
        ${each((r, v, c) => `var sum${r}_${v} = ${start(r, c)};`)}
        ${loop} {
          ${unroll(
            terms,
            (t) => `{
            ${unroll(width, (v) => `let y${v} = ${value(t, `c + ${v}`)};`)}
            ${each((r, v) => `sum${r}_${v} += ${weight(r, t)} * y${v};`)}
          }`,
          )}
        }
        ${each((r, v, c) => store(r, c, `sum${r}_${v}`))}
      }`;
      };
      return `{
      var c = 0u;
      ${columns(WIDE)}
      ${vectors % WIDE === 0 ? '' : columns(1)}
    }`;
    },
  };
}

/** Return WGSL of component n of a vec4. */
export const component = (vector: string, n: number): string => `${vector}.${COMPONENTS[n]}`;
