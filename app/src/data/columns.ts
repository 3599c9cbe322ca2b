/** The metrics of one phase of a run: an array for each metric, which grows with the run. */
import type { MetricsRow } from 'mathformer/training';

const FIRST_CAPACITY = 256;
/** Maximum number of metrics. Each takes memory for every row, and a damaged run may name a new one in each. */
const MOST_METRICS = 256;

/** Values by metric and row. A value that was not measured is NaN. */
export class Columns {
  readonly #arrays = new Map<string, Float64Array>();
  #length = 0;
  #capacity = FIRST_CAPACITY;

  /** Number of rows. */
  get length(): number {
    return this.#length;
  }

  /** Names of the metrics, in the order in which they first came. */
  get names(): readonly string[] {
    return [...this.#arrays.keys()];
  }

  /** Return the values of a metric, one of each row so far; undefined if no row has it. */
  get(name: string): Float64Array | undefined {
    return this.#arrays.get(name)?.subarray(0, this.#length);
  }

  /** Return the last value of a metric; NaN without one. */
  latest(name: string): number {
    return this.get(name)?.at(-1) ?? Number.NaN;
  }

  /** Return the last `step` that is no later than a step, as its index; −1 if all are later. */
  indexOf(step: number): number {
    const steps = this.get('step') ?? new Float64Array();
    let low = 0;
    let high = steps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((steps[middle] ?? 0) <= step) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Return the metrics of a row by name, without those that were not measured. */
  row(index: number): Readonly<Record<string, number>> {
    const values = this.names.map((name) => [name, this.get(name)?.[index] ?? Number.NaN] as const);
    return Object.fromEntries(values.filter(([, value]) => !Number.isNaN(value)));
  }

  /** Append a row. Texts are left out, and metrics beyond the most. */
  push(row: MetricsRow): void {
    const index = this.#length++;
    if (this.#length > this.#capacity) this.#grow();
    for (const [name, value] of Object.entries(row)) {
      if (typeof value !== 'number') continue;
      const values = this.#arrayOf(name);
      if (values) values[index] = value;
    }
  }

  #arrayOf(name: string): Float64Array | undefined {
    const known = this.#arrays.get(name);
    if (known || this.#arrays.size >= MOST_METRICS) return known;
    const made = new Float64Array(this.#capacity).fill(Number.NaN);
    this.#arrays.set(name, made);
    return made;
  }

  #grow(): void {
    this.#capacity *= 2;
    for (const [name, values] of this.#arrays) {
      const larger = new Float64Array(this.#capacity).fill(Number.NaN);
      larger.set(values);
      this.#arrays.set(name, larger);
    }
  }
}
