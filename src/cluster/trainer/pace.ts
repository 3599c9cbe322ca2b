/** Speeds of machines as measured lately, from which the sizes of items follow. */

/** Weight that earlier work keeps beside a further item: in a speed, and in costs. */
const KEPT = { speed: 0.8, costs: 0.95 } as const;
/** Weight that earlier completions keep beside a further one in the lengths. */
const KEPT_LENGTHS = 0.998;
/** Costs are known once items differ in size: their standard deviation is at least this share of the mean. */
const LEAST_SPREAD = 0.1;
/** Shortest time in seconds that is measurable. A worker may claim any, and speeds must stay finite. */
const LEAST_SECONDS = 1e-6;

/** A measured piece of work. */
export interface MeasuredWork {
  /** Number of tokens of each completion. */
  readonly lengths: readonly number[];
  readonly seconds: number;
}

/** The time of an item of a machine with completions of mean length: a fixed part, and one for each sequence. */
export interface ItemCosts {
  readonly fixedSeconds: number;
  /** 0 if the time of an item does not depend on its size. */
  readonly sequenceSeconds: number;
}

/** Work of one machine, of which earlier items weigh less. */
interface Machine {
  tokens: number;
  seconds: number;
  readonly costs: CostFit;
}

/** Speeds by machine, and the length of completions. */
export class Pace {
  readonly #machines = new Map<string, Machine>();
  #lengths = { weight: 0, sum: 0, squares: 0 };

  /** Record a piece of work. One that took no measurable time tells the length of completions alone. */
  record(name: string, { lengths, seconds }: MeasuredWork): void {
    for (const length of lengths) this.#hear(length);
    const tokens = lengths.reduce((sum, length) => sum + length, 0);
    if (seconds < LEAST_SECONDS || tokens === 0) return;
    const machine = this.#machines.get(name) ?? { tokens: 0, seconds: 0, costs: new CostFit() };
    this.#machines.set(name, machine);
    machine.tokens = KEPT.speed * machine.tokens + tokens;
    machine.seconds = KEPT.speed * machine.seconds + seconds;
    // Sequences are sampled together, so the time grows with their length.
    machine.costs.add(lengths.length, (seconds * lengths.length) / tokens);
  }

  /**
   * Return a machine's tokens per second; undefined before the first measurement.
   * @param sequences the size of its items. Default: that of those which were measured lately.
   */
  speed(name: string, sequences?: number): number | undefined {
    const machine = this.#machines.get(name);
    const costs = sequences === undefined ? undefined : this.costs(name);
    const length = this.#meanLength;
    if (costs && length !== undefined && sequences !== undefined)
      return (length * sequences) / (costs.fixedSeconds + costs.sequenceSeconds * sequences);
    return machine && machine.tokens / machine.seconds;
  }

  /** Return the costs of a machine's items; undefined before it made items of different sizes. */
  costs(name: string): ItemCosts | undefined {
    const line = this.#machines.get(name)?.costs.line;
    const length = this.#meanLength;
    if (!line || length === undefined) return undefined;
    return { fixedSeconds: length * line.fixed, sequenceSeconds: length * line.slope };
  }

  /** Standard deviation of the lengths of completions, as a share of the mean; undefined before the first measurement. */
  get spread(): number | undefined {
    const { weight, squares } = this.#lengths;
    const mean = this.#meanLength;
    return mean && Math.sqrt(Math.max(0, squares / weight - mean * mean)) / mean;
  }

  /** Return the sequences that a machine makes in some seconds; undefined before the first measurement. */
  sequencesIn(seconds: number, name: string): number | undefined {
    const speed = this.speed(name);
    const length = this.#meanLength;
    return speed === undefined || length === undefined ? undefined : (seconds * speed) / length;
  }

  /** Forget a machine that left. */
  forget(name: string): void {
    this.#machines.delete(name);
  }

  #hear(length: number): void {
    const { weight, sum, squares } = this.#lengths;
    this.#lengths = {
      weight: KEPT_LENGTHS * weight + 1,
      sum: KEPT_LENGTHS * sum + length,
      squares: KEPT_LENGTHS * squares + length * length,
    };
  }

  get #meanLength(): number | undefined {
    const { weight, sum } = this.#lengths;
    return weight > 0 ? Math.max(1, sum / weight) : undefined;
  }
}

/** Fits a line to the times of items over their sizes: least squares, where earlier items weigh less. */
class CostFit {
  #sums = { weight: 0, x: 0, y: 0, xx: 0, xy: 0 };
  #slope: number | undefined;

  /** @param x the size. @param y the time. */
  add(x: number, y: number): void {
    const { weight, ...sums } = this.#sums;
    const { costs: kept } = KEPT;
    this.#sums = {
      weight: kept * weight + 1,
      ...{ x: kept * sums.x + x, y: kept * sums.y + y },
      ...{ xx: kept * sums.xx + x * x, xy: kept * sums.xy + x * y },
    };
    this.#slope = this.#slopeNow() ?? this.#slope;
  }

  /** The line; undefined before sizes differed. */
  get line(): { readonly fixed: number; readonly slope: number } | undefined {
    const { weight, x, y } = this.#sums;
    if (this.#slope === undefined) return undefined;
    const fixed = (y - this.#slope * x) / weight;
    return fixed >= 0 ? { fixed, slope: this.#slope } : { fixed: 0, slope: y / x };
  }

  /** The slope of the line; undefined if all sizes are much the same. */
  #slopeNow(): number | undefined {
    const { weight, x, y, xx, xy } = this.#sums;
    const [meanX, meanY] = [x / weight, y / weight];
    const variance = xx / weight - meanX * meanX;
    const least = LEAST_SPREAD * meanX;
    return variance > least * least ? Math.max(0, (xy / weight - meanX * meanY) / variance) : undefined;
  }
}
