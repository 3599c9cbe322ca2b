/** The speed of workers and of the trainer, and what follows for the sizes of items and for patience. */
import { TRAINER } from '../protocol/subjects.ts';
import { type MeasuredWork, Pace } from './pace.ts';
import type { Roster } from './roster.ts';

/** Wanted seconds of work of an item, and items for each machine. */
const ITEM_SECONDS = 1;
const ITEMS_EACH = 2;
/** No worker is waited for that is so many times slower than the trainer. It says itself how long it took. */
const SLOWEST = 4;
/** Milliseconds that an item may be out for other reasons than work. */
const TRANSFER_MS = 250;

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

  /** Return the trainer's share of the speed of all, from 0 to 1. Machines of unknown speed count as equal. */
  get ownShare(): number {
    const own = this.#pace.speed(TRAINER);
    const speeds = this.roster.active.flatMap(({ name }) => this.#pace.speed(name) ?? []);
    if (own === undefined || speeds.length === 0) return 1 / (1 + this.roster.active.length);
    return own / (own + speeds.reduce((sum, speed) => sum + speed, 0));
  }

  /** Return the sequences that the trainer makes in some seconds; undefined before it made any. */
  ownSequences(seconds: number): number | undefined {
    return this.#pace.sequencesIn(seconds, TRAINER);
  }

  /** Return the milliseconds that the slowest worker should need, by the number of sequences; undefined if no speed is known. */
  get expectedMs(): ((sequences: number) => number) | undefined {
    const slowest = this.#slowest(1);
    if (slowest === undefined) return undefined;
    const inSecond = Math.max(1e-3, slowest);
    return (sequences) => (1000 * sequences) / inSecond + TRANSFER_MS;
  }

  /** Return the sequences of an item of a call with so many: a second's work of the slowest worker, and enough items for all. */
  itemSequences(all: number): number {
    const each = Math.ceil(all / (ITEMS_EACH * (this.roster.active.length + 1)));
    return Math.max(1, Math.floor(Math.min(each, this.#slowest(ITEM_SECONDS) ?? each)));
  }

  /** Return the sequences that the slowest worker makes in some seconds, as far as it is waited for. */
  #slowest(seconds: number): number | undefined {
    const made = this.roster.active.flatMap(({ name }) => this.#pace.sequencesIn(seconds, name) ?? []);
    const least = (this.ownSequences(seconds) ?? 0) / SLOWEST;
    return made.length > 0 ? Math.max(least, Math.min(...made)) : undefined;
  }
}
