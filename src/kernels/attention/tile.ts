/**
 * The common part of the three attention kernels: the tile, the head and the rows of a workgroup, and the distribution of a
 * block of rows of the other side over its lanes.
 *
 * `broadcast`: a workgroup is one subgroup; a lane loads a share of the block's rows, or with fewer rows than lanes a
 * part of one, and all lanes read all of it by subgroupBroadcast. `portable`: the block lies in workgroup memory.
 */
import type { Device } from '../../gpu/device.ts';
import type { Launch } from '../../gpu/kernel.ts';
import { GROUP_ARGS, type Kernel, unroll } from '../../gpu/kernel.ts';
import type { Variant } from '../../gpu/variants.ts';
import { type Heads, headsOf, headWgsl, type Side } from './heads.ts';
import { ATTENTION_TILE_ROWS, type AttentionOptions, planOf } from './shape.ts';

/** The layout for which a kernel is specialised. */
export interface Layout extends Heads {
  readonly lanes: number;
  readonly subgroup: boolean;
  /** Number of rows that a lane owns. */
  readonly own: number;
  /** Number of rows in a block of the other side. If there are more lanes than rows, several lanes share each row. */
  readonly block: number;
  /** vec4s in a row of a head. */
  readonly vectors: number;
}

const PORTABLE_LANES = 32;
/** Maximum size of a head that a lane of the portable variants holds whole, in registers. */
const MOST_WHOLE = 64;
/** Maximum head size for broadcasts. Above it the unrolled broadcasts exceed the registers, and compile for most of a minute. */
const BROADCAST_MAX_HEAD = 16;

/** The kernels that hold heads whole. */
export interface WholeKernels {
  /** Return the kernel for a layout. */
  readonly whole: (layout: Layout) => Kernel;
  readonly side: Side;
}

/** Return the number of heads for which workgroups are launched. */
export const headCount = ({ side }: Pick<WholeKernels, 'side'>, { shape }: AttentionOptions): number =>
  side === 'query' ? shape.heads : shape.kvHeads;

/** Return true if broadcasts are the better choice. */
export function canBroadcast({ subgroupSize: S }: Device, headDim: number): boolean {
  return S >= 4 && S <= 16 && headDim <= BROADCAST_MAX_HEAD;
}

/** Return true if a lane can hold a head whole, with `scalars` f32 beside the two rows of a block that it loads. */
export const wholeFits = ({ limits }: Device, headDim: number, scalars: number): boolean =>
  headDim <= MOST_WHOLE &&
  PORTABLE_LANES * (2 * headDim + scalars) * 4 <= limits.maxComputeWorkgroupStorageSize;

/** Return the launch of a kernel that holds heads whole and shares blocks in workgroup memory. */
export function wholePlan(kernels: WholeKernels, options: AttentionOptions): Launch {
  const kernel = kernels.whole({
    lanes: PORTABLE_LANES,
    subgroup: false,
    own: 1,
    block: PORTABLE_LANES,
    vectors: options.shape.headDim / 4,
    ...headsOf(options.shape),
  });
  return planOf(kernel, PORTABLE_LANES, headCount(kernels, options), options);
}

/** Return the variant whose lanes own `own` rows, and in whose blocks `share` lanes share a row. */
export const broadcastVariant = (
  kernels: WholeKernels,
  own: number,
  share: number,
): Variant<AttentionOptions> => ({
  name: `broadcast ${own}/${share}`,
  fits: (device, { shape: { headDim } }) =>
    canBroadcast(device, headDim) &&
    ATTENTION_TILE_ROWS % (device.subgroupSize * own) === 0 &&
    (headDim / 4) % share === 0,
  plan: ({ subgroupSize: lanes }, options) => {
    const kernel = kernels.whole({
      lanes,
      subgroup: true,
      own,
      block: lanes / share,
      vectors: options.shape.headDim / 4,
      ...headsOf(options.shape),
    });
    return planOf(kernel, lanes * own, headCount(kernels, options), options);
  },
});

/** Return the names `k0`, `k1`, … of the vec4s of a row. */
const names = (prefix: string, vectors: number): string[] =>
  Array.from({ length: vectors }, (_, c) => `${prefix}${c}`);

/** Return the WGSL of the dot product of two rows. */
export const dot = (a: (c: number) => string, b: (c: number) => string, vectors: number): string =>
  unroll(vectors, (c) => `dot(${a(c)}, ${b(c)})`, ' + ');

/** Return pieces of WGSL for the heads of a layout. */
export const layoutHeads = (layout: Layout, side: Side) =>
  headWgsl(layout, side, { vectors: 'params.headVectors' });

