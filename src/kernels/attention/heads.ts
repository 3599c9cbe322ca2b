/**
 * The heads of a row of qkv, which is [q | k | v]: `heads` query heads, then as many key-value heads or a divisor of
 * them, twice. Each key-value head serves a group of query heads, in order (Ainslie et al., 2305.13245).
 */
import type { AttentionShape } from './shape.ts';

/** Properties of the heads for which kernels are specialised. */
export interface Heads {
  /** Number of query heads per key-value head. */
  readonly group: number;
  /** True to subtract slope·distance from scores (ALiBi: Press et al., 2108.12409). */
  readonly alibi: boolean;
}

/** Return the heads of a shape. */
export const headsOf = ({ heads, kvHeads, slopes }: AttentionShape): Heads => ({
  group: heads / kvHeads,
  alibi: slopes !== undefined,
});

/** The rows that a workgroup owns: of a query head, or of a key-value head. */
export type Side = 'query' | 'key value';

/** The position of a kernel's vec4s. */
interface Places {
  /** WGSL of the vec4s of a head. */
  readonly vectors: string;
  /** WGSL added to the position of a head. */
  readonly offset?: string;
}

/** Pieces of WGSL. Key-value heads as many as query heads, with slopes, have the text that tuned choices know. */
export function headWgsl({ group, alibi }: Heads, side: Side, { vectors, offset = '' }: Places) {
  const grouped = group > 1;
  const slope = alibi ? '\n  let slope = slopes[head];' : '';
  const placeOf = (head: string): string => `${head} * ${vectors}${offset}`;
  const start = grouped
    ? `
  let width = params.heads * ${vectors};       // of q, in vec4s
  let keyWidth = width / ${group};
  let stride = width + 2 * keyWidth;       // of qkv
  ${
    side === 'query'
      ? `let head = group.y;${slope}
  let headAt = ${placeOf('head')};
  let keyHeadAt = ${placeOf(`head / ${group}`)};`
      : `let keyHeadAt = ${placeOf('group.y')};`
  }`
    : `
  let head = group.y;${slope}
  let stride = 3 * params.heads * ${vectors};       // of qkv, in vec4s
  let width = params.heads * ${vectors};
  let headAt = ${placeOf('head')};`;
  return {
    /** Bindings, by their types. */
    reads: { qkv: 'array<vec4f>', slopes: alibi ? 'array<f32>' : undefined, tiles: 'array<vec4u>' },
    /** Description of the heads in a kernel's name. */
    label: `${grouped ? `, ${group} to a key` : ''}${alibi ? '' : ', no slopes'}`,
    /** `stride` and `width`; `head`, its `slope` and place `headAt`, unless the workgroup walks several. */
    start,
    /** The place of the key-value head within the keys, or the values. */
    keyHeadAt: grouped ? 'keyHeadAt' : 'headAt',
    /** Vec4s of all keys of a row. */
    keyWidth: grouped ? 'keyWidth' : 'width',
    /** Offset of the values in a row. */
    valuesAt: grouped ? 'width + keyWidth' : '2 * width',
    /** Subtracts what two positions are apart from their score. */
    distance: (later: string, earlier: string): string =>
      alibi ? ` - slope * f32(i32(${later}) - i32(${earlier}))` : '',
    /** The same of positions as f32 or vec4f. */
    floatDistance: (later: string, earlier: string): string =>
      alibi ? ` - slope * (${later} - ${earlier})` : '',
    /**
     * Repeats WGSL for the query heads of the key-value head, in order. The end is one the compiler does not know: it
     * would unroll the loop.
     */
    eachQueryHead: (body: string): string =>
      grouped
        ? `for (var head = group.y * ${group}; head < min((group.y + 1) * ${group}, params.heads); head++) {${slope}
  let headAt = ${placeOf('head')};
  ${body}
  }`
        : body,
  };
}
