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
/** Results that are held in memory before they are read. */
const MOST_BYTES = 32 * 2 ** 20;

/** Feed results to a reader, one after another. */
export class ResultFeed {
  #messages: ConsumerMessages | undefined;

  constructor(
    private readonly server: { readonly js: JetStreamClient; readonly jsm: JetStreamManager },
    private readonly streams: RunStreams,
    private readonly read: (message: JsMsg) => Promise<void>,
  ) {}

  /** Feed all results of the stream. Those that were fed before come again after a restart. */
  async start(): Promise<void> {
    this.stop();
    const { js, jsm } = this.server;
    const { result } = this.streams.names;
    const { name } = await jsm.consumers.add(result, {
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.All,
      inactive_threshold: nanos(IDLE_MS),
      mem_storage: true,
    });
    const consumer = await js.consumers.get(result, name);
    const messages = await consumer.consume({ max_bytes: MOST_BYTES });
    this.#messages = messages;
    void this.#feed(messages);
  }

  stop(): void {
    this.#messages?.stop();
    this.#messages = undefined;
  }

  async #feed(messages: ConsumerMessages): Promise<void> {
    try {
      for await (const message of messages) {
        if (messages !== this.#messages) return;
        await this.read(message);
      }
    } catch {
      // The connection closed, or the feed was deleted: it is started again after a reconnection.
    }
  }
}
