/** Results as they arrive on the server, in order, also those that came while the connection was lost. */
import {
  AckPolicy,
  type ConsumerMessages,
  DeliverPolicy,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import type { RunStreams } from './streams.ts';

/** The server forgets a feed that nobody reads for so long. */
const IDLE_MS = 60_000;
/** Bytes of results that are held in memory before they are read. */
const MOST_BYTES = 32 * 2 ** 20;
/** Signs that the server has forgotten the feed. */
const FORGOTTEN: ReadonlySet<string> = new Set([
  'consumer_deleted',
  'consumer_not_found',
  'stream_not_found',
  'no_responders',
]);

/** Results that are read together: one that is computed again holds up no others. */
const READ_AT_ONCE = 16;

/** Feed results to a reader, in order. */
export class ResultFeed {
  #messages: ConsumerMessages | undefined;
  readonly #reading = new Set<Promise<void>>();
  /** The time at which the stream was made, and the last message that was read. */
  #stream = { created: '', read: 0 };

  /**
   * @param read reads a result. It must not throw.
   * @param forgotten hears that the server has forgotten the feed: it has to start again.
   */
  constructor(
    private readonly server: { readonly js: JetStreamClient; readonly jsm: JetStreamManager },
    private readonly streams: RunStreams,
    private readonly options: { read(message: JsMsg): Promise<void>; forgotten(): void },
  ) {}

  /** Feed the results that were not read yet. */
  async start(): Promise<void> {
    this.stop();
    const { js, jsm } = this.server;
    const { result } = this.streams.names;
    const { created } = await jsm.streams.info(result);
    if (created !== this.#stream.created) this.#stream = { created, read: 0 };
    const { name } = await jsm.consumers.add(result, {
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: this.#stream.read + 1,
      inactive_threshold: nanos(IDLE_MS),
      mem_storage: true,
    });
    const consumer = await js.consumers.get(result, name);
    const messages = await consumer.consume({ max_bytes: MOST_BYTES });
    this.#messages = messages;
    void this.#feed(messages);
    void this.#watch(messages);
  }

  stop(): void {
    this.#messages?.stop();
    this.#messages = undefined;
  }

  /** Delete the results that were read. */
  async clear(): Promise<void> {
    const { read } = this.#stream;
    if (read > 0) await this.server.jsm.streams.purge(this.streams.names.result, { seq: read + 1 });
  }

  async #feed(messages: ConsumerMessages): Promise<void> {
    const stream = this.#stream;
    try {
      for await (const message of messages) {
        if (messages !== this.#messages) return;
        const reading = this.options.read(message).finally(() => this.#reading.delete(reading));
        this.#reading.add(reading);
        stream.read = message.info.streamSequence;
        if (this.#reading.size >= READ_AT_ONCE) await Promise.race(this.#reading);
      }
    } catch {
      // The connection closed: the feed starts again when there is another one.
    }
  }

  async #watch(messages: ConsumerMessages): Promise<void> {
    for await (const { type } of messages.status()) {
      if (messages !== this.#messages) return;
      if (FORGOTTEN.has(type)) this.options.forgotten();
    }
  }
}
