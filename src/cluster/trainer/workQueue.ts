/** Work items on the server. */
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { CONSUMER } from '../protocol/subjects.ts';
import type { RunStreams } from './streams.ts';

/** The queue of a run's items. The server gives them out from the front. */
export class WorkQueue {
  /** The last item that is known to be given out. */
  #delivered = 0;

  constructor(
    private readonly server: { readonly js: JetStreamClient; readonly jsm: JetStreamManager },
    private readonly streams: RunStreams,
  ) {}

  /**
   * Put an item at the end. An id that the server has seen lately changes nothing.
   * @returns the item's number in the queue.
   */
  async put(job: number, id: string, bytes: Uint8Array): Promise<number> {
    const { epoch, subjects } = this.streams;
    const { seq } = await this.server.js.publish(subjects.work(epoch, job), bytes, {
      msgID: `${epoch}.${id}`,
      // Nobody listens where another epoch's stream is: it does not help to ask again.
      retries: 1,
    });
    return seq;
  }

  /**
   * Return the number of the last item that was given out, 0 for none. It grows: the server is not asked again if it is known to
   * be at least `enough`.
   */
  async delivered(enough: number): Promise<number> {
    if (this.#delivered < enough) {
      const { delivered } = await this.server.jsm.consumers.info(this.streams.names.work, CONSUMER);
      this.#delivered = delivered.stream_seq;
    }
    return this.#delivered;
  }

  /** Forget what was given out: the server may have lost the queue. */
  forget(): void {
    this.#delivered = 0;
  }

  /** Take an item away. It may be gone already. */
  async withdraw(number: number): Promise<void> {
    try {
      // Without erasing: the bytes are no secret, and it is quicker.
      await this.server.jsm.streams.deleteMessage(this.streams.names.work, number, false);
    } catch {
      // A worker acknowledged it, or the server is away: then it is made twice at worst.
    }
  }

  /** Take all items of a job away. */
  async clear(job: number): Promise<void> {
    const { epoch, subjects, names } = this.streams;
    await this.server.jsm.streams.purge(names.work, { filter: subjects.work(epoch, job) });
  }
}
