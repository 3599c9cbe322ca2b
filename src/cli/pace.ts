/** Number of updates that a pace is measured over: enough to be steady, few enough to forget a slow beginning. */
const WINDOW = 30;

/** Measures the pace of a piece of work from the last updates. Work that an earlier process did takes no part. */
export class Pace {
  /** Numbers of units that are done, and the milliseconds at which they were. */
  #moments: readonly { readonly done: number; readonly at: number }[];

  /** Begin to measure. @param from units that are done already. */
  constructor(from: number) {
    this.#moments = [{ done: from, at: performance.now() }];
  }

  update(done: number): void {
    this.#moments = [...this.#moments, { done, at: performance.now() }].slice(-WINDOW - 1);
  }

  /** Estimate the seconds until `total` units are done; undefined before the first one. */
  secondsLeft(total: number): number | undefined {
    const [first] = this.#moments;
    const last = this.#moments.at(-1);
    if (!first || !last || last.done <= first.done) return undefined;
    const millisecondsEach = (last.at - first.at) / (last.done - first.done);
    const sinceLast = performance.now() - last.at;
    return Math.max(0, ((total - last.done) * millisecondsEach - sinceLast) / 1000);
  }
}
