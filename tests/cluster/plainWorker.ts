/** A worker of few lines, whose deeds a test chooses. */
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { type JetStreamClient, type JsMsg, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
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
import { writeResult } from '../../src/cluster/protocol/result.ts';
import { resultHeaders } from '../../src/cluster/protocol/resultHeaders.ts';
import { PROTOCOL } from '../../src/cluster/protocol/spec.ts';
import { CONSUMER, OPEN_KEY, RunSubjects, streamsOf } from '../../src/cluster/protocol/subjects.ts';
import { readCheckpoint } from '../../src/formats/index.ts';
import type { Completion } from '../../src/model/completions.ts';
import { Sampler } from '../../src/model/sampler.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { openDevice } from '../device.ts';

/** Options of a plain worker. */
export interface PlainWorkerOptions {
  readonly url: string;
  readonly run: string;
  readonly eos: number;
  readonly instance: string;
  readonly card?: Partial<WorkerCard>;
  /** Called with an item before it is sampled. Default: nothing. */
  readonly before?: (item: WorkItem, message: JsMsg) => Promise<void> | void;
  /** Changes the completions of an item. */
  readonly change?: (completions: Completion[]) => Completion[];
}

/** A worker that works until it is disposed of. */
export class PlainWorker implements AsyncDisposable {
  items = 0;
  welcome: Welcome | undefined;
  readonly #ending = new AbortController();
  #work: Promise<void> = Promise.resolve();

  private constructor(
    readonly nats: NatsConnection,
    private readonly options: PlainWorkerOptions,
  ) {}

  /** Start it; the trainer has welcomed it then. */
  static async start(options: PlainWorkerOptions): Promise<PlainWorker> {
    const { nats } = await connectNode({ url: options.url, name: options.instance });
    const worker = new PlainWorker(nats, options);
    await worker.hello();
    worker.#work = worker.#run().catch((error) => {
      if (!worker.#ending.signal.aborted) throw error;
    });
    return worker;
  }

  /** Say hello, as every five seconds. */
  async hello(): Promise<Welcome> {
    const { run, instance } = this.options;
    const card: WorkerCard = {
      ...{
        protocol: PROTOCOL,
        key: OPEN_KEY,
        instance,
        name: instance,
        version: '0.1.0',
        class: 'wasm-test',
      },
      ...{
        adapter: 'test',
        platform: 'test',
        tokensPerSecond: 0,
        items: this.items,
        run,
        ...this.options.card,
      },
    };
    const subject = new RunSubjects(run).hello({ key: OPEN_KEY, instance });
    const { data } = await this.nats.request(subject, encodeMessage(card), { timeout: 2000 });
    this.welcome = decodeMessage(welcomeSchema, data, 'welcome');
    return this.welcome;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.nats.close();
    await this.#work;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    const { before } = this.options;
    const over = once(signal, 'abort');
    const device = await openDevice();
    let loaded: { sha256: string; model: Transformer; sampler: Sampler } | undefined;
    const js = jetstream(this.nats);
    const greeting = setInterval(() => void this.hello().catch(() => undefined), 2000);
    try {
      while (!signal.aborted) {
        const message = await this.#next(js);
        if (!message) continue;
        const item = decodeMessage(workItemSchema, message.data, 'item');
        if (before) await Promise.race([before(item, message), over]);
        if (signal.aborted) return;
        if (loaded?.sha256 !== item.policy.sha256) {
          const { config, stateDict } = readCheckpoint(await this.#weights(item), 'weights');
          const model = new Transformer(device, config, stateDict);
          loaded = {
            sha256: item.policy.sha256,
            model,
            sampler: new Sampler(model, { eos: this.options.eos }),
          };
        }
        const started = performance.now();
        const completions = await loaded.sampler.generate(item.prompts, item.sampling);
        const seconds = (performance.now() - started) / 1000;
        const { run, instance } = this.options;
        const subject = new RunSubjects(run).result({ key: OPEN_KEY, instance }, item.epoch, item.id);
        const result = writeResult(this.options.change?.(completions) ?? completions);
        const sent = js.publish(subject, result, {
          msgID: `${item.epoch}.${item.id}.${instance}`,
          headers: resultHeaders({ seconds, deliveries: message.info.deliveryCount }),
        });
        const isSent = await sent.then(
          () => true,
          () => false,
        );
        if (isSent) message.ack();
        this.items++;
      }
    } finally {
      clearInterval(greeting);
      device.destroy();
    }
  }

  /** Return the next item; undefined if none comes within a second, or while the server or its streams are away. */
  async #next(js: JetStreamClient): Promise<JsMsg | undefined> {
    try {
      const consumer = await js.consumers.get(streamsOf(this.options.run).work, CONSUMER);
      return (await consumer.next({ expires: 1000 })) ?? undefined;
    } catch {
      await setTimeout(100);
      return undefined;
    }
  }

  async #weights({ epoch, policy }: WorkItem): Promise<Uint8Array> {
    const { run } = this.options;
    const { direct } = await jetstream(this.nats).jetstreamManager(false);
    const bytes = new Uint8Array(policy.bytes);
    for (let chunk = 0, at = 0; chunk < policy.chunks; chunk++) {
      const subject = new RunSubjects(run).chunk(epoch, policy.version, chunk);
      const stored = await direct.getMessage(streamsOf(run).policy, { last_by_subj: subject });
      if (!stored) throw new Error(`${subject} is missing`);
      bytes.set(stored.data, at);
      at += stored.data.length;
    }
    return bytes;
  }
}
