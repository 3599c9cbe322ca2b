/** A trainer for tests of workers: it does what the test says, on a real server. */
import {
  AckPolicy,
  DiscardPolicy,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/nats-core';
import { sha256 } from '../../../src/base/sha256.ts';
import type { Connected } from '../../../src/cluster/connection/connection.ts';
import {
  decodeMessage,
  encodeMessage,
  type PolicyManifest,
  type Refusal,
  type TrainerState,
  type WireSampling,
  type WorkerCard,
  type WorkItem,
  workerCardSchema,
} from '../../../src/cluster/protocol/messages.ts';
import { type Spec, specBytes, specDigest } from '../../../src/cluster/protocol/spec.ts';
import {
  CONSUMER,
  FIND_SUBJECT,
  RunSubjects,
  streamsOf,
  workerOf,
} from '../../../src/cluster/protocol/subjects.ts';
import type { StateDict } from '../../../src/model/stateDict.ts';
import { writeWeights } from '../writeWeights.ts';

const CHUNK = 512 * 1024;

/** A result as it arrived. */
export interface ArrivedResult {
  readonly subject: string;
  /** The item's id. */
  readonly item: string;
  readonly worker: string;
  readonly bytes: Uint8Array;
  readonly message: JsMsg;
}

/** Options of a scripted trainer. */
export interface TrainerScript {
  readonly run?: string;
  readonly epoch?: number;
  readonly spec: Spec;
  /** Seconds until an item is given out again. */
  readonly ackWait?: number;
}

/** A trainer whose every step is the test's. */
export class ScriptedTrainer implements AsyncDisposable {
  readonly run: string;
  readonly subjects: RunSubjects;
  readonly cards: WorkerCard[] = [];
  readonly results: ArrivedResult[] = [];
  state: TrainerState = 'running';
  /** Number of workers that it says it has. */
  served = 0;
  refusal: Refusal | null = null;
  digest = '';
  #bytes: Uint8Array = new Uint8Array();
  #waiting: (() => void)[] = [];
  readonly #js: JetStreamClient;

  private constructor(
    readonly nats: NatsConnection,
    private readonly jsm: JetStreamManager,
    readonly script: TrainerScript,
    public epoch: number,
  ) {
    this.run = script.run ?? 'run';
    this.subjects = new RunSubjects(this.run);
    this.#js = jetstream(nats);
  }

  static async start({ nats }: Connected, script: TrainerScript): Promise<ScriptedTrainer> {
    const jsm = await jetstream(nats).jetstreamManager();
    const trainer = new ScriptedTrainer(nats, jsm, script, script.epoch ?? 1);
    await trainer.announce(script.spec);
    await trainer.declare();
    trainer.#answer();
    return trainer;
  }

  /** Tell another spec from now on. */
  async announce(spec: Spec): Promise<void> {
    this.#bytes = specBytes(spec);
    this.digest = await specDigest(this.#bytes);
  }

  /** Declare the streams, or one of them, without what was in them. */
  async declare(only?: 'policy' | 'work' | 'result'): Promise<void> {
    const names = streamsOf(this.run);
    const subjects = this.subjects.ofEpoch(this.epoch);
    const options = {
      policy: { allow_direct: true, max_msgs_per_subject: 1 },
      work: { retention: RetentionPolicy.Workqueue, discard: DiscardPolicy.New },
      result: {},
    };
    for (const kind of ['policy', 'work', 'result'] as const) {
      if (only !== undefined && only !== kind) continue;
      await this.drop(kind);
      const common = { name: names[kind], subjects: [subjects[kind]], storage: StorageType.File };
      await this.jsm.streams.add({ ...common, ...options[kind] });
      if (kind === 'work') await this.#addConsumer(names.work);
      if (kind === 'result') void this.#read(names.result);
    }
  }

  /** Delete a stream. */
  async drop(kind: 'policy' | 'work' | 'result'): Promise<void> {
    await this.jsm.streams.delete(streamsOf(this.run)[kind]).catch(() => undefined);
  }

  async #addConsumer(work: string): Promise<void> {
    await this.jsm.consumers.add(work, {
      ...{ durable_name: CONSUMER, ack_policy: AckPolicy.Explicit, max_deliver: 5, max_ack_pending: 10_000 },
      ack_wait: nanos((this.script.ackWait ?? 5) * 1000),
    });
  }

  /** Return the manifest of weights. */
  async manifest(weights: StateDict, version = 0): Promise<PolicyManifest> {
    const bytes = writeWeights(weights);
    return {
      version,
      sha256: await sha256(bytes),
      bytes: bytes.length,
      chunks: Math.ceil(bytes.length / CHUNK),
    };
  }

  /** Publish weights. */
  async publish(weights: StateDict, version = 0): Promise<PolicyManifest> {
    const bytes = writeWeights(weights);
    const manifest = await this.manifest(weights, version);
    for (let chunk = 0; chunk < manifest.chunks; chunk++) {
      const part = bytes.subarray(chunk * CHUNK, (chunk + 1) * CHUNK);
      await this.#js.publish(this.subjects.chunk(this.epoch, version, chunk), part);
    }
    return manifest;
  }

  /** Put an item into the queue. */
  async put(...words: Parameters<ScriptedTrainer['item']>): Promise<WorkItem> {
    const item = this.item(...words);
    await this.putBytes(encodeMessage(item));
    return item;
  }

  /** Return the bytes of an item. */
  itemBytes(...words: Parameters<ScriptedTrainer['item']>): Uint8Array {
    return encodeMessage(this.item(...words));
  }

  item(
    id: string,
    policy: PolicyManifest,
    prompts: readonly (readonly number[])[],
    changes: Partial<WireSampling> = {},
  ): WorkItem {
    const sampling: WireSampling = {
      ...{ groupSize: 1, maxNewTokens: 8, temperature: 1, topK: 0, topP: 1, minP: 0, seed: 1 },
      firstSequenceId: 0,
      ...changes,
    };
    const copies = prompts.map((prompt) => [...prompt]);
    return { id, epoch: this.epoch, job: 0, policy, spec: this.digest, prompts: copies, sampling };
  }

  async putBytes(bytes: Uint8Array): Promise<void> {
    await this.#js.publish(this.subjects.work(this.epoch, 0), bytes);
  }

  /** Return the numbers of items that wait, and that are out with workers. */
  async queue(): Promise<{ waiting: number; out: number }> {
    const info = await this.jsm.consumers.info(streamsOf(this.run).work, CONSUMER);
    return { waiting: info.num_pending, out: info.num_ack_pending };
  }

  /** Delete the chunks of a version. */
  async forget(version: number): Promise<void> {
    const filter = this.subjects.version(this.epoch, version);
    await this.jsm.streams.purge(streamsOf(this.run).policy, { filter });
  }

  /** Wait until a condition holds, which is looked at after every card and result, and five times a second. */
  async until(condition: () => boolean | Promise<boolean>, what: string, seconds = 30): Promise<void> {
    const end = performance.now() + seconds * 1000;
    while (!(await condition())) {
      if (performance.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 200);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Wait until the server hears this trainer. */
  async connected(): Promise<void> {
    const isHeard = () =>
      this.nats.rtt().then(
        () => true,
        () => false,
      );
    await this.until(isHeard, 'the trainer is connected');
  }

  /** Wait for results. */
  async collect(count: number, seconds = 30): Promise<readonly ArrivedResult[]> {
    await this.until(() => this.results.length >= count, `${count} results`, seconds);
    return this.results;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.nats.close();
  }

  #answer(): void {
    this.nats.subscribe(FIND_SUBJECT, {
      callback: (_, message) => void message.respond(encodeMessage(this.#card())),
    });
    this.nats.subscribe(this.subjects.spec, { callback: (_, message) => void message.respond(this.#bytes) });
    this.nats.subscribe(this.subjects.all.hello, {
      callback: (_, message) => {
        this.cards.push(decodeMessage(workerCardSchema, message.data, 'card'));
        const { epoch, state, digest: spec, refusal } = this;
        message.respond(encodeMessage({ epoch, state, spec, refusal }));
        this.#wake();
      },
    });
  }

  #card() {
    const { run, epoch, state, digest: spec, script } = this;
    const { protocol, version, mode, class: machine, adapter } = script.spec;
    return {
      ...{ protocol, run, name: `the ${run}`, version, mode, class: machine, adapter, epoch, state, spec },
      served: this.served,
      workers: [],
    };
  }

  async #read(stream: string): Promise<void> {
    try {
      const consumer = await this.#js.consumers.get(stream);
      for await (const message of await consumer.consume()) {
        const { subject, data: bytes } = message;
        const id = workerOf(subject);
        this.results.push({
          ...{ subject, bytes, message },
          item: subject.split('.').at(-1) ?? '',
          worker: id?.instance ?? '',
        });
        this.#wake();
      }
    } catch {
      // The server or the connection is gone: the test says what comes next.
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
