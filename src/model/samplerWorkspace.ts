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
  /** True if all caches lie in one buffer, as the kernels of a chunk read them. */
  readonly joined: boolean;
}

/** Return the bytes that a sequence takes: its keys and values in all layers, and its samples. */
export function bytesPerSlot(
  { decoder, config: { vocabSize } }: Transformer,
  { capacity, maxNewTokens, filtered, joined }: Omit<Room, 'slots'>,
): number {
  const sampled = maxNewTokens * (2 + (filtered ? Math.ceil(vocabSize / 32) : 0));
  const width = decoder.caches.reduce((sum, cache) => sum + cache.width, 0);
  return 4 * (2 * capacity * width + (joined ? 2 : 1) * SLOT_WORDS + sampled);
}

/** Alignment of the parts of a buffer, in words: storage bindings start at multiples of 256 bytes. */
const ALIGNMENT = 64;

/** Maximum number of words that aligning the results of a generation adds. */
export const RESULT_PADDING = 3 * ALIGNMENT;

/** The buffers of generation, and the decoding steps recorded on them. */
export class Workspace {
  readonly room: Room;
  readonly caches: ReadonlyMap<CacheDeclaration, KeyValues>;
  /** All caches if they are joined: keys, then values, of each layer. */
  readonly cache: BufferView | undefined;
  readonly state: BufferView;
  /** The state before a chunk, if the caches are joined. */
  readonly before: BufferView | undefined;
  readonly rows: BufferView;
  readonly ids: BufferView;
  readonly settings: BufferView;
  readonly samples: BufferView;
  readonly kept: BufferView | undefined;
  /** The state, the samples and the kept ids, one after the other in one buffer, so that one read takes all of them. */
  readonly results: BufferView;
  /** The recorded decoding steps, by number of rows. */
  readonly steps = new Map<number, Recording>();
  readonly #device: Device;
  readonly #views: BufferView[] = [];

  /** @throws GpuError if it does not fit the memory. */
  constructor({ device, decoder, config: { vocabSize } }: Transformer, room: Room) {
    this.#device = device;
    this.room = room;
    const { slots, capacity, maxNewTokens, filtered, joined } = room;
    const rows = Math.ceil(slots / ROW_STEP) * ROW_STEP;
    try {
      const sizes = decoder.caches.flatMap(({ width }) => [
        slots * capacity * width,
        slots * capacity * width,
      ]);
      const caches = joined ? this.#allocateParts(sizes) : undefined;
      const views = caches?.parts ?? sizes.map((words) => this.#allocate(words));
      this.cache = caches?.whole;
      this.caches = new Map(
        decoder.caches.map((cache, i) => {
          const [keys, values] = views.slice(2 * i) as [BufferView, BufferView];
          return [cache, { keys, values }];
        }),
      );
      this.before = joined ? this.#allocate(slots * SLOT_WORDS) : undefined;
      this.rows = this.#allocate(rows * 4);
      this.ids = this.#allocate(rows);
      this.settings = this.#allocate(SETTINGS_BYTES / 4);
      const { whole, parts } = this.#allocateParts([
        slots * SLOT_WORDS,
        slots * maxNewTokens * 2,
        filtered ? slots * maxNewTokens * Math.ceil(vocabSize / 32) : 0,
      ]);
      // What lies past the end of a completion is 0, not undefined.
      device.clear(whole);
      this.results = whole;
      const [state, samples, kept] = parts as [BufferView, BufferView, BufferView];
      this.state = state;
      this.samples = samples;
      this.kept = filtered ? kept : undefined;
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Return true if it has this much room. */
  fits({ slots, capacity, maxNewTokens, filtered, joined }: Room): boolean {
    const { room } = this;
    return (
      room.slots >= slots &&
      room.capacity >= capacity &&
      room.maxNewTokens === maxNewTokens &&
      room.filtered === filtered &&
      room.joined === joined
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

  /** Allocate parts of one buffer, in words. */
  #allocateParts(sizes: readonly number[]): { readonly whole: BufferView; readonly parts: BufferView[] } {
    const starts = [0];
    for (const size of sizes) {
      starts.push((starts.at(-1) ?? 0) + Math.ceil(size / ALIGNMENT) * ALIGNMENT);
    }
    const whole = this.#allocate(starts.at(-1) ?? 0);
    const parts = sizes.map((size, i) => ({
      buffer: whole.buffer,
      offset: whole.offset + (starts[i] ?? 0) * 4,
      bytes: size * 4,
    }));
    return { whole, parts };
  }

  #allocate(words: number): BufferView {
    const view = this.#device.allocatePersistent(words * 4);
    this.#views.push(view);
    return view;
  }
}
