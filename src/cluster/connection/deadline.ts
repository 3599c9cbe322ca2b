/** Waits that end. */
import { ClusterError } from '../protocol/error.ts';

/** Wait for a promise, at most some milliseconds. @throws ClusterError (`DEADLINE`) that names what is missing. */
export async function withDeadline<Value>(
  promise: Promise<Value>,
  milliseconds: number,
  { missing, fix }: { readonly missing: string; readonly fix: string },
): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const problem = `no ${missing} within ${milliseconds / 1000} s`;
    timer = setTimeout(() => reject(new ClusterError('DEADLINE', missing, problem, fix)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Something that changes, and can be waited for. */
export class Signal {
  readonly #waiting = new Set<() => void>();
  #changes = 0;

  /** Number of changes up to now. */
  get changes(): number {
    return this.#changes;
  }

  /** Wake all who wait. */
  fire(): void {
    this.#changes++;
    for (const wake of [...this.#waiting]) wake();
  }

  /** Wait for a change after the first `since`, at most some milliseconds. Default: for the next one. */
  wait(milliseconds: number, since = this.#changes): Promise<void> {
    if (this.#changes > since) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      this.#waiting.add(wake);
    });
  }
}
