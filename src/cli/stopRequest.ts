/** Ctrl-C and SIGTERM: the first asks the loops to stop after the current step, the second quits at once. */

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

export type StopSignal = keyof typeof EXIT_CODES;

export class StopRequest implements Disposable {
  #signal: StopSignal | undefined;
  readonly #onRequest: () => void;
  readonly #handlers = {
    SIGINT: () => this.#receive('SIGINT'),
    SIGTERM: () => this.#receive('SIGTERM'),
  };

  /** Listens from now on until disposed. `onRequest` is called at the first signal. */
  constructor(onRequest: () => void) {
    this.#onRequest = onRequest;
    process.on('SIGINT', this.#handlers.SIGINT).on('SIGTERM', this.#handlers.SIGTERM);
  }

  get requested(): boolean {
    return this.#signal !== undefined;
  }

  /** What the process should exit with; undefined if nobody asked it to stop. */
  get exitCode(): number | undefined {
    return this.#signal && EXIT_CODES[this.#signal];
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#handlers.SIGINT).off('SIGTERM', this.#handlers.SIGTERM);
  }

  #receive(signal: StopSignal): void {
    if (this.#signal === undefined) {
      this.#signal = signal;
      this.#onRequest();
      return;
    }
    this[Symbol.dispose]();
    // Without our handlers the signal does what it does to any program: it ends the process, whatever it is busy with.
    process.kill(process.pid, signal);
  }
}
