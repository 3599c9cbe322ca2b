/**
 * Chunks of tokens of a rollout: kernels that append several tokens to each sequence, through all layers and the draw, in one
 * dispatch. Logits differ from those of a pass in the last bits.
 */
import type { BufferView } from '../../gpu/buffers.ts';
import type { Device } from '../../gpu/device.ts';
import { linearGrid } from '../../gpu/kernel.ts';
import { defaultsOf } from '../defaults.ts';
import type { ChunkForm } from './form.ts';
import { lanesKernel } from './lanes/kernel.ts';
import { lanesLayout } from './lanes/layout.ts';

export type {
  ChunkAttention,
  ChunkBlock,
  ChunkDecoder,
  ChunkFeedForward,
  ChunkForm,
  ChunkLinear,
  ChunkNorm,
  ChunkPosition,
} from './form.ts';
export { chunkForm } from './form.ts';
export { PackLayout, packWeights } from './pack.ts';

/** Buffers of a chunk. */
export interface ChunkViews {
  /** `PackLayout` of the model's weights. */
  readonly weights: BufferView;
  /** `Row` (M) of src/kernels/decode/state.ts; the slot of a row without a sequence is `NO_ROW`. */
  readonly rows: BufferView;
  /** See `encodeSettings`. */
  readonly settings: BufferView;
  /** `Slot` (slots): the state at the start of the chunk. */
  readonly before: BufferView;
  /** `Slot` (slots): receives the state at its end. */
  readonly slots: BufferView;
  /** Keys, then values, of each layer: (layers, 2, slots, kvHeads, capacity, headDim). */
  readonly cache: BufferView;
  /** (slots, maxNewTokens, 2): token as u32, log-probability as f32. */
  readonly samples: BufferView;
  /** u32 (slots, maxNewTokens, ⌈V/32⌉): which ids the filters kept; giving it turns filtering on. */
  readonly kept?: BufferView | undefined;
}

/** Sizes of a chunk. */
export interface ChunkSize {
  /** Rows in flight. */
  readonly M: number;
  /** Tokens to append to each sequence that is not finished before. */
  readonly tokens: number;
  /** Slots of the caches. */
  readonly slots: number;
  /** Positions that a slot can hold. */
  readonly capacity: number;
  readonly maxNewTokens: number;
  /** The id that ends a sequence. */
  readonly eos: number;
}

const layoutOf = (device: Device, form: ChunkForm, filtered: boolean) => {
  const sequences = defaultsOf(device).chunkSequences;
  return sequences === 0 ? undefined : lanesLayout(form, filtered, sequences, device.limits);
};

/** Return true if the adapter appends chunks of tokens to a model of this form by default. */
export const takesChunks = (device: Device, form: ChunkForm): boolean =>
  layoutOf(device, form, true) !== undefined;

/** Append tokens to the sequences of M rows. Only for forms that `takesChunks` accepts. */
export function appendChunk(device: Device, form: ChunkForm, views: ChunkViews, size: ChunkSize): void {
  const { M, tokens, slots, capacity, maxNewTokens, eos } = size;
  const filtered = views.kept !== undefined;
  const layout = layoutOf(device, form, filtered);
  if (!layout) throw new Error('no chunk kernel takes this model');
  const cacheStride = slots * capacity * layout.kvWidth;
  const params = { M, tokens, capacity, cacheStride, maxNewTokens, eos };
  const groups = linearGrid(Math.ceil(M / layout.sequences));
  device.launch(lanesKernel({ form, layout, filtered }), views, params, groups);
}
