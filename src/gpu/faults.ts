/**
 * The list of faults on the GPU: two words for each checked place in a program. A kernel sets the first word to 1 for a fault,
 * and the second to the wrong value. Each read also reads the list and clears it.
 */
import type { MathformerError } from '../base/errors.ts';
import type { CommandBatch } from './batch.ts';
import { type BufferPool, type BufferView, placeOf } from './buffers.ts';
import { Doubt } from './doubts.ts';

/** Maximum number of places. Further ones share the last. */
const PLACES = 16_384;
const WORDS = 2;
const FAULT_BYTES = PLACES * WORDS * 4;

/** Return the error of a fault, given its second word. */
export type Describe = (word: number) => MathformerError;

/** A checked place in a program, identified by `key`. */
export interface CheckedPlace {
  readonly key: string;
  readonly describe: Describe;
}

/** The doubts that one read settles. */
export interface Sealed {
  readonly doubts: ReadonlyMap<number, Doubt>;
  /** Size of the used part of the list, from its start. */
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

  /** The list. It is allocated at the first check. */
  get view(): BufferView {
    if (this.#view) return this.#view;
    const view = this.#pool.allocate(FAULT_BYTES, 'faults', true);
    view.buffer.tracked = false;
    this.#batch.clear(placeOf(view), view.bytes);
    this.#view = view;
    return view;
  }

  /** Return the number of the place with this key. */
  place(key: string, describe: Describe): number {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const place = Math.min(this.#places.size, PLACES - 1);
    this.#places.set(key, place);
    this.#describe[place] = describe;
    return place;
  }

  /** Return the doubt about the checks at a place from now to the next read. */
  doubt(place: number): Doubt {
    const doubt = this.#open.get(place) ?? new Doubt();
    this.#open.set(place, doubt);
    return doubt;
  }

  /** Return the doubts that the read being encoded settles, if any. */
  seal(): Sealed | undefined {
    if (this.#open.size === 0) return undefined;
    const doubts = this.#open;
    this.#open = new Map();
    return { doubts, bytes: (Math.max(...doubts.keys()) + 1) * WORDS * 4 };
  }

  /** Settle doubts with the list that was read; without a list, as the device is lost, with the device's error. */
  settle({ doubts }: Sealed, list?: Uint32Array): void {
    for (const [place, doubt] of doubts) {
      const fault = list?.[place * WORDS] === 1;
      doubt.settle(fault ? this.#describe[place]?.(list?.[place * WORDS + 1] ?? 0) : undefined);
    }
  }
}
