/** Waits that can be cut short. */

/** Wait some milliseconds, or until one of the signals is aborted. */
export async function pause(milliseconds: number, ...signals: readonly AbortSignal[]): Promise<void> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), milliseconds);
  await aborted(late.signal, ...signals);
  clearTimeout(timer);
}

/** Wait until one of the signals is aborted. */
export function aborted(...signals: readonly AbortSignal[]): Promise<void> {
  if (signals.some((signal) => signal.aborted)) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      for (const signal of signals) signal.removeEventListener('abort', end);
      resolve();
    };
    for (const signal of signals) signal.addEventListener('abort', end);
  });
}
