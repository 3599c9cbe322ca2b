/** Settings of lending for the next visit, and what a page that is loaded again goes on with. */
import type { AdapterChoice } from '../lab/protocol.ts';
import { ADAPTER_CHOICES } from '../lab/protocol.ts';

const KEY = 'mathformer.lend';

/** Settings that stay in this browser. */
export interface Remembered {
  readonly server: string;
  readonly name: string;
  readonly adapter: AdapterChoice;
  /** Only if the person asked to keep them. */
  readonly credentials: string | undefined;
}

/** Remember settings. Where the browser stores nothing, they are forgotten with the page. */
export function remember(settings: Remembered): void {
  attempt(() => localStorage.setItem(KEY, JSON.stringify(settings)));
}

/** Return the settings of an earlier visit; undefined without one. */
export function remembered(): Remembered | undefined {
  return attempt(() => settingsFrom(JSON.parse(localStorage.getItem(KEY) ?? 'null')));
}

/** Note the server that this tab is lent to, until it is given back; it outlives a reload of the tab, and not the tab. */
export function noteLent(server: string | undefined): void {
  attempt(() => {
    if (server === undefined) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, server);
  });
}

/** Return the server that this tab was lent to when it was loaded again; undefined without one. */
export const lentBefore = (): string | undefined => attempt(() => sessionStorage.getItem(KEY) ?? undefined);

/** Read settings; undefined if they are none. */
export function settingsFrom(value: unknown): Remembered | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields: Readonly<Record<string, unknown>> = { ...value };
  const { server, name, credentials } = fields;
  const adapter = ADAPTER_CHOICES.find((choice) => choice === fields.adapter);
  if (typeof server !== 'string' || typeof name !== 'string' || adapter === undefined) return undefined;
  return { server, name, adapter, credentials: typeof credentials === 'string' ? credentials : undefined };
}

function attempt<Value>(work: () => Value): Value | undefined {
  try {
    return work();
  } catch {
    // A browser may refuse to store anything.
    return undefined;
  }
}
