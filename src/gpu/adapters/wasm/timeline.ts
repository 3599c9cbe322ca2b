/** The order of a device's submissions: numbers from 1 on, completed one after another. */

interface Waiting {
  readonly submission: number;
  done(): void;
}

/** Tells when submissions are completed. */
export class Timeline {
  #submitted = 0;
  #completed = 0;
  /** In the order of their submissions, as later calls wait for later ones. */
  #waiting: Waiting[] = [];

  /** The number of the latest submission; 0 before the first. */
  get submitted(): number {
    return this.#submitted;
  }

  /** The number that the next submission will have. */
  get next(): number {
    return this.#submitted + 1;
  }

  /** Number a submission. */
  submit(): number {
    this.#submitted += 1;
    return this.#submitted;
  }

  /** Return true if a submission is completed. */
  isDone(submission: number): boolean {
    return submission <= this.#completed;
  }

  /** Note that a submission and all earlier ones are completed. */
  complete(submission: number): void {
    this.#completed = Math.max(this.#completed, submission);
    const done = this.#waiting.filter((each) => this.isDone(each.submission));
    this.#waiting = this.#waiting.filter((each) => !this.isDone(each.submission));
    for (const each of done) each.done();
  }

  /** Call `done` when a submission is completed, at once if it is. */
  whenDone(submission: number, done: () => void): void {
    if (this.isDone(submission)) done();
    else this.#waiting.push({ submission, done });
  }

  /** Note that the device is lost: nothing runs any more. */
  abandon(): void {
    this.complete(Number.POSITIVE_INFINITY);
  }
}
