/** Submissions in order: those whose kernels are still being compiled wait for them, and later ones wait behind. */
import type { Pipeline } from './pipelines.ts';

/** Maximum number of waiting submissions. The next one has the caller wait for the compiler. */
const MAX_WAITING = 64;

/** Return the function that submits. @param isLater true if it is called after the caller has changed its buffers. */
type Prepare = (isLater: boolean) => () => void;

interface Waiting {
  readonly submit: () => void;
  readonly compiling: ReadonlySet<Pipeline>;
}

const isCompiling = (pipelines: ReadonlySet<Pipeline>): boolean =>
  [...pipelines].some(({ isReady }) => !isReady);

export class Submissions {
  #waiting: Waiting[] = [];
  #done: Promise<void> | undefined;

  /** Resolves when nothing waits. Undefined if nothing does. */
  get done(): Promise<void> | undefined {
    return this.#done;
  }

  /** Submit after everything before it, when these pipelines are compiled: at once, if nothing has to be waited for. */
  run(prepare: Prepare, compiling: ReadonlySet<Pipeline> = new Set()): void {
    if (this.#waiting.length >= MAX_WAITING) this.runAll();
    if (this.#waiting.length === 0 && !isCompiling(compiling)) {
      prepare(false)();
      return;
    }
    this.#waiting.push({ submit: prepare(true), compiling });
    if (this.#done) return;
    this.#done = this.#runWaiting();
    this.#done.catch(() => {}); // whoever waits gets it; until then a handler keeps it from ending the process
  }

  /** Submit everything now. */
  runAll(): void {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) next.submit();
  }

  /** Submit nothing that waits. */
  discard(): void {
    this.#waiting = [];
  }

  async #runWaiting(): Promise<void> {
    try {
      for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
        await Promise.all([...next.compiling].map(({ compiled }) => compiled));
        // Meanwhile everything may have been submitted or discarded.
        if (next !== this.#waiting[0]) continue;
        this.#waiting.shift();
        next.submit();
      }
    } finally {
      this.#done = undefined;
    }
  }
}
