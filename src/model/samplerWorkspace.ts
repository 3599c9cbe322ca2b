/** The memory of a sampler: KV caches, the state of the sequences, sampled tokens. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device, Recording } from '../gpu/device.ts';
import { SETTINGS_BYTES } from '../kernels/sampling/index.ts';
import type { CacheDeclaration } from './layers/layer.ts';
import type { KeyValues } from './layers/pass.ts';
import type { Transformer } from './transformer.ts';

/** Decoding steps are recorded for batch sizes that are multiples of this. */
export const ROW_STEP = 16;
/** Number of u32 of a `Slot` (src/kernels/decode/state.ts). */
export const SLOT_WORDS = 4;

/** Sizes of a workspace. */
export interface Room {
  /** Number of sequences. */
  readonly slots: number;
  /** Maximum number of tokens of a sequence, prompt included. */
  readonly capacity: number;
  /** Maximum number of sampled tokens of a sequence. */
  readonly maxNewTokens: number;
  /** True to record the ids kept by top-k, top-p or min-p. */
  readonly filtered: boolean;
}

/** Return the bytes that a sequence takes: its keys and values in all layers, and its samples. */
export function bytesPerSlot(
  { decoder, config: { vocabSize } }: Transformer,
  { capacity, maxNewTokens, filtered }: Omit<Room, 'slots'>,
): number {
  const sampled = maxNewTokens * (2 + (filtered ? Math.ceil(vocabSize / 32) : 0));
  const width = decoder.caches.reduce((sum, cache) => sum + cache.width, 0);
  return 4 * (2 * capacity * width + SLOT_WORDS + sampled);
}

/** The buffers of generation, and the decoding steps recorded on them. */
export class Workspace {
  readonly room: Room;
  readonly caches: ReadonlyMap<CacheDeclaration, KeyValues>;
  readonly state: BufferView;
  readonly rows: BufferView;
  readonly ids: BufferView;
  readonly settings: BufferView;
  readonly samples: BufferView;
  readonly kept: BufferView | undefined;
  /** The recorded decoding steps, by number of rows. */
  readonly steps = new Map<number, Recording>();
  readonly #device: Device;
  readonly #views: BufferView[] = [];

  /** @throws GpuError if it does not fit the memory. */
  constructor({ device, decoder, config: { vocabSize } }: Transformer, room: Room) {
    this.#device = device;
    this.room = room;
    const { slots, capacity, maxNewTokens, filtered } = room;
    const rows = Math.ceil(slots / ROW_STEP) * ROW_STEP;
    try {
      this.caches = new Map(
        decoder.caches.map((cache) => {
          const words = slots * capacity * cache.width;
          return [cache, { keys: this.#allocate(words), values: this.#allocate(words) }];
        }),
      );
      this.state = this.#allocate(slots * SLOT_WORDS);
      this.rows = this.#allocate(rows * 4);
      this.ids = this.#allocate(rows);
      this.settings = this.#allocate(SETTINGS_BYTES / 4);
      this.samples = this.#allocateResult(slots * maxNewTokens * 2);
      this.kept = filtered
        ? this.#allocateResult(slots * maxNewTokens * Math.ceil(vocabSize / 32))
        : undefined;
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Return true if it has this much room. */
  fits({ slots, capacity, maxNewTokens, filtered }: Room): boolean {
    const { room } = this;
    return (
      room.slots >= slots &&
      room.capacity >= capacity &&
      room.maxNewTokens === maxNewTokens &&
      room.filtered === filtered
    );
  }

  get bytes(): number {
    return this.#views.reduce((sum, { buffer }) => sum + buffer.bytes, 0);
  }

  dispose(): void {
    for (const step of this.steps.values()) step[Symbol.dispose]();
    this.steps.clear();
    for (const view of this.#views.splice(0)) this.#device.release(view);
  }

  /** Allocate what the host reads whole: what lies past the end of a completion is 0, not undefined. */
  #allocateResult(words: number): BufferView {
    const view = this.#allocate(words);
    this.#device.clear(view);
    return view;
  }

  #allocate(words: number): BufferView {
    const view = this.#device.allocatePersistent(words * 4);
    this.#views.push(view);
    return view;
  }
}
