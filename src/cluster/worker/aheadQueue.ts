/**
 * Asks for the next item shortly before the present one is done, where the way to the server is long. Not earlier: meanwhile
 * another worker could do it. On a local network a request takes a thousandth of an item's time, and nothing is asked ahead.
 */
import type { Delivery, ItemQueue } from './itemQueue.ts';

/** Milliseconds of a round trip from which on it is worth while. */
const LONG_MS = 10;

type Next = ReturnType<ItemQueue['next']>;

/** A queue that can be asked ahead. */
export class AheadQueue {
  /** Milliseconds from a request to its answer, once they are measured. */
  roundTrip = 0;
  #next: Next | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly queue: Pick<ItemQueue, 'next'>) {}

  /** Wait for an item, as `ItemQueue` does. */
  next(signal: AbortSignal): Next {
    clearTimeout(this.#timer);
    const next = this.#next ?? this.queue.next(signal);
    this.#next = undefined;
    return next;
  }

  /** Ask for the next item in time: the present one will be done after some milliseconds. */
  expect(milliseconds: number, signal: AbortSignal): void {
    if (this.roundTrip < LONG_MS || this.#next) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#next = this.queue.next(signal);
        // Whoever asks for it hears of a failure.
        this.#next.catch(() => undefined);
      },
      Math.max(0, milliseconds - 2 * this.roundTrip),
    );
  }

  /** Ask no more, and hand back what was asked ahead. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const item: Delivery | 'missing' | undefined = await this.#next?.catch(() => undefined);
    this.#next = undefined;
    if (item && item !== 'missing') item.handBack(0);
  }
}
