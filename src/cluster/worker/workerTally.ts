/** Counts the work of a worker. */

/** Number of items that the speed is measured over. */
const WINDOW = 16;

/** The work that a worker has done. */
export interface WorkerCounts {
  readonly items: number;
  readonly tokens: number;
  /** Tokens sampled per second of work, over the latest items; 0 before the first. */
  readonly tokensPerSecond: number;
}

/** Counts items and tokens since the worker started. */
export class WorkerTally {
  #items = 0;
  #tokens = 0;
  #latest: { readonly tokens: number; readonly seconds: number }[] = [];

  add(tokens: number, seconds: number): void {
    this.#items++;
    this.#tokens += tokens;
    this.#latest = [...this.#latest, { tokens, seconds }].slice(-WINDOW);
  }

  get counts(): WorkerCounts {
    const tokens = this.#latest.reduce((sum, item) => sum + item.tokens, 0);
    const seconds = this.#latest.reduce((sum, item) => sum + item.seconds, 0);
    return {
      items: this.#items,
      tokens: this.#tokens,
      tokensPerSecond: seconds > 0 ? tokens / seconds : 0,
    };
  }
}
