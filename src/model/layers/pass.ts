/** One pass through a model: its weights, how rows belong to sequences, and what is done besides computing. */
import type { BufferView } from '../../gpu/buffers.ts';
import type { Device } from '../../gpu/device.ts';
import { type Scalar, scalarValue } from '../../gpu/kernel.ts';
import { slotPositions } from '../../kernels/positions.ts';
import {
  type DropoutKey,
  dropout,
  type Routing,
  type RowTiles,
  rowPositions,
  Tensor,
} from '../../tensor/index.ts';
import type { CacheDeclaration, ConstantTable, Weight } from './layer.ts';

/** Dropout of a pass. */
export interface DropoutOptions extends Pick<DropoutKey, 'seed' | 'step'> {
  /** Probability that an activation is dropped. */
  readonly p: number;
  /** Rows of the batch before the first row of this pass; a part of a batch then has the masks of the whole. */
  readonly firstRow?: Scalar;
}

/** Keys and values of one layer: (slots, kvHeads, capacity, headDim) each. */
export interface KeyValues {
  readonly keys: BufferView;
  readonly values: BufferView;
}

/** Caches of a generation, with room for `capacity` tokens of a sequence. */
interface Caches {
  readonly layers: ReadonlyMap<CacheDeclaration, KeyValues>;
  readonly capacity: number;
}

/** Fills the caches with the tokens of prompts. */
export interface Prefill extends Caches {
  readonly kind: 'prefill';
  /** u32 (R,2): for each row the first of its `groupSize` slots, and its position in the prompt. */
  readonly places: BufferView;
  readonly groupSize: number;
}

/** Appends one token to each sequence, and attends to the cache. */
export interface Decode extends Caches {
  readonly kind: 'decode';
  /** `Slot` (slots) and `Row` (R) of src/kernels/decode/state.ts. */
  readonly slots: BufferView;
  readonly rows: BufferView;
}

/** The inputs of a layer's attention over sequences. */
export interface ObservedAttention {
  readonly heads: number;
  /** Key-value heads, each for heads/kvHeads query heads in order. */
  readonly kvHeads: number;
  readonly headDim: number;
  /** (R, (heads + 2·kvHeads)·headDim): rows [q | k | v], turned by their positions where the architecture does. */
  readonly qkv: Tensor;
  /** (heads): ALiBi's slopes, if the architecture has them. */
  readonly slopes: Tensor | undefined;
  /** (R, heads·headDim): the weighted sums of values. */
  readonly output: Tensor;
}

/** Options of a forward pass. */
export interface ForwardOptions {
  /** Drops activations; leave it out in evaluation and reinforcement learning. */
  readonly dropout?: DropoutOptions;
  /** Fills or uses the caches of a sampler. @internal */
  readonly cache?: Prefill | Decode;
  /** Receives every routing of a mixture of experts, with the router logits it was made from. */
  readonly onRouting?: (logits: Tensor, routing: Routing) => void;
  /** Receives the inputs and the output of each layer's attention, in order; decoding from caches is not observed. */
  readonly onAttention?: (observed: ObservedAttention) => void;
}

/** A forward pass as layers see it. */
export interface Pass extends ForwardOptions {
  readonly packing: RowTiles;
  /** The values of a weight. */
  weight(weight: Weight): Tensor;
  /** The values of a constant that a layer declares. */
  constant(table: ConstantTable): Tensor;
  /** The position of each row in its sequence: u32 (R). */
  positions(): Tensor;
}

/** The position of each row in its sequence, u32 (R): in the packing, or in the caches. */
export function positionsOf(device: Device, packing: RowTiles, cache?: Prefill | Decode): Tensor {
  if (cache?.kind !== 'decode') return rowPositions(device, packing);
  const positions = Tensor.empty(device, [packing.rows], 'u32');
  slotPositions(device, { slots: cache.slots, rows: cache.rows, positions: positions.view }, packing.rows);
  return positions;
}

/** Drops values of y (R,d) if the pass has dropout. Each `stream` has masks of its own. */
export function dropped(y: Tensor, stream: number, { dropout: options }: Pass): Tensor {
  if (!options?.p) return y;
  const { p, seed, step, firstRow = 0 } = options;
  const width = y.shape[1] ?? 1;
  return dropout(y, p, { seed, step, stream, start: () => scalarValue(firstRow) * width });
}
