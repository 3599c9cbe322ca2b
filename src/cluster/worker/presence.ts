/** Presence of a worker at a run: it says hello every few seconds, and hears whether it is still welcome. */
import type { NatsConnection } from '@nats-io/nats-core';
import type { Welcome, WorkerCard } from '../protocol/messages.ts';
import { greet } from './findRun.ts';
import type { LeaveReason } from './workerEvents.ts';

const HELLO_MS = 5000;
/** Milliseconds without an answer after which the trainer counts as gone. */
const SILENT_MS = 20_000;

/** Keeps a worker present at a run. Disposing of it ends that. */
export class Presence implements Disposable {
  #welcome: Welcome;
  readonly #spec: string;
  #heardAt = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(
    private readonly nats: NatsConnection,
    private readonly run: string,
    private readonly card: () => WorkerCard,
    welcome: Welcome,
  ) {
    this.#welcome = welcome;
    this.#spec = welcome.spec;
    this.#helloLater();
  }

  /** The trainer's latest answer. */
  get welcome(): Welcome {
    return this.#welcome;
  }

  /** The reason to leave the run; undefined while the worker is welcome. */
  get leaveReason(): LeaveReason | undefined {
    const { state, refusal, spec } = this.#welcome;
    if (refusal) return 'refused';
    if (state !== 'running') return state;
    if (spec !== this.#spec) return 'changed';
    return performance.now() - this.#heardAt > SILENT_MS ? 'silent' : undefined;
  }

  /** Say hello now. */
  async hello(): Promise<void> {
    try {
      const welcome = await greet(this.nats, this.run, this.card());
      if (!welcome || this.#isOver) return;
      this.#heardAt = performance.now();
      // A trainer that was replaced may still answer.
      if (welcome.epoch >= this.#welcome.epoch) this.#welcome = welcome;
    } catch {
      // An answer that cannot be read is none.
    }
  }

  /** Count the silence from now on: the connection was lost meanwhile. */
  forgive(): void {
    this.#heardAt = performance.now();
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  #helloLater(): void {
    this.#timer = setTimeout(async () => {
      await this.hello();
      if (!this.#isOver) this.#helloLater();
    }, HELLO_MS);
  }
}