/** Return the start of every kernel: its tile, its head, and the rows `row0`, `row1`, … that the lane owns. */
export function entry(layout: Layout, side: Side): string {
  const { lanes, subgroup, own, block } = layout;
  const laneBuiltin = subgroup ? 'subgroup_invocation_id' : 'local_invocation_index';
  const parts = ATTENTION_TILE_ROWS / (lanes * own);
  return `
@compute @workgroup_size(${lanes})
fn main(${GROUP_ARGS}, @builtin(${laneBuiltin}) lane: u32) {
  let part = group.x + group.z * groups.x;
  if (part >= params.tiles * ${parts}) { return; }
  let tile = tiles[part / ${parts}];       // first row of the tile, first and end row of its sequence
  let from0 = tile.x + part % ${parts} * ${lanes * own};       // first row of this workgroup
  if (from0 >= tile.z) { return; }${layoutHeads(layout, side).start}
  ${subgroup ? '' : `let blockRows = min(${block}u, tile.z - tile.y);`}
  ${unroll(own, (i) => `let row${i} = min(from0 + lane + ${lanes * i}, tile.z - 1);`)}`;
}

/** Return WGSL that runs `store` for row i of the lane if it is in the tile. */
export const ifValid = (lanes: number, i: number, store: string): string =>
  `if (from0 + lane + ${lanes * i} < tile.z) { ${store} }`;

/** Pieces of WGSL to share a block of rows among lanes. */
export interface SharedBlock {
  readonly declarations: string;
  /** The row of the block that this lane loads. */
  readonly row: string;
  /** Load the lane's part. `vec4At` and `scalarAt` return the WGSL of the c-th vec4 of a row, and of a scalar of it. */
  readonly load: (vec4At: (name: string, c: string) => string, scalarAt?: (name: string) => string) => string;
  /** WGSL of the c-th vec4 `name` of row t of the block. */
  readonly vec4: (name: string, c: number, t: string) => string;
  readonly scalar: (name: string, t: string) => string;
  /** Repeat `body` for every row of the block. */
  readonly rows: (body: (t: string) => string) => string;
}

/** Return the block of a layout, whose rows have `vectors` vec4s of each name, and scalars. */
export function sharedBlock(
  { lanes, subgroup, block, vectors }: Layout,
  vec4s: readonly string[],
  scalars: readonly string[] = [],
): SharedBlock {
  if (subgroup) {
    const share = lanes / block;
    const held = vectors / share;
    return {
      declarations: '',
      row: share === 1 ? 'lane' : `lane / ${share}`,
      load: (vec4At, scalarAt) =>
        [
          ...vec4s.flatMap((name) =>
            Array.from({ length: held }, (_, c) => {
              const column = share === 1 ? `${c}` : `lane % ${share} * ${held} + ${c}`;
              return `let my_${name}${c} = ${vec4At(name, column)};`;
            }),
          ),
          ...scalars.map((name) => `let my_${name} = ${scalarAt?.(name)};`),
        ].join('\n'),
      vec4: (name, c, t) =>
        `subgroupBroadcast(my_${name}${c % held}, ${Number(t) * share + Math.floor(c / held)})`,
      scalar: (name, t) => `subgroupBroadcast(my_${name}, ${Number(t) * share})`,
      // Unrolled: a broadcast needs a constant lane.
      rows: (body) => unroll(block, (t) => `{ ${body(`${t}`)} }`),
    };
  }
  const all = vec4s.flatMap((name) => names(name, vectors));
  return {
    declarations: [
      ...all.map((name) => `var<workgroup> block_${name}: array<vec4f, ${lanes}>;`),
      ...scalars.map((name) => `var<workgroup> block_${name}: array<f32, ${lanes}>;`),
    ].join('\n'),
    row: 'lane',
    load: (vec4At, scalarAt) => `
    workgroupBarrier();
    ${vec4s.map((name) => unroll(vectors, (c) => `block_${name}${c}[lane] = ${vec4At(name, `${c}`)};`)).join('\n')}
    ${scalars.map((name) => `block_${name}[lane] = ${scalarAt?.(name)};`).join('\n')}
    workgroupBarrier();`,
    vec4: (name, c, t) => `block_${name}${c}[${t}]`,
    scalar: (name, t) => `block_${name}[${t}]`,
    // The count is one the compiler does not know, or it unrolls by itself: 92 s of compilation instead of 4 for
    // heads of 32.
    rows: (body) => `for (var t = 0u; t < blockRows; t++) { ${body('t')} }`,
  };
}
