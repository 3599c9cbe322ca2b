/** The speed of workers and of the trainer, and what follows for the sizes of items and for patience. */
import { TRAINER } from '../protocol/subjects.ts';
import { type MeasuredWork, Pace } from './pace.ts';
import type { Roster } from './roster.ts';
import type { Shares } from './shares.ts';

/** Most seconds of an item, unless smaller ones are not worth it. */
const ITEM_SECONDS = 1;
/** No worker is waited for that is so many times slower than the trainer. It says itself how long it took. */
const SLOWEST = 4;
/** Sizes do not follow a worker that is so many times slower than half of the workers, or than the trainer. */
const SLOW_AMONG_WORKERS = 4;
const SLOW_BESIDE_TRAINER = 16;
/** Milliseconds that an item may be out for other reasons than work. */
const TRANSFER_MS = 250;
/** Seconds of each item for messages and checks, beside the fixed time of its machine. */
const ITEM_OVERHEAD = 0.005;
/** Share of an item's time that its fixed part may have. */
const FIXED_SHARE = 1 / 3;
/** A group is split only if it is more than this share of the sequences of a machine. */
const COARSE_SHARE = 0.03;

/** The machines that work for a run. */
export class Fleet {
  readonly #pace = new Pace();

  constructor(private readonly roster: Pick<Roster, 'active'>) {}

  /** Record the work of a machine. */
  record(machine: string, work: MeasuredWork): void {
    this.#pace.record(machine, work);
  }

  /** Forget a machine that left. */
  forget(machine: string): void {
    this.#pace.forget(machine);
  }

  /** Return the trainer's share of the speed of all, from 0 to 1. */
  get ownShare(): number {
    const { own, workers } = this.#speeds();
    return own / (own + sum(workers));
  }

  /** Return the sequences that the trainer makes in some seconds; undefined before it made any. */
  ownSequences(seconds: number): number | undefined {
    return this.#pace.sequencesIn(seconds, TRAINER);
  }

  /** Smallest number of sequences that is worth a call of the trainer's sampler: 1 while its costs are not known. */
  get ownLeast(): number {
    return this.#worth(TRAINER) ?? 1;
  }

  /** Return the milliseconds that the slowest worker should need, by the number of sequences; undefined if no speed is known. */
  get expectedMs(): ((sequences: number) => number) | undefined {
    const slowest = this.#slowest(1);
    if (slowest === undefined) return undefined;
    const inSecond = Math.max(1e-3, slowest);
    return (sequences) => (1000 * sequences) / inSecond + TRANSFER_MS;
  }

  /** Share out the sequences of a call. */
  shares(sequences: number, groupSize: number): Shares {
    const each = sequences / (this.#names.length + 1);
    const least = Math.max(1, COARSE_SHARE * each, this.#workersLeast ?? groupSize);
    // Where fixed times weigh much, a machine that made larger items would seem faster.
    const { own, workers } = this.#speeds(least < each ? undefined : each);
    const ordered = workers.toSorted((a, b) => a - b);
    const median = ordered[Math.floor(ordered.length / 2)] ?? own;
    const slow = Math.max(ordered[0] ?? own, median / SLOW_AMONG_WORKERS, own / SLOW_BESIDE_TRAINER);
    return {
      own: own / (own + sum(workers)),
      workers: Math.max(1, sum(workers) / slow),
      trainer: Math.max(1, own / slow),
      ...{ least, most: Math.max(least, this.#most ?? each) },
    };
  }

  get #names(): string[] {
    return this.roster.active.map(({ name }) => name);
  }

  /** Speeds with items of a size, in any unit. A machine of unknown speed counts as a mean worker. */
  #speeds(size?: number): { own: number; workers: number[] } {
    const measured = this.#names.map((name) => this.#pace.speed(name, size));
    const known = measured.filter((speed) => speed !== undefined);
    const own = this.#pace.speed(TRAINER, size);
    const mean = known.length > 0 ? sum(known) / known.length : (own ?? 1);
    return { own: own ?? mean, workers: measured.map((speed) => speed ?? mean) };
  }

  /** Smallest size that is worth an item of any worker. While no worker's costs are known, the trainer's tell. */
  get #workersLeast(): number | undefined {
    const known = this.#names.flatMap((name) => this.#worth(name) ?? []);
    return known.length > 0 ? Math.max(...known) : this.#worth(TRAINER);
  }

  /** Sequences of an item of at most a second on the slowest worker, among those whose items take longer the larger they are. */
  get #most(): number | undefined {
    const most = this.#names.flatMap((name) => {
      const costs = this.#pace.costs(name);
      if (!costs) return this.#pace.sequencesIn(ITEM_SECONDS, name) ?? [];
      const { fixedSeconds, sequenceSeconds } = costs;
      if (sequenceSeconds === 0) return Number.POSITIVE_INFINITY;
      return Math.max(0, ITEM_SECONDS - fixedSeconds) / sequenceSeconds;
    });
    const least = (this.ownSequences(ITEM_SECONDS) ?? 0) / SLOWEST;
    return most.length > 0 ? Math.max(least, Math.min(...most)) : undefined;
  }

  /** Sequences of the smallest item of a machine that is worth its fixed time; undefined if its costs are not known. */
  #worth(machine: string): number | undefined {
    const costs = this.#pace.costs(machine);
    if (!costs) return undefined;
    const fixed = costs.fixedSeconds + ITEM_OVERHEAD;
    return (fixed * (1 - FIXED_SHARE)) / FIXED_SHARE / costs.sequenceSeconds;
  }

  /** Return the sequences that the slowest worker makes in some seconds, as far as it is waited for. */
  #slowest(seconds: number): number | undefined {
    const made = this.roster.active.flatMap(({ name }) => this.#pace.sequencesIn(seconds, name) ?? []);
    const least = (this.ownSequences(seconds) ?? 0) / SLOWEST;
    return made.length > 0 ? Math.max(least, Math.min(...made)) : undefined;
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
