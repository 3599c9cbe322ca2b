/**
 * The list of faults on the GPU: two words for each place in a program that is checked there. A kernel sets the first
 * word to 1 for a fault, and says in the second which value it was. Each read takes the list with it and clears it.
 */
import type { MathformerError } from '../base/errors.ts';
import type { CommandBatch } from './batch.ts';
import { type BufferPool, type BufferView, placeOf } from './buffers.ts';
import { Doubt } from './doubts.ts';

/** Places that are told apart; those beyond share the last. */
const PLACES = 16_384;
const WORDS = 2;
const FAULT_BYTES = PLACES * WORDS * 4;

/** Makes the error of a fault from its second word. */
export type Describe = (word: number) => MathformerError;

/** A place in a program at which something is checked; `key` tells it from others. */
export interface CheckedPlace {
  readonly key: string;
  readonly describe: Describe;
}

/** The doubts that one read settles. */
export interface Sealed {
  readonly doubts: ReadonlyMap<number, Doubt>;
  /** Of the list, from its start. */
  readonly bytes: number;
}

export class Faults {
  readonly #pool: BufferPool;
  readonly #batch: CommandBatch;
  #view: BufferView | undefined;
  readonly #places = new Map<string, number>();
  readonly #describe: Describe[] = [];
  #open = new Map<number, Doubt>();

  constructor(pool: BufferPool, batch: CommandBatch) {
    this.#pool = pool;
    this.#batch = batch;
  }

  /** The list, which is allocated when something is checked for the first time. */
  get view(): BufferView {
    if (this.#view) return this.#view;
    const view = this.#pool.allocate(FAULT_BYTES, 'faults', true);
    view.buffer.tracked = false;
    this.#batch.clear(placeOf(view), view.bytes);
    this.#view = view;
    return view;
  }

  /** The number of a place, which `key` tells from others. */
  place(key: string, describe: Describe): number {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const place = Math.min(this.#places.size, PLACES - 1);
    this.#places.set(key, place);
    this.#describe[place] = describe;
    return place;
  }

  /** The doubt about what is checked at a place from now to the next read. */
  doubt(place: number): Doubt {
    const doubt = this.#open.get(place) ?? new Doubt();
    this.#open.set(place, doubt);
    return doubt;
  }

  /** What a read that is being encoded settles, if there is anything. */
  seal(): Sealed | undefined {
    if (this.#open.size === 0) return undefined;
    const doubts = this.#open;
    this.#open = new Map();
    return { doubts, bytes: (Math.max(...doubts.keys()) + 1) * WORDS * 4 };
  }

  /** Settles doubts by the list that was read; without one, because the device is lost, by its own error. */
  settle({ doubts }: Sealed, list?: Uint32Array): void {
    for (const [place, doubt] of doubts) {
      const fault = list?.[place * WORDS] === 1;
      doubt.settle(fault ? this.#describe[place]?.(list?.[place * WORDS + 1] ?? 0) : undefined);
    }
  }
}
