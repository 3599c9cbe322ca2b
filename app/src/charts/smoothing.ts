/** Smooths a series that grows, with an exponential moving average. */

/**
 * The exponential moving average of a series, without the bias to its start: divided by 1 − β^t, as Adam does it (Kingma and
 * Ba 2015, arXiv 1412.6980, section 3). Values that were not measured stay so, and change nothing.
 */
export class Smoothed {
  #values = new Float64Array();
  #done = 0;
  /** The last value that was taken. */
  #last = Number.NaN;
  #average = 0;
  /** β^t after t values. */
  #remaining = 1;

  /** @param beta weight of the past, 0 ≤ β < 1; 0 leaves the series as it is. */
  constructor(readonly beta: number) {}

  /** Smooth a series. One that only grew since the last call is gone on with. */
  update(values: Float64Array): Float64Array {
    if (this.#done > 0 && !Object.is(values[this.#done - 1], this.#last)) this.#restart();
    if (values.length > this.#values.length) this.#grow(values.length);
    for (; this.#done < values.length; this.#done++) {
      this.#values[this.#done] = this.#next(values[this.#done] ?? Number.NaN);
    }
    this.#last = values.at(-1) ?? Number.NaN;
    return this.#values.subarray(0, values.length);
  }

  #next(value: number): number {
    if (Number.isNaN(value)) return value;
    this.#average = this.beta * this.#average + (1 - this.beta) * value;
    this.#remaining *= this.beta;
    return this.#average / (1 - this.#remaining);
  }

  #restart(): void {
    this.#done = 0;
    this.#average = 0;
    this.#remaining = 1;
  }

  #grow(length: number): void {
    const larger = new Float64Array(Math.max(length, 2 * this.#values.length));
    larger.set(this.#values);
    this.#values = larger;
  }
}
