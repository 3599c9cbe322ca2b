/** The common WGSL of the attention kernels for GPUs: which rows a workgroup has, blocks in workgroup memory, sums over lanes. */
import { GROUP_ARGS, unroll } from '../../gpu/kernel.ts';
import type { Side } from './heads.ts';
import { ATTENTION_TILE_ROWS } from './shape.ts';
import {
  heldOf,
  type Pass,
  paddedOf,
  partsOf,
  rowsOf,
  type StagedLayout,
  stagedHeads,
  threadsOf,
} from './staged.ts';

/** Chunks of a sequence from which on a workgroup takes two, one from each end of the sequence. */
const PAIRED_FROM = 4;

/** A row of a block, copied to workgroup memory. */
interface Copy {
  readonly to: string;
  /** WGSL of vec4 `column` of the staged heads in row `row`. */
  readonly from: (row: string, column: string) => string;
}

/** The rows of a thread that see a block, by their number: `masked` may see only a part of it. */
export interface Active {
  readonly rows: readonly number[];
  readonly masked: number;
}

/** Return WGSL for each of some rows of a thread: their numbers, and their places among these. */
export const eachOf = (rows: readonly number[], text: (i: number, n: number) => string): string =>
  rows.map(text).join('\n');

/** Pieces of WGSL. */
export type StagedWgsl = ReturnType<typeof stagedWgsl>;

