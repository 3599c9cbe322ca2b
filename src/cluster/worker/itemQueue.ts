/** Takes work items from a run's queue, one at a time. */
import { type Consumer, JetStreamApiError, type JetStreamClient, type JsMsg } from '@nats-io/jetstream';
import { pause } from '../connection/pause.ts';
import { isUnanswered } from '../connection/requestFailure.ts';
import { CONSUMER, streamsOf } from '../protocol/subjects.ts';

/** Milliseconds that one request for an item waits at the server, and after which it is given up. */
const PULL_MS = 2000;
const LATE_MS = 3000;

/** Codes of JetStream's errors: no such consumer, no such stream. */
const NOT_FOUND: ReadonlySet<number> = new Set([10014, 10059]);

/** Milliseconds between two signs that an item is in work. The server gives it out again after 5 seconds without one. */
const WORKING_MS = 2000;

/** An item that the server gave out to this worker. It is in work until it is acknowledged, handed back or refused. */
export class Delivery implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(private readonly message: JsMsg) {
    this.#timer = setInterval(() => message.working(), WORKING_MS);
  }

  get data(): Uint8Array {
    return this.message.data;
  }

  /** Times that the item was given out, this one included. */
  get deliveries(): number {
    return this.message.info.deliveryCount;
  }

  /** Take the item from the queue: its result is on the server. */
  done(): void {
    this.#end(() => this.message.ack());
  }

  /** Hand the item back, for others or for later. */
  handBack(milliseconds: number): void {
    this.#end(() => this.message.nak(milliseconds));
  }

  /** Take the item from the queue, as no worker can do it. */
  refuse(): void {
    this.#end(() => this.message.term());
  }

  /** Send no more signs of work. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #end(tell: () => void): void {
    clearInterval(this.#timer);
    try {
      tell();
    } catch {
      // The connection is closed: the server gives the item out again.
    }
  }
}

/** The queue of a run. */
export class ItemQueue {
  #consumer: Consumer | undefined;

  constructor(
    private readonly js: JetStreamClient,
    private readonly run: string,
  ) {}

  /** Tell whether the server has the queue no more. A request for an item does not: it waits in vain. */
  async isMissing(): Promise<boolean> {
    try {
      await this.js.consumers.get(streamsOf(this.run).work, CONSUMER);
      return false;
    } catch (error) {
      if (!isUnanswered(error)) throw error;
      return isNotFound(error);
    }
  }

  /** Wait for an item, at most some seconds. @returns undefined if none came; `missing` at once if the queue is not there. */
  async next(signal: AbortSignal): Promise<Delivery | 'missing' | undefined> {
    try {
      this.#consumer ??= await this.js.consumers.get(streamsOf(this.run).work, CONSUMER);
      const message = await inTime(this.#consumer.next({ expires: PULL_MS }), signal);
      return message ? new Delivery(message) : undefined;
    } catch (error) {
      this.#consumer = undefined;
      if (!isUnanswered(error)) throw error;
      return 'missing';
    }
  }
}

/** Tell whether the server says that a stream or a consumer is not there. */
function isNotFound(error: unknown): boolean {
  if (error instanceof JetStreamApiError) return NOT_FOUND.has(error.code);
  return error instanceof Error && isNotFound(error.cause);
}

/** Wait for a message, or give the request up. A message that comes too late is handed back. */
async function inTime(pulled: Promise<JsMsg | null>, signal: AbortSignal): Promise<JsMsg | null> {
  const ended = new AbortController();
  const late = pause(PULL_MS + LATE_MS, signal, ended.signal).then(() => 'late' as const);
  try {
    const message = await Promise.race([pulled, late]);
    if (message !== 'late') return message;
    pulled.then((missed) => missed?.nak()).catch(() => undefined);
    return null;
  } finally {
    ended.abort();
  }
}
