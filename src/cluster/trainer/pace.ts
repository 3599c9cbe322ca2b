/** Speeds of machines as measured lately, from which the sizes of items follow. */

/** Weight of the latest measurement. */
const NEWEST = 0.3;

/** A measured piece of work. */
export interface MeasuredWork {
  readonly sequences: number;
  readonly tokens: number;
  readonly seconds: number;
}

/** Speeds by machine, and the length of completions. */
export class Pace {
  readonly #speeds = new Map<string, number>();
  #tokensPerSequence: number | undefined;

  /** Record a piece of work. One that took no measurable time tells the length of completions alone. */
  record(machine: string, { sequences, tokens, seconds }: MeasuredWork): void {
    if (sequences > 0) this.#tokensPerSequence = blended(this.#tokensPerSequence, tokens / sequences);
    if (seconds > 0) this.#speeds.set(machine, blended(this.#speeds.get(machine), tokens / seconds));
  }

  /** Return a machine's tokens per second; undefined before the first measurement. */
  speed(machine: string): number | undefined {
    return this.#speeds.get(machine);
  }

  /** Return the sequences that a machine makes in some seconds; undefined before the first measurement. */
  sequencesIn(seconds: number, machine: string): number | undefined {
    const speed = this.speed(machine);
    if (speed === undefined || this.#tokensPerSequence === undefined) return undefined;
    return (seconds * speed) / Math.max(1, this.#tokensPerSequence);
  }

  /** Forget a machine that left. */
  forget(machine: string): void {
    this.#speeds.delete(machine);
  }
}

const blended = (before: number | undefined, now: number): number =>
  before === undefined ? now : before + NEWEST * (now - before);
