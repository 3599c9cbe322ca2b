/** Deadlines of waits. A wait without one would be a test that hangs. */
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Wait for work to end.
 * @param what names what is missing, in the error.
 * @throws Error after `seconds`; the signal tells the work so.
 */
export async function within<Result>(
  seconds: number,
  what: string,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const ending = new AbortController();
  const late = sleep(seconds * 1000, undefined, { signal: ending.signal }).then(
    () => {
      throw new Error(`waited ${seconds} s for ${what}`);
    },
    () => new Promise<never>(() => {}),
  );
  try {
    return await Promise.race([work(ending.signal), late]);
  } finally {
    ending.abort();
  }
}

/** Wait until a condition holds; it is asked every 20 ms. @throws Error after `seconds`. */
export function until(seconds: number, what: string, holds: () => boolean): Promise<void> {
  return within(seconds, what, async (signal) => {
    while (!holds()) {
      signal.throwIfAborted();
      await sleep(20);
    }
  });
}
