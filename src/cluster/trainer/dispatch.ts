/** Gives out jobs: weights first, then items; and all of it again after the server was away. */
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { isNoRoom } from '../connection/serverError.ts';
import { encodeMessage, MOST_JSON_BYTES, type PolicyManifest, type WorkItem } from '../protocol/messages.ts';
import type { Job, JobItem } from './job.ts';
import { PolicyStore, policyFile } from './policyStore.ts';
import type { RunStreams } from './streams.ts';
import { FRAME_BYTES, fittingSequences } from './workItems.ts';
import { WorkQueue } from './workQueue.ts';

/** Items that are on their way to the server together. */
const ITEMS_AT_ONCE = 64;

/** Facts that all items of a run share, and listeners. */
export interface DispatchOptions {
  readonly specDigest: string;
  readonly vocabSize: number;
  /** Versions of the weights that stay on the server. */
  readonly versions: number;
  /** Bytes that the server takes in one message. */
  maxPayload(): number;
  /** Hears of weights that are on the server now. */
  published(manifest: PolicyManifest): void;
  /** Hears of bytes that were sent. */
  sent(bytes: number): void;
}

/** Gives out the jobs of an epoch. */
export class Dispatch {
  readonly #queue: WorkQueue;
  readonly #policies: PolicyStore;

  constructor(
    server: { readonly js: JetStreamClient; readonly jsm: JetStreamManager },
    private readonly streams: RunStreams,
    private readonly options: DispatchOptions,
  ) {
    this.#queue = new WorkQueue(server, streams);
    this.#policies = new PolicyStore(server, streams, options.versions);
  }

  /** Read the weights of a job, if that was not done. Afterwards giving it out needs nothing from the device. */
  async prepare(job: Job): Promise<void> {
    job.policy ??= await policyFile(job.call.model);
  }

  /** Put the open items of a job in the queue. Those that find no room, or fit no message, are left to the trainer. */
  async offer(job: Job): Promise<void> {
    if (job.isOffering) return;
    job.isOffering = true;
    try {
      await this.prepare(job);
      if (!job.policy) return;
      job.manifest ??= await this.#policies.publish(job.policy, (manifest) => {
        this.options.sent(manifest.bytes);
        this.options.published(manifest);
      });
      await this.#putAll(job);
    } finally {
      job.isOffering = false;
      job.changed.fire();
    }
  }

  async #putAll(job: Job): Promise<void> {
    const waiting = job.items.filter((item) => item.number === undefined && this.#fits(item));
    while (waiting.length > 0) {
      const items = waiting.splice(0, ITEMS_AT_ONCE).filter(({ state }) => state === 'open');
      const put = await Promise.allSettled(items.map((item) => this.#put(job, item)));
      const failed = put.find((each) => each.status === 'rejected');
      if (failed && isNoRoom(failed.reason)) return;
      if (failed) throw failed.reason;
    }
  }

  async #put(job: Job, item: JobItem): Promise<void> {
    const number = await this.#send(job, item);
    if (number === undefined) return;
    // The trainer may have taken it meanwhile.
    if (item.state === 'open') item.number = number;
    else await this.#queue.withdraw(number);
  }

  /** Send an item. @returns its number; undefined if it does not fit a message. */
  async #send(job: Job, item: JobItem): Promise<number | undefined> {
    const bytes = this.#encoded(job, item);
    if (bytes === undefined) return undefined;
    const id = item.putAgain === 0 ? item.id : `${item.id}.${item.putAgain}`;
    const number = await this.#queue.put(job.number, id, bytes);
    this.options.sent(bytes.length);
    return number;
  }

  /** Put an item in the queue again, as its result was not valid. */
  async replace(job: Job, item: JobItem): Promise<void> {
    item.putAgain++;
    item.outSince = undefined;
    await this.#put(job, item);
  }

  /** Give an item to a second worker, too. It counts as out with the first one. */
  async double(job: Job, item: JobItem): Promise<void> {
    item.putAgain++;
    await this.#send(job, item);
  }

  /** Take an item out of the queue. */
  withdraw(item: JobItem): void {
    if (item.number !== undefined) void this.#queue.withdraw(item.number);
    item.number = undefined;
  }

  /** Return the number of the last item that was given out, or a lower one that is at least `enough`. */
  delivered(enough: number): Promise<number> {
    return this.#queue.delivered(enough);
  }

  /** Take what is left of a job out of the queue. */
  async clear(job: Job): Promise<void> {
    if (job.manifest) await this.#queue.clear(job.number);
  }

  /** Give jobs out again: the server may have lost all. */
  async restore(jobs: readonly Job[]): Promise<void> {
    this.#queue.forget();
    await this.#policies.forget(jobs.flatMap(({ manifest }) => manifest ?? []));
    for (const job of jobs) {
      if (!job.manifest || !job.policy) continue;
      await this.#policies.restore(job.manifest, job.policy.bytes);
      for (const item of job.items) item.number = undefined;
      await this.offer(job);
    }
  }

  #encoded({ number, manifest }: Job, { id, part }: JobItem): Uint8Array | undefined {
    if (!manifest) return undefined;
    const item: WorkItem = {
      ...{ id, epoch: this.streams.epoch, job: number, policy: manifest, spec: this.options.specDigest },
      prompts: part.prompts.map((prompt) => [...prompt]),
      sampling: part.sampling,
    };
    const bytes = encodeMessage(item);
    const most = Math.min(MOST_JSON_BYTES, this.options.maxPayload() - FRAME_BYTES);
    return bytes.length <= most ? bytes : undefined;
  }

  /** Tell whether the result of an item fits a message. */
  #fits({ part }: JobItem): boolean {
    const { vocabSize } = this.options;
    return (
      part.sequences <= fittingSequences(part.sampling, { maxPayload: this.options.maxPayload(), vocabSize })
    );
  }
}
