/** Waits that end. */
import { ClusterError } from '../protocol/error.ts';

/** Wait for a promise, at most so many milliseconds. @throws ClusterError (`DEADLINE`) that names what is missing. */
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

  /** Wake all who wait. */
  fire(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Wait for the next change, at most so many milliseconds. */
  wait(milliseconds: number): Promise<void> {
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