/** Return pieces of WGSL for a layout. */
export function stagedWgsl(layout: StagedLayout, pass: Pass) {
  const { vectors, lanes, own, rowLanes, span, block, group, alibi } = layout;
  const { side } = pass;
  const [held, padded, threads, rows] = [heldOf(layout), paddedOf(layout), threadsOf(layout), rowsOf(layout)];
  const heads = stagedHeads(layout);
  const width = heads * padded;
  const parts = Math.max(1, ATTENTION_TILE_ROWS / rows);
  const numbers = Array.from({ length: own }, (_, i) => i);
  const partOffset = (block / 4) * own * threads;
  const whole = padded === vectors;
  const slope = alibi ? 'let slope = slopes[head];' : '';
  const local = span > 1 ? `thread / ${lanes * rowLanes}` : '0u';
  /** Vec4s of a head from the c-th of lane 0 on. */
  const left = (c: number): number => vectors - c * lanes;
  const shared = (...names: readonly string[]) =>
    names.map((name) => `var<workgroup> ${name}: array<vec4f, ${block * width}>;`).join('\n');

  const fillRow = (at: string, copies: readonly Copy[]): string => {
    const row = `let row = min(first + (${at}) / ${width}, tile.z - 1);`;
    if (whole)
      return `${row} let column = (${at}) % ${width};
      ${copies.map(({ to, from }) => `${to}[${at}] = ${from('row', 'column')};`).join('\n')}`;
    return `${row} let inHead = (${at}) % ${padded};
      let column = (${at}) % ${width} / ${padded} * ${vectors} + min(inHead, ${vectors - 1});
      ${copies
        .map(
          ({ to, from }) => `${to}[${at}] = select(vec4f(), ${from('row', 'column')}, inHead < ${vectors});`,
        )
        .join('\n')}`;
  };

  /** Stage the block that begins with row `first`. */
  const fill = (copies: readonly Copy[], scalars = ''): string => `
      workgroupBarrier();
      ${unroll(Math.ceil((block * width) / threads), (n) => {
        const at = n === 0 ? 'thread' : `thread + ${n * threads}`;
        const text = fillRow(at, copies);
        return (n + 1) * threads <= block * width
          ? `{ ${text} }`
          : `if (${at} < ${block * width}) { ${text} }`;
      })}
      ${scalars}
      workgroupBarrier();`;

  return {
    /** The numbers of the thread's rows. */
    own: numbers,
    /** vec4s of a head that a thread holds. */
    held,
    /** From a part of the first sum to that of the second. */
    partOffset,
    quads: block / 4,
    /** True if the lanes of a row add parts of sums. */
    split: lanes > 1,
    label: `${own}×${held}${lanes > 1 ? ` in ${lanes} lanes` : ''}, ${span > 1 ? `${span} heads, ` : ''}${block}×${4 * vectors}${group > 1 ? `, ${group} to a key` : ''}${alibi ? '' : ', no slopes'}`,
    reads: { qkv: 'array<vec4f>', slopes: alibi ? 'array<f32>' : undefined, tiles: 'array<vec4u>' },
    /** Declare the arrays of a block, and `parts` of sums. */
    declarations: (...names: readonly string[]): string =>
      `${shared(...names)}
${side === 'key value' ? ['lse', 'delta'].map((name) => `var<workgroup> block_${name}: array<f32, ${block * heads}>;`).join('\n') : ''}
${lanes > 1 ? `var<workgroup> parts: array<vec4f, ${partsOf(layout, pass)}>;` : ''}`,
    /**
     * `main`, around `body` for one chunk of rows, from `from0` on. Chunks of long sequences are paired, so that all workgroups
     * have as many pairs of rows to compute.
     */
    main: (body: string): string => `
@compute @workgroup_size(${threads})
fn main(${GROUP_ARGS}, @builtin(local_invocation_index) thread: u32) {
  let number = group.x + group.z * groups.x;
  if (number >= params.tiles * ${parts}) { return; }
  let tile = tiles[number / ${parts}];       // first row of the tile, first and end row of its sequence
  let begin = tile.x + number % ${parts} * ${rows} - tile.y;
  let length = tile.z - tile.y;
  if (begin >= length || begin % ${rows} != 0) { return; }
  let chunk = begin / ${rows};
  let chunks = (length + ${rows - 1}) / ${rows};
  let paired = chunks >= ${PAIRED_FROM};
  if (paired && 2 * chunk + 1 > chunks) { return; }
  let turns = select(1u, 2u, paired && 2 * chunk + 1 < chunks);
  let quads = ${block / 4} + tile.w;       // plus 0, which the compiler does not know: it would unroll loops
  let lane = thread % ${lanes};
  let slot = thread / ${lanes} % ${rowLanes};
  let width = params.heads * ${vectors};       // of q, in vec4s
  let keyWidth = width / ${group};
  let stride = width + 2 * keyWidth;       // of qkv
  ${
    side === 'query'
      ? `let head = group.y * ${span} + ${local};
  ${slope}
  let headAt = head * ${vectors} + lane;
  let keysAt = width + ${group > 1 ? `group.y * ${span} / ${group}` : `group.y * ${span}`} * ${vectors};`
      : group > 1
        ? `let keyAt = width + group.y * ${vectors} + lane;`
        : `let head = group.y * ${span} + ${local};
  ${slope}
  let headsAt = group.y * ${span} * ${vectors};
  let keyAt = width + head * ${vectors} + lane;`
  }
  let blockAt = ${heads > 1 ? `${local} * ${padded} + lane` : 'lane'};
  for (var turn = 0u; turn < turns; turn++) {
    let from0 = tile.y + select(chunk, chunks - 1 - chunk, paired && turn == 0) * ${rows};
    ${unroll(own, (i) => `let row${i} = min(from0 + slot + ${rowLanes * i}, tile.z - 1);`)}
    ${body}
  }
}`,
    /** Repeat WGSL for the vec4s that a thread holds of a row. */
    each: (text: (c: number) => string): string => unroll(held, text),
    /** The lane's c-th vec4 of the row of `array` that begins at `at`, or 0. */
    load: (array: string, at: string, c: number): string =>
      left(c) >= lanes
        ? `${array}[${at} + ${c * lanes}]`
        : `select(vec4f(), ${array}[${at} + select(0u, ${c * lanes}, lane < ${left(c)})], lane < ${left(c)})`,
    /** Store the thread's c-th vec4 of its row i, if the sequence has the row and the head the vec4. */
    store: (array: string, i: number, at: string, c: number, value: string): string =>
      `if (from0 + slot + ${rowLanes * i} < tile.z${left(c) >= lanes ? '' : ` && lane < ${left(c)}`}) { ${array}[${at} + ${c * lanes}] = ${value}; }`,
    /** Run WGSL in one thread of row i, if the sequence has the row. */
    once: (i: number, text: string): string =>
      `if (lane == 0 && from0 + slot + ${rowLanes * i} < tile.z) { ${text} }`,
    /** Σ over the thread's vec4s. */
    dot: (a: (c: number) => string, b: (c: number) => string): string =>
      unroll(held, (c) => `dot(${a(c)}, ${b(c)})`, ' + '),
    /** The thread's c-th vec4 of row t of a block. */
    vec4: (name: string, t: string, c: number): string =>
      `${name}[(${t}) * ${width} + blockAt + ${c * lanes}]`,
    /** The saved value of query t of the block. */
    scalar: (name: string, t: string): string =>
      `block_${name}[${heads > 1 ? `${local} * ${block} + ` : ''}${t}]`,
    /** Subtracts the slope times what two positions are apart; both are f32 or vec4f. */
    distance: (later: string, earlier: string): string => (alibi ? ` - slope * (${later} - ${earlier})` : ''),
    fill,
    /** Stage the keys and values that begin with row `first`. */
    fillKeys: (): string =>
      fill([
        { to: 'block_k', from: (row, column) => `qkv[${row} * stride + keysAt + ${column}]` },
        { to: 'block_v', from: (row, column) => `qkv[${row} * stride + keysAt + keyWidth + ${column}]` },
      ]),
    /** Stage `lse` and `delta` of the queries; those past the end get no probability. */
    fillScalars: (firstHead: string): string => `if (thread < ${block * heads}) {
        let query = first + thread % ${block};
        let saved = (${firstHead} + thread / ${block}) * params.R + min(query, tile.z - 1);
        block_lse[thread] = select(3.0e38, logSumExp[saved], query < tile.z);
        block_delta[thread] = delta[saved];
      }`,
    /** Walk the blocks that rows of the thread see, by which of them do. */
    walk: (body: (active: Active) => string): string => {
      const end = (i: number): string => `min(from0 + ${rowLanes * (i + 1)}, tile.z)`;
      return `var first = ${side === 'query' ? 'tile.y' : 'from0'};
    ${unroll(own, (i) => {
      const seen = side === 'query' ? numbers.slice(i) : numbers.slice(0, i + 1);
      const until = side === 'query' || i < own - 1 ? end(i) : 'tile.z';
      return `for (; first < ${until}; first += ${block}) {
      ${body({ rows: seen, masked: i })}
    }`;
    })}`;
    },
    /** Run `body` in the threads of which a row sees the block: with 64 rows side by side, half of them may not. */
    ifSeen: ({ rows: seen, masked }: Active, body: string): string => {
      if (rowLanes <= 32 || seen.length > 1) return body;
      return side === 'query'
        ? `if (first <= from0 + ${rowLanes * masked} + (slot | 31)) { ${body} }`
        : `if (first + ${block} > from0 + ${rowLanes * masked} + slot / 32 * 32) { ${body} }`;
    },
    /** Place of a thread's part of sum `sum` of quad `quad` of the n-th of `count` rows. */
    part: (quad: string, sum: number, n: number, count: number): string =>
      `parts[((${quad}) * ${count} + ${n}) * ${threads} + ${sum * partOffset} + thread]`,
    /** The same of lane 0 of the row: where `combine` keeps what it makes of the sums. */
    kept: (quad: string, sum: number, n: number, count: number): string =>
      `parts[((${quad}) * ${count} + ${n}) * ${threads} + ${sum * partOffset} + thread - lane]`,
    /** Add the parts of all quads of the active rows: each lane some of them. `use` gets `sum0`, `sum1`, `quad` and `n`. */
    combine: (sums: number, count: number, use: string): string => `
      workgroupBarrier();
      for (var share = lane; share < quads * ${count}; share += ${lanes}) {
        let quad = share / ${count};
        let n = share % ${count};
        let at = share * ${threads} + thread - lane;
        ${unroll(sums, (s) => `var sum${s} = parts[at + ${s * partOffset}];`)}
        for (var i = 1u; i < ${lanes}; i++) {
          ${unroll(sums, (s) => `sum${s} += parts[at + ${s * partOffset} + i];`)}
        }
        ${use}
      }
      workgroupBarrier();`,
    /** Value of the n-th active row, in `combine`. */
    ofRow: (name: string, { rows: seen }: Active): string => {
      const [a = 0, b] = seen;
      return b === undefined ? `${name}${a}` : `select(${name}${a}, ${name}${b}, n == 1)`;
    },
    /** Add up a value of each row of the thread over the lanes of the row; all get `name``i`. */
    total: (name: string, value: (i: number) => string): string =>
      lanes === 1
        ? unroll(own, (i) => `let ${name}${i} = ${value(i)};`)
        : `workgroupBarrier();
    ${unroll(own, (i) => `parts[${i * threads} + thread] = vec4f(${value(i)});`)}
    workgroupBarrier();
    ${unroll(own, (i) => `var ${name}${i} = parts[${i * threads} + thread - lane].x;`)}
    for (var i = 1u; i < ${lanes}; i++) {
      ${unroll(own, (i) => `${name}${i} += parts[${i * threads} + thread - lane + i].x;`)}
    }`,
  };
}

/** Return the side's number of heads for which workgroups are launched. */
export const launchedHeads = (
  { span }: StagedLayout,
  side: Side,
  { heads, kvHeads }: { readonly heads: number; readonly kvHeads: number },
): number => (side === 'query' ? heads / span : kvHeads / span);
