/** Lets a session take steps, and holds it at a saved checkpoint. */

/** Longest time between checkpoints, which bounds what a tab that is closed loses. */
const SAVE_MS = 5000;

export class Gate {
  /** Steps that may be taken before the session is held. */
  #left: number;
  #release: (() => void) | undefined;
  #savedAt: number;

  /**
   * @param steps to take before the first pause; null for no end.
   * @param onPause is called when the session is held.
   * @param now the time in milliseconds.
   */
  constructor(
    steps: number | null,
    private readonly onPause: () => void,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#left = steps ?? Number.POSITIVE_INFINITY;
    this.#savedAt = now();
  }

  get isHeld(): boolean {
    return this.#release !== undefined;
  }

  /** Hold the session once the step at hand is saved. */
  pause(): void {
    this.#left = 0;
  }

  /** Let the session take more steps. */
  continue(steps: number | null): void {
    this.#left = steps ?? Number.POSITIVE_INFINITY;
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }

  /** Count a step. */
  stepped(): void {
    this.#left = Math.max(0, this.#left - 1);
  }

  /** Tell whether a checkpoint is wanted after this step. */
  wantsCheckpoint(): boolean {
    return this.#left === 0 || this.now() - this.#savedAt > SAVE_MS;
  }

  /** Hold the session here if it is time to. */
  async saved(): Promise<void> {
    this.#savedAt = this.now();
    if (this.#left > 0) return;
    const released = new Promise<void>((resolve) => {
      this.#release = resolve;
    });
    this.onPause();
    await released;
  }
}
