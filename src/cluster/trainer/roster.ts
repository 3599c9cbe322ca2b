/** The workers that a trainer has heard of. */

import type { KnownWorker, Refusal, WorkerCard } from '../protocol/messages.ts';
import { type WorkerId, workerName } from '../protocol/subjects.ts';
import type { ClusterListener } from './events.ts';

/** A worker that is silent for so long has left: it says hello every 5 s. */
const SILENCE_MS = 16_000;
/** Most workers that are remembered: instances are free to choose, so there may be any number. */
const MOST_WORKERS = 10_000;

/** A worker that was heard lately. */
export interface HeardWorker {
  readonly id: WorkerId;
  readonly name: string;
  readonly card: WorkerCard;
  readonly refusal: Refusal | null;
  /** The time in ms when it was last heard. */
  readonly heard: number;
}

/** Workers by what they say of themselves. */
export class Roster {
  readonly #workers = new Map<string, HeardWorker>();

  constructor(
    private readonly on: ClusterListener,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Hear a worker. @returns true if it can take items and could not before. */
  hear(id: WorkerId, card: WorkerCard, refusal: Refusal | null): boolean {
    const name = workerName(id);
    const before = this.#workers.get(name);
    if (!before && this.#workers.size >= MOST_WORKERS) return false;
    this.#workers.set(name, { id, name, card, refusal, heard: this.now() });
    if (refusal) {
      if (before?.refusal?.reason !== refusal.reason)
        this.on({ type: 'refused', worker: name, card, refusal });
      return false;
    }
    if (before && before.refusal === null) return false;
    this.on({ type: 'joined', worker: name, card });
    return true;
  }

  /** Forget the workers that left. @returns their names. */
  sweep(): string[] {
    const left = [...this.#workers.values()].filter(({ heard }) => this.now() - heard > SILENCE_MS);
    for (const { name, card, refusal } of left) {
      this.#workers.delete(name);
      if (refusal === null) this.on({ type: 'left', worker: name, card });
    }
    return left.map(({ name }) => name);
  }

  /** Forget workers at once, until they say hello again. */
  drop(isMeant: (id: WorkerId) => boolean): void {
    for (const { id, name } of [...this.#workers.values()]) if (isMeant(id)) this.#workers.delete(name);
  }

  /** Return a worker that was heard lately. */
  get(id: WorkerId): HeardWorker | undefined {
    return this.#workers.get(workerName(id));
  }

  /** The workers that can take items. */
  get active(): HeardWorker[] {
    return [...this.#workers.values()].filter(({ refusal }) => refusal === null);
  }

  /** Return the workers as others may see them, those heard last first. */
  known(): KnownWorker[] {
    const latest = [...this.#workers.values()].toSorted((a, b) => b.heard - a.heard);
    return latest.map(({ card, refusal, heard }) => ({
      ...{ card, refusal },
      silentSeconds: Math.max(0, (this.now() - heard) / 1000),
    }));
  }
}
