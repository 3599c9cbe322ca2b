/** A worker without rules: it says what a test wants it to say, on the subjects that it wants. */
import { type JetStreamClient, type JsMsg, jetstream } from '@nats-io/jetstream';
import type { Connected, ConnectOptions } from '../../src/cluster/connection/connection.ts';
import { connectNode } from '../../src/cluster/connection/node.ts';
import {
  decodeMessage,
  encodeMessage,
  type Welcome,
  type WorkerCard,
  type WorkItem,
  welcomeSchema,
  workItemSchema,
} from '../../src/cluster/protocol/messages.ts';
import { resultHeaders } from '../../src/cluster/protocol/resultHeaders.ts';
import { PROTOCOL } from '../../src/cluster/protocol/spec.ts';
import { CONSUMER, RunSubjects, streamsOf, type WorkerId } from '../../src/cluster/protocol/subjects.ts';

/** An item, and the message that it came in. */
export interface TakenItem {
  readonly item: WorkItem;
  readonly message: JsMsg;
}

export class RawWorker implements AsyncDisposable {
  readonly id: WorkerId;
  readonly #js: JetStreamClient;
  readonly #subjects: RunSubjects;

  private constructor(
    readonly connected: Connected,
    readonly run: string,
    instance: string,
  ) {
    this.id = { key: connected.key, instance };
    this.#js = jetstream(connected.nats, { timeout: 3000 });
    this.#subjects = new RunSubjects(run);
  }

  static async start(connect: ConnectOptions, run: string, instance: string): Promise<RawWorker> {
    return new RawWorker(await connectNode({ ...connect, name: instance }), run, instance);
  }

  /** Say hello. */
  async hello(facts: Partial<WorkerCard> = {}): Promise<Welcome> {
    const card: WorkerCard = {
      ...{ protocol: PROTOCOL, ...this.id, name: this.id.instance, version: '0.1.0', class: '', adapter: '' },
      ...{ platform: 'test', tokensPerSecond: 0, items: 0, run: this.run, ...facts },
    };
    const { data } = await this.connected.nats.request(this.#subjects.hello(this.id), encodeMessage(card), {
      timeout: 3000,
    });
    return decodeMessage(welcomeSchema, data, 'welcome');
  }

  /** Take the next item. */
  async take(): Promise<TakenItem> {
    const consumer = await this.#js.consumers.get(streamsOf(this.run).work, CONSUMER);
    for (;;) {
      const message = await consumer.next({ expires: 2000 });
      if (message) return { item: decodeMessage(workItemSchema, message.data, 'item'), message };
    }
  }

  /** Send a result of an item, under any name. */
  async send(
    { epoch, id }: Pick<WorkItem, 'epoch' | 'id'>,
    bytes: Uint8Array,
    { worker = this.id, seconds = 1, msgID }: { worker?: WorkerId; seconds?: number; msgID?: string } = {},
  ): Promise<void> {
    const headers = resultHeaders({ seconds, deliveries: 1 });
    const subject = this.#subjects.result(worker, epoch, id);
    await this.#js.publish(subject, bytes, { headers, ...(msgID !== undefined && { msgID }) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connected.nats.close();
  }
}
