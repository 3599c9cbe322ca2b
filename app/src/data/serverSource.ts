/** The runs of a dashboard's server: lists and files over fetch, changes over one stream of server-sent events. */
import { MathformerError } from 'mathformer';
import {
  decodePositions,
  encodePositions,
  type ListedFile,
  METRICS_FILE,
  type Position,
  type RunFiles,
  type RunListing,
  type ServedEvents,
} from 'mathformer/training';
import type { Connection, RunChange, RunSource } from './source.ts';

/** The part of the web's EventSource that is used. */
export interface EventStream {
  readonly readyState: number;
  addEventListener(
    type: string,
    listener: (event: { readonly data?: unknown; readonly lastEventId?: string }) => void,
  ): void;
  close(): void;
}

/** The parts of the web platform that a source needs. */
export interface ServerPlatform {
  readonly fetch: (url: string) => Promise<Response>;
  readonly openEvents: (url: string) => EventStream;
  /** Tells if the page is in view. */
  readonly isShown: () => boolean;
  /** Calls when the page comes into view, or is hidden by another tab. */
  readonly onShown: (on: () => void) => void;
}

const BROWSER: ServerPlatform = {
  fetch: (url) => fetch(url),
  openEvents: (url) => new EventSource(url),
  isShown: () => document.visibilityState === 'visible',
  onShown: (on) => document.addEventListener('visibilitychange', on),
};

/** `EventSource.CLOSED`: it will not connect again by itself. */
const CLOSED = 2;
/** Milliseconds before the first attempt to connect again, and the most between attempts. */
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;

/** Somebody who follows a run. */
interface Subscriber {
  /** Bytes of the metrics that were told. */
  cursor: number;
  readonly on: (change: RunChange) => void;
}

/** Look for the server of a dashboard that serves this page; undefined without one. */
export async function findServer(): Promise<RunSource | undefined> {
  if (!/^(localhost|127\.0\.0\.1|\[::1\])$/.test(location.hostname)) return undefined;
  const base = new URL('api/', document.baseURI).href;
  const answer = await fetch(`${base}runs`);
  const isServer = answer.ok && answer.headers.get('Content-Type')?.startsWith('application/json');
  if (!isServer) return undefined;
  const { directory }: { readonly directory: string } = await answer.json();
  return new ServerSource(base, directory);
}

export class ServerSource implements RunSource {
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  readonly #watchers = new Set<() => void>();
  readonly #connections = new Set<(state: Connection) => void>();
  readonly #positions = new Map<string, Position>();
  #listings: Map<string, RunListing> | undefined;
  /** Listings that came while the list was fetched: they are newer; null for runs that are gone. */
  #during: Map<string, RunListing | null> | undefined;
  #events: EventStream | undefined;
  #isReopening = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #wait = FIRST_RETRY_MS;
  #state: Connection = 'live';

