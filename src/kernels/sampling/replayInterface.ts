/** Operands of the replay of draws, and the rule by which its kernels judge the filters. */
import type { BufferView } from '../../gpu/buffers.ts';

/** The margin or gap of a token that cannot have been drawn, and of ids that no filter keeps. */
export const IMPOSSIBLE = 1e30;

/** Form of a kernel. */
export interface ReplayForm {
  readonly V: number;
  readonly filtered: boolean;
}

/** Buffers of a replay. */
export interface ReplayViews {
  /** (N,V) */
  readonly logits: BufferView;
  /** u32 (N) */
  readonly tokens: BufferView;
  /** u32 (N,2): the position of each token, counted from the start of the prompt, and its sequence's id. */
  readonly places: BufferView;
  /** See `encodeSettings`. */
  readonly settings: BufferView;
  /** u32 (N,⌈V/32⌉): the ids that each token was drawn from. */
  readonly kept?: BufferView | undefined;
  /** (N,4): logp, margin, filterGap, 0. */
  readonly checks: BufferView;
}

/** Operands of a kernel. */
export interface ReplayOptions {
  readonly views: ReplayViews;
  readonly size: { readonly N: number; readonly V: number };
}

/** Return the form of the kernel for these operands. */
export const replayFormOf = ({ views, size: { V } }: ReplayOptions): ReplayForm => ({
  V,
  filtered: views.kept !== undefined,
});

/** Return declarations of a kernel. */
export const replayInterface = ({ filtered }: ReplayForm) =>
  ({
    params: { N: 'u32' },
    reads: {
      logits: 'array<f32>',
      tokens: 'array<u32>',
      places: 'array<vec2u>',
      settings: 'Settings',
      kept: filtered ? 'array<u32>' : undefined,
    },
    writes: { checks: 'array<vec4f>' },
  }) as const;

/** Return the WGSL of `isKept`: which of the ids 4w to 4w + 3 the token was drawn from, if they exist. */
export const isKeptWgsl = ({ V, filtered }: ReplayForm): string => `
fn isKept(row: u32, w: u32) -> vec4<bool> {
  ${
    filtered
      ? `let bits = kept[row * ${Math.ceil(V / 32)} + w / 8] >> (w % 8 * 4);
  return exists(w) & (((vec4u(bits) >> vec4u(0, 1, 2, 3)) & vec4u(1)) == vec4u(1));`
      : 'return exists(w);'
  }
}`;

/**
 * WGSL that declares `filterGap`: from the `count` of kept ids and their mass `keptMass`, the `lowest` z of them and the highest
 * `dropped` one, the `limit` of top-k and the `total` mass within it.
 */
export const GAP_WGSL = `let share = max(settings.topP * total, 1.0e-37);
  let least = log(max(settings.minP, 1.0e-37));

  // The ids before the border are likelier than those after it.
  var filterGap = max(dropped - lowest, 0.0);
  // Each filter that is on would keep the last id before the border. The likeliest always stays.
  if (count > limit || count == 0) { filterGap = ${IMPOSSIBLE}; }
  if (count > 1) {
    if (settings.topP < 1.0) { filterGap = max(filterGap, log(max(keptMass - exp(lowest), 1.0e-37) / share)); }
    if (settings.minP > 0.0) { filterGap = max(filterGap, least - lowest); }
  }
  // One of them would drop the first id after it.
  if (count < limit) {
    var reason = ${IMPOSSIBLE};
    if (settings.topP < 1.0) { reason = min(reason, log(share / keptMass)); }
    if (settings.minP > 0.0) { reason = min(reason, dropped - least); }
    filterGap = max(filterGap, reason);
  }`;
