/** The stream of events of a dashboard: changes of the list, and of the runs that a page has open. */
import { type FSWatcher, watch } from 'node:fs';
import type { Context } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { decodePositions, encodePositions, type Positions } from '../training/served.ts';
import { Follower, type Message } from './follow.ts';
import type { ServedRuns } from './servedRuns.ts';

/** Milliseconds between looks at the disk where nothing tells of a change. */
const POLL_MS = 1000;
/** Milliseconds to wait after the first of several changes. */
const SETTLE_MS = 200;
/** Milliseconds of silence after which a comment shows that the connection is alive. */
const HEARTBEAT_MS = 15_000;
/** Maximum number of runs that one page follows. */
const MOST_RUNS = 64;

/**
 * Answer with server-sent events. `?run=` names a run to follow, and may be repeated; `?since=`, or `Last-Event-ID` after a
 * reconnect, is the id of the last event that the page has received.
 */
export function eventsAnswer(c: Context, runs: ServedRuns): Response {
  const ids = [...new Set(c.req.queries('run') ?? [])].slice(0, MOST_RUNS);
  const positions = new Map([
    ...decodePositions(c.req.query('since') ?? ''),
    ...decodePositions(c.req.header('last-event-id') ?? ''),
  ]);
  // Proxies must not keep events back.
  c.header('X-Accel-Buffering', 'no');
  return streamSSE(c, (stream) => sendEvents(stream, runs, ids, positions));
}

async function sendEvents(
  stream: SSEStreamingApi,
  runs: ServedRuns,
  ids: readonly string[],
  positions: Positions,
): Promise<void> {
  using changes = new Changes();
  stream.onAbort(() => changes.end());
  const followers = new Map<string, Follower>();
  let { version } = await runs.changes(Number.POSITIVE_INFINITY);
  let sentAt = performance.now();
  const send = async ({ event, data }: Message): Promise<void> => {
    const reached = new Map([
      ...positions,
      ...[...followers].map(([id, each]) => [id, each.position] as const),
    ]);
    await stream.writeSSE({ event, data: JSON.stringify(data), id: encodePositions(reached) });
    sentAt = performance.now();
  };
  // The page learns at once that it is connected.
  await stream.write(': connected\n\n');
  while (!changes.isEnded) {
    for (const id of ids) {
      const follower = followers.get(id) ?? (await followed(id, runs, positions, changes));
      if (!follower) continue;
      followers.set(id, follower);
      for (const message of messagesOf(follower)) await send(message);
    }
    const list = await listChanges(runs, version);
    version = list.version;
    for (const message of list.messages) await send(message);
    if (performance.now() - sentAt >= HEARTBEAT_MS) {
      await stream.write(': alive\n\n');
      sentAt = performance.now();
    }
    await changes.next();
  }
}

/** Begin to follow a run; undefined until there is one of that id. */
async function followed(
  id: string,
  runs: ServedRuns,
  positions: Positions,
  changes: Changes,
): Promise<Follower | undefined> {
  const files = await runs.files(id).catch(() => undefined);
  if (files) changes.watch(files.directory);
  return files && new Follower(id, files, positions.get(id));
}

/** Take what has changed; nothing while the run cannot be read, such as one that is being removed. */
function* messagesOf(follower: Follower): Generator<Message> {
  try {
    yield* follower.changes();
  } catch {
    // The list says what is wrong with the run.
  }
}

async function listChanges(
  runs: ServedRuns,
  since: number,
): Promise<{ readonly version: number; readonly messages: readonly Message[] }> {
  try {
    const { version, listings, gone } = await runs.changes(since);
    const messages = [
      ...listings.map((data) => ({ event: 'listing', data }) as const),
      ...gone.map((run) => ({ event: 'gone', data: { run } }) as const),
    ];
    return { version, messages };
  } catch {
    // The directory cannot be read now. The list of runs says why to those who ask.
    return { version: since, messages: [] };
  }
}

/** Waits for changes of directories: the system tells of them, and where it does not, a clock does. */
class Changes implements Disposable {
  readonly #watchers: FSWatcher[] = [];
  #wake: () => void = () => {};
  #isChanged = false;
  #isEnded = false;

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Watch a directory from now on. */
  watch(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => {
        this.#isChanged = true;
        this.#wake();
      });
      watcher.on('error', () => watcher.close());
      this.#watchers.push(watcher);
    } catch {
      // This file system does not tell of changes, or too many directories are watched.
    }
  }

  /** Wait for a change, or for a look at the disk to be due. */
  async next(): Promise<void> {
    if (this.#isEnded) return;
    if (!this.#isChanged) await this.#sleep(POLL_MS);
    if (this.#isChanged && !this.#isEnded) await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    this.#isChanged = false;
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  [Symbol.dispose](): void {
    this.end();
    for (const watcher of this.#watchers) watcher.close();
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
