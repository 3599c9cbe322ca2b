/**
 * Layout of a workgroup of the `lanes` kernel: a few sequences, each with an equal number of neighbouring lanes. The rows of all
 * layers lie in workgroup memory, so a chunk has no intermediate values in storage but its caches.
 */
import type { DeviceLimits } from '../../../gpu/deviceOptions.ts';
import type { ChunkForm } from '../form.ts';

/** Widest residual stream. */
const MOST_WIDTH = 128;
/** Positions whose scores are computed at a time. */
const POSITIONS = 32;
/** Workgroup memory for variables that the sizes below leave out: the states of sequences. */
const STATE_BYTES = 64;

/** Sizes of a workgroup. Vec4s are counted for one sequence. */
export interface LanesLayout {
  readonly threads: number;
  readonly sequences: number;
  /** Threads of a sequence. */
  readonly lanes: number;
  /** vec4s of the residual stream, of a head, of the heads of q, and of those of k. */
  readonly d: number;
  readonly head: number;
  readonly width: number;
  readonly kvWidth: number;
  /** vec4s of the vocabulary, and words of a set of ids. */
  readonly vocabulary: number;
  readonly setWords: number;
  /** vec4s of `narrow`: the normalised stream, and the heads of attention. */
  readonly narrow: number;
  /** vec4s of `wide`: qkv, the hidden layer, the logits. */
  readonly wide: number;
  /** Lanes that share the positions of one vec4 of a head. */
  readonly parts: number;
  readonly positions: number;
  /** vec4s of `partials` in all. */
  readonly partials: number;
}

/** A product whose columns leave lanes free splits its sums: the number of parts. */
export function productParts(threads: number, inputs: number, outputs: number): number {
  const [steps, columns] = [inputs / 4, Math.ceil(outputs / 4)];
  let parts = 1;
  while (columns * parts * 2 <= threads && steps % (parts * 2) === 0) parts *= 2;
  return parts;
}

/** Return the layout of a form with at most this number of sequences; undefined if none fits the adapter. */
export function lanesLayout(
  form: ChunkForm,
  filtered: boolean,
  most: number,
  limits: Pick<DeviceLimits, 'maxComputeWorkgroupStorageSize' | 'maxComputeInvocationsPerWorkgroup'>,
): LanesLayout | undefined {
  const { attention } = form.block;
  const isTurned = attention.position.kind === 'rope';
  // Halves of heads are turned as vec4s.
  if (form.dModel > MOST_WIDTH || (isTurned && attention.headDim % 8 !== 0)) return undefined;
  for (let sequences = most; sequences >= 1; sequences /= 2) {
    const layout = layoutOf(form, sequences);
    const fits =
      layout.lanes >= layout.width &&
      layout.threads <= limits.maxComputeInvocationsPerWorkgroup &&
      bytesOf(layout, attention.heads, filtered) <= limits.maxComputeWorkgroupStorageSize;
    if (fits) return layout;
  }
  return undefined;
}

function layoutOf({ dModel, block, output }: ChunkForm, sequences: number): LanesLayout {
  const { qkv, out, heads, kvHeads, headDim } = block.attention;
  const { up, down } = block.feedForward;
  const threads = dModel <= MOST_WIDTH / 2 ? 64 : 128;
  const lanes = threads / sequences;
  const width = (heads * headDim) / 4;
  const vocabulary = Math.ceil(output.outputs / 4);
  const split = [qkv, out, up, down, output].map(({ inputs, outputs }) => {
    const parts = productParts(threads, inputs, outputs);
    return parts > 1 ? parts * Math.ceil(outputs / 4) * sequences : 0;
  });
  // Powers of two, so that parts have equal numbers of positions.
  const parts = 2 ** Math.floor(Math.log2(Math.max(1, Math.min(POSITIONS, lanes / width))));
  return {
    ...{ threads, sequences, lanes, width, vocabulary, parts },
    d: dModel / 4,
    head: headDim / 4,
    kvWidth: (kvHeads * headDim) / 4,
    setWords: Math.ceil(output.outputs / 32),
    narrow: Math.max(dModel / 4, width),
    wide: Math.max(qkv.outputs / 4, up.outputs / 4, vocabulary),
    positions: POSITIONS,
    partials: Math.max(parts > 1 ? threads : 1, ...split),
  };
}

function bytesOf(layout: LanesLayout, heads: number, filtered: boolean): number {
  const { threads, sequences, d, narrow, wide, partials, positions, setWords } = layout;
  const vectors = sequences * (d + narrow + wide) + partials;
  const words = sequences * heads * positions + 3 * threads + (filtered ? 2 * sequences * setWords : 0);
  return vectors * 16 + words * 4 + STATE_BYTES;
}
