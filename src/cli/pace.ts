/** Updates that a pace is measured over: enough to be steady, few enough to forget a slow beginning. */
const WINDOW = 30;

interface Moment {
  readonly done: number;
  /** In milliseconds. */
  readonly at: number;
}

/** How fast something gets done, from the last updates of this process alone: what was done before it took no time of it. */
export class Pace {
  #moments: readonly Moment[];

  /** Measures from now on; `from` is done already. */
  constructor(from: number) {
    this.#moments = [{ done: from, at: performance.now() }];
  }

  update(done: number): void {
    this.#moments = [...this.#moments, { done, at: performance.now() }].slice(-WINDOW - 1);
  }

  /** Seconds until `total` is done, from now; undefined before anything was. */
  secondsLeft(total: number): number | undefined {
    const [first] = this.#moments;
    const last = this.#moments.at(-1);
    if (!first || !last || last.done <= first.done) return undefined;
    const millisecondsEach = (last.at - first.at) / (last.done - first.done);
    const sinceLast = performance.now() - last.at;
    return Math.max(0, ((total - last.done) * millisecondsEach - sinceLast) / 1000);
  }
}
