/** The run that the Lab shows, for the next visit. */
const KEY = 'mathformer.lab';

/** A run, and the settings that it was begun with as the address has them. */
export interface RememberedRun {
  readonly id: string;
  readonly address: string;
}

/** Remember a run. Where the browser stores nothing, it is forgotten with the page. */
export function rememberRun(run: RememberedRun): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(run));
  } catch {
    // The run itself is not lost: it is among the runs, if there are any.
  }
}

export function forgetRun(): void {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Nothing was stored.
  }
}

/** Return the run of an earlier visit; undefined without one. */
export function rememberedRun(): RememberedRun | undefined {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null');
    return isRun(kept) ? kept : undefined;
  } catch {
    return undefined;
  }
}

function isRun(value: unknown): value is RememberedRun {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'id' in value && typeof value.id === 'string' && 'address' in value && typeof value.address === 'string'
  );
}
