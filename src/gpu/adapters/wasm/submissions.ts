/** The submissions of a device. Writes of the host that have to wait for earlier work travel with the next submission. */
import type { Command, Executor, Range } from './executor.ts';
import type { DeviceMemory } from './memory.ts';
import { Timeline } from './timeline.ts';

/** Numbers submissions, and passes them to the executor. */
export class Submissions {
  readonly #timeline = new Timeline();
  readonly #memory: DeviceMemory;
  readonly #executor: Executor;
  readonly #onFailure: (reason: string) => void;
  #uploads: Command[] = [];

  /** @param onFailure is called if a submission cannot be completed. */
  constructor(memory: DeviceMemory, executor: Executor, onFailure: (reason: string) => void) {
    this.#memory = memory;
    this.#executor = executor;
    this.#onFailure = onFailure;
  }

  /** Return true if a submission is completed. */
  isDone(submission: number): boolean {
    return this.#timeline.isDone(submission);
  }

  /** Resolve when a submission is completed. It need not be submitted yet. */
  done(submission: number): Promise<void> {
    return new Promise((resolve) => this.#timeline.whenDone(submission, resolve));
  }

  /**
   * Copy bytes to an address after all that is submitted. Return the number of the submission, which comes later; undefined if
   * there is no memory for them.
   */
  upload(bytes: Uint8Array, target: number): number | undefined {
    const staged = this.#memory.allocate(bytes.length);
    if (!staged) return undefined;
    this.#memory.bytes.set(bytes, staged.address);
    this.#uploads.push({
      ...{ kind: 'copy', of: 'upload' },
      ...{ source: staged.address, target, bytes: bytes.length },
    });
    this.freeAfter(this.#timeline.next, staged);
    return this.#timeline.next;
  }

  /** Free a range when a submission is completed. */
  freeAfter(submission: number, range: Range): void {
    this.#timeline.whenDone(submission, () => this.#memory.free(range));
  }

  /** Submit commands after the pending uploads. Return the number of the submission. */
  submit(commands: readonly Command[]): number {
    const all = this.#uploads.length > 0 ? [...this.#uploads, ...commands] : commands;
    this.#uploads = [];
    const submission = this.#timeline.submit();
    this.#executor.submit(all).then(
      () => this.#timeline.complete(submission),
      (reason) => this.#onFailure(String(reason)),
    );
    return submission;
  }

  /** Submit the pending uploads, if there are any. Return the number of the latest submission. */
  flush(): number {
    return this.#uploads.length > 0 ? this.submit([]) : this.#timeline.submitted;
  }

  /** Note that nothing runs any more, as the device is lost. */
  abandon(): void {
    this.#timeline.abandon();
  }
}