  /** @param base the address of the server's `api/`. */
  constructor(
    private readonly base: string,
    readonly name: string,
    private readonly platform: ServerPlatform = BROWSER,
  ) {
    platform.onShown(() => this.#reopen());
  }

  async list(): Promise<readonly RunListing[]> {
    const isCurrent = this.#events !== undefined && this.#state === 'live';
    const listings = isCurrent && this.#listings ? this.#listings : await this.#fetchList();
    return [...listings.values()].toSorted((a, b) => timeOf(b) - timeOf(a));
  }

  open(id: string): RunFiles {
    const run = `runs/${encodeURIComponent(id)}`;
    return {
      list: async () => {
        const { files }: { readonly files: readonly ListedFile[] } = await (await this.#get(run)).json();
        return files;
      },
      read: async (name, from = 0) => {
        const path = name.split('/').map(encodeURIComponent).join('/');
        const answer = await this.#get(`${run}/files/${path}?from=${from}&optional=1`);
        return answer.status === 204 ? undefined : new Uint8Array(await answer.arrayBuffer());
      },
    };
  }

  subscribe(id: string, cursor: number, on: (change: RunChange) => void): () => void {
    const subscriber: Subscriber = { cursor, on };
    const others = this.#subscribers.get(id) ?? new Set();
    this.#subscribers.set(id, others.add(subscriber));
    const known = this.#positions.get(id);
    // One stream serves all: it begins where the last of them is, and the files are told to each.
    const offset = Math.min(cursor, known?.offset ?? cursor);
    const check = offset === known?.offset ? known.check : null;
    this.#positions.set(id, { offset, check, filesAt: null });
    this.#reopen();
    return () => {
      if (!others.delete(subscriber) || others.size > 0) return;
      this.#subscribers.delete(id);
      this.#positions.delete(id);
      this.#reopen();
    };
  }

  watch(on: () => void): () => void {
    const listener = (): void => on();
    this.#watchers.add(listener);
    this.#reopen();
    return () => {
      this.#watchers.delete(listener);
      this.#reopen();
    };
  }

  connection(on: (state: Connection) => void): () => void {
    const listener = (state: Connection): void => on(state);
    this.#connections.add(listener);
    listener(this.#state);
    return () => this.#connections.delete(listener);
  }

  async #fetchList(): Promise<Map<string, RunListing>> {
    const during = new Map<string, RunListing | null>();
    this.#during = during;
    const { runs }: { readonly runs: readonly RunListing[] } = await (await this.#get('runs')).json();
    const listings = new Map(runs.map((run) => [run.id, run]));
    for (const [id, listing] of during) {
      if (listing) listings.set(id, listing);
      else listings.delete(id);
    }
    // A later reading has begun: its list is newer, and changes were noted for it alone.
    if (this.#during !== during) return listings;
    this.#during = undefined;
    this.#listings = listings;
    return listings;
  }

  /** @throws MathformerError */
  async #get(path: string): Promise<Response> {
    const answer = await this.#fetch(path);
    if (answer.ok) return answer;
    const { code, problem, fix } = await errorOf(answer);
    throw new MathformerError(problem, { code, where: path, fix });
  }

  async #fetch(path: string): Promise<Response> {
    try {
      return await this.platform.fetch(`${this.base}${path}`);
    } catch (cause) {
      const fix = 'start it again: mathformer dashboard';
      const details = { code: 'NO_SERVER', where: this.name, fix };
      throw new MathformerError('the dashboard does not answer', details, { cause });
    }
  }

  /** Open the stream for what is followed now, after all that begins or ends in this turn. */
  #reopen(): void {
    if (this.#isReopening) return;
    this.#isReopening = true;
    queueMicrotask(() => {
      this.#isReopening = false;
      this.#connect();
    });
  }

  #connect(): void {
    clearTimeout(this.#retry);
    this.#events?.close();
    this.#events = undefined;
    const runs = [...this.#subscribers.keys()];
    if (runs.length === 0 && this.#watchers.size === 0) return;
    // A browser opens six connections to a server, for all tabs together: hidden ones leave theirs to the others.
    if (!this.platform.isShown()) return;
    const query = new URLSearchParams(runs.map((id) => ['run', id]));
    query.set('since', encodePositions(this.#positions));
    const events = this.platform.openEvents(`${this.base}events?${query}`);
    this.#events = events;
    const listen = <Name extends keyof ServedEvents>(
      name: Name,
      tell: (data: ServedEvents[Name]) => void,
    ): void => {
      events.addEventListener(name, ({ data, lastEventId }) => {
        if (this.#events !== events) return;
        this.#note(lastEventId);
        tell(JSON.parse(String(data)));
      });
    };
    listen('append', ({ run, from, base64 }) => this.#append(run, from, bytesOf(base64)));
    listen('cut', ({ run }) => this.#cut(run));
    listen('files', ({ run, files }) => this.#tell(run, { type: 'files', files }));
    listen('listing', (listing) => this.#list(listing.id, listing));
    listen('gone', ({ run }) => this.#list(run, null));
    events.addEventListener('open', () => {
      if (this.#events === events) this.#opened();
    });
    events.addEventListener('error', () => {
      if (this.#events === events) this.#failed(events);
    });
  }

  #opened(): void {
    this.#wait = FIRST_RETRY_MS;
    // The list may have changed while nobody listened.
    this.#listings = undefined;
    this.#become('live');
    for (const on of this.#watchers) on();
  }

  /** Wait for the stream to connect again, or open another one if it gave up. */
  #failed(events: EventStream): void {
    this.#become('reconnecting');
    if (events.readyState !== CLOSED) return;
    clearTimeout(this.#retry);
    const wait = this.#wait;
    this.#retry = setTimeout(() => this.#connect(), wait);
    this.#wait = Math.min(2 * wait, LAST_RETRY_MS);
  }

  #become(state: Connection): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const on of this.#connections) on(state);
  }

  #note(lastEventId: string | undefined): void {
    for (const [id, position] of decodePositions(lastEventId ?? '')) {
      if (this.#subscribers.has(id)) this.#positions.set(id, position);
    }
  }

  #append(run: string, from: number, bytes: Uint8Array): void {
    for (const subscriber of this.#subscribers.get(run) ?? []) {
      const known = subscriber.cursor - from;
      if (known >= bytes.length) continue;
      subscriber.cursor = from + bytes.length;
      const fresh = bytes.subarray(Math.max(0, known));
      subscriber.on({ type: 'append', file: METRICS_FILE, from: from + Math.max(0, known), bytes: fresh });
    }
  }

  #cut(run: string): void {
    for (const subscriber of this.#subscribers.get(run) ?? []) subscriber.cursor = 0;
    this.#tell(run, { type: 'cut', file: METRICS_FILE });
  }

  #list(id: string, listing: RunListing | null): void {
    this.#during?.set(id, listing);
    if (listing) this.#listings?.set(id, listing);
    else this.#listings?.delete(id);
    for (const on of this.#watchers) on();
    if (listing) this.#tell(id, { type: 'listing', listing });
  }

  #tell(run: string, change: RunChange): void {
    for (const { on } of [...(this.#subscribers.get(run) ?? [])]) on(change);
  }
}

const timeOf = ({ startedAt, modified }: RunListing): number =>
  startedAt === null ? modified : Date.parse(startedAt);

/** Read the error in an answer that failed. */
async function errorOf(
  answer: Response,
): Promise<{ readonly code: string; readonly problem: string; readonly fix: string }> {
  try {
    return (await answer.json()).error;
  } catch {
    const problem = `the dashboard answered ${answer.status} ${answer.statusText}`;
    return { code: 'NO_SERVER', problem, fix: 'start it again: mathformer dashboard' };
  }
}

const bytesOf = (base64: string): Uint8Array =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
