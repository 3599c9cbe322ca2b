/** The work for one run: take items from its queue, fetch the weights that they name, sample, and send the results. */
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { MathformerError, problemOf } from '../../base/errors.ts';
import { type Completion, checkedSampling } from '../../model/completions.ts';
import { aborted, pause } from '../connection/pause.ts';
import { isUnanswered } from '../connection/requestFailure.ts';
import { ClusterError } from '../protocol/error.ts';
import { decodeMessage, type WorkItem, workItemSchema } from '../protocol/messages.ts';
import { mostResultBytes, writeResult } from '../protocol/result.ts';
import type { WorkerId } from '../protocol/subjects.ts';
import { weightBytes } from '../protocol/weights.ts';
import { AheadQueue } from './aheadQueue.ts';
import type { CheckedSpec } from './findRun.ts';
import { type Delivery, ItemQueue } from './itemQueue.ts';
import { readPolicy } from './policyReader.ts';
import type { Presence } from './presence.ts';
import { sendResult } from './resultSender.ts';
import type { OpenRolloutMachine, RolloutMachine } from './rolloutMachine.ts';
import type { StopCondition } from './stopCondition.ts';
import type { LeaveReason, WorkerListener } from './workerEvents.ts';
import type { WorkerTally } from './workerTally.ts';

/** Failures in a row after which a machine leaves the run. */
const MOST_FAILURES = 3;
/** Milliseconds until an item that cannot be done now is given out again. */
const SOON_MS = 500;
/** Milliseconds until a queue that is not there is asked again. */
const MISSING_MS = 1000;
/** Round trips that are measured. */
const ROUND_TRIPS = 3;
/** Milliseconds in which an item may be finished after the worker was asked to end. */
const GRACE_MS = 3000;
/** Copies of the weights that loading them needs: the file, its numbers and those for the device. */
const COPIES = 3;

/** The needs of the work for a run. */
export interface RunContext extends CheckedSpec {
  readonly nats: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly run: string;
  readonly worker: WorkerId;
  readonly presence: Presence;
  readonly open: OpenRolloutMachine;
  /** Bytes of memory for weights. */
  readonly memory: number;
  readonly tally: WorkerTally;
  readonly on: WorkerListener;
}

/** Works for one run. */
export class RunWork implements AsyncDisposable {
  readonly #queue: ItemQueue;
  /** Milliseconds of a token of an item at its longest, in the latest item. */
  #tokenMilliseconds: number | undefined;
  readonly #mostWeightBytes: number;
  #machine: RolloutMachine | undefined;
  /** SHA-256 of the weights of the machine. */
  #loaded: string | undefined;
  #failures = 0;
  #sending: Promise<void> = Promise.resolve();

  /** @throws ClusterError (`REFUSED`) if the model does not fit the memory. */
  constructor(private readonly context: RunContext) {
    const { js, run, model, memory } = context;
    this.#queue = new ItemQueue(js, run);
    const { numbers, most } = weightBytes(model);
    this.#mostWeightBytes = most;
    if (numbers * COPIES > memory) {
      const problem = `the model has ${mebibytes(numbers)} of weights, and loading them takes ${COPIES} times as much; this worker may use ${mebibytes(memory)}`;
      throw new ClusterError('REFUSED', run, problem, 'give it more memory, or use another machine');
    }
  }

  /** Work until the run is over for this worker, or the worker ends. @throws AdapterError, GpuError if no machine opens. */
  async work(until: StopCondition): Promise<LeaveReason> {
    const queue = new AheadQueue(this.#queue);
    void leastRoundTrip(this.context.nats).then((milliseconds) => {
      queue.roundTrip = milliseconds;
    });
    try {
      return await this.#workOn(queue, until);
    } finally {
      await queue.close();
    }
  }

  async #workOn(queue: AheadQueue, until: StopCondition): Promise<LeaveReason> {
    for (;;) {
      const reason = until.reason ? 'stopped' : await this.#leaveReason();
      if (reason) return reason;
      // An item does not wait for a machine that opens.
      this.#machine ??= await this.#open();
      const delivery = await queue.next(until.signal);
      if (delivery === 'missing') await this.#askWhy(until);
      if (!delivery || delivery === 'missing') continue;
      await this.#take(delivery, this.#machine, { queue, until });
      until.worked();
    }
  }

  /** Wait for the last result, and free the machine. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sending;
    await this.#close();
  }

  /** The queue is gone: the run is over, or the server has lost it. The trainer knows. */
  async #askWhy(until: StopCondition): Promise<void> {
    const { presence } = this.context;
    await presence.hello();
    if (!presence.leaveReason) await until.pause(MISSING_MS);
  }

  async #leaveReason(): Promise<LeaveReason | undefined> {
    const reason = this.context.presence.leaveReason;
    // A trainer that was killed leaves its queue.
    if (reason === 'silent' && (await this.#queue.isMissing())) return 'done';
    return reason ?? (this.#failures >= MOST_FAILURES ? 'failing' : undefined);
  }

  #open(): Promise<RolloutMachine> {
    const { open, spec, model } = this.context;
    return open(spec, model);
  }

  async #close(): Promise<void> {
    const machine = this.#machine;
    this.#machine = undefined;
    this.#loaded = undefined;
    await machine?.[Symbol.asyncDispose]();
  }

  /** Do an item, or tell the server why not. */
  async #take(
    delivery: Delivery,
    machine: RolloutMachine,
    { queue, until }: { readonly queue: AheadQueue; readonly until: StopCondition },
  ): Promise<void> {
    this.context.on({ type: 'started' });
    try {
      const item = await this.#read(delivery);
      if (!item || !(await this.#load(delivery, machine, item))) return;
      const start = performance.now();
      const { prompts, sampling } = item;
      const most = prompts.length * sampling.groupSize * sampling.maxNewTokens;
      if (this.#tokenMilliseconds !== undefined) queue.expect(this.#tokenMilliseconds * most, until.signal);
      const completions = await inGrace(machine.generate(prompts, sampling), until);
      if (!completions) return this.#handBack(delivery, 0, 'this worker ends');
      const seconds = (performance.now() - start) / 1000;
      this.#tokenMilliseconds = (seconds * 1000) / most;
      this.#failures = 0;
      await this.#sending;
      this.#sending = this.#send(delivery, item, { completions, seconds }, until).catch((error) =>
        this.#fail(delivery, machine, error),
      );
    } catch (error) {
      await this.#fail(delivery, machine, error);
    }
  }

  /** Read and check an item. @returns undefined if it is not for this worker, which the server was told. */
  async #read(delivery: Delivery): Promise<WorkItem | undefined> {
    const { presence, model } = this.context;
    const item = decodeMessage(workItemSchema, delivery.data, 'the work item');
    // The trainer may have started again since the last hello.
    if (item.epoch > presence.welcome.epoch) await presence.hello();
    const { epoch, spec } = presence.welcome;
    if (item.epoch < epoch) {
      delivery.refuse();
      return undefined;
    }
    if (item.epoch > epoch || item.spec !== spec || presence.leaveReason) {
      this.#handBack(delivery, SOON_MS, 'it is not of this start of the run');
      return undefined;
    }
    const { prompts, sampling } = item;
    checkedSampling(prompts, sampling, model.vocabSize);
    this.#checkSize(item);
    return item;
  }

  /** @throws ClusterError (`BAD_MESSAGE`) for an item whose result or weights would be too large. */
  #checkSize({ prompts, sampling, policy }: WorkItem): void {
    const { nats, model } = this.context;
    const most = nats.info?.max_payload ?? 0;
    const bytes = mostResultBytes(prompts.length * sampling.groupSize, sampling, model.vocabSize);
    const fix = 'use an unchanged trainer';
    if (bytes > most) {
      const problem = `the work item's result may have ${bytes} bytes, and the server takes ${most}`;
      throw new ClusterError('BAD_MESSAGE', 'work item', problem, fix);
    }
    if (policy.bytes > this.#mostWeightBytes || policy.chunks > policy.bytes) {
      const problem = `the weights have ${policy.bytes} bytes in ${policy.chunks} chunks, and those of the model at most ${this.#mostWeightBytes}`;
      throw new ClusterError('BAD_MESSAGE', 'work item', problem, fix);
    }
  }

  /** Take the weights of an item, if the machine has others. @returns false if they are not there, and the item went back. */
  async #load(delivery: Delivery, machine: RolloutMachine, { policy, epoch }: WorkItem): Promise<boolean> {
    if (policy.sha256 === this.#loaded) return true;
    const { jsm, run, on } = this.context;
    const start = performance.now();
    const bytes = await readPolicy(jsm, run, epoch, policy);
    if (!bytes) {
      this.#handBack(delivery, SOON_MS, `the server lacks the weights of version ${policy.version}`);
      return false;
    }
    this.#loaded = undefined;
    machine.load(bytes);
    this.#loaded = policy.sha256;
    const seconds = (performance.now() - start) / 1000;
    on({ type: 'weights', version: policy.version, bytes: bytes.length, seconds });
    return true;
  }

  async #send(
    delivery: Delivery,
    item: WorkItem,
    { completions, seconds }: { readonly completions: readonly Completion[]; readonly seconds: number },
    until: StopCondition,
  ): Promise<void> {
    const { js, run, worker, tally, on } = this.context;
    const facts = { seconds, deliveries: delivery.deliveries };
    const bytes = writeResult(completions);
    if (!(await sendResult(js, { run, worker, item, bytes, facts }, until.signal)))
      return this.#handBack(delivery, SOON_MS, 'its result could not be sent to the server');
    delivery.done();
    const tokens = completions.reduce((sum, completion) => sum + completion.tokens.length, 0);
    tally.add(tokens, seconds);
    on({ type: 'item', tokens, seconds });
  }

  async #fail(delivery: Delivery, machine: RolloutMachine, error: unknown): Promise<void> {
    const { on } = this.context;
    if (isMalformed(error)) {
      delivery.refuse();
      on({ type: 'malformed', error });
      return;
    }
    this.#handBack(delivery, SOON_MS, problemOf(error));
    if (isUnanswered(error)) return;
    this.#failures++;
    if (!(await machine.lost())) return;
    await this.#close();
    on({ type: 'deviceLost', problem: problemOf(error) });
  }

  #handBack(delivery: Delivery, milliseconds: number, problem: string): void {
    delivery.handBack(milliseconds);
    this.context.on({ type: 'returned', problem });
  }
}

/** Tell whether an error is of an item that no worker can do. */
const isMalformed = (error: unknown): error is MathformerError =>
  error instanceof MathformerError && (error.code === 'BAD_MESSAGE' || error.code === 'BAD_OPTION');

/** Wait for completions; only a short time once the worker ends. @returns undefined if that was too short. */
async function inGrace<Value>(sampling: Promise<Value>, until: StopCondition): Promise<Value | undefined> {
  const done = new AbortController();
  const grace = aborted(until.signal, done.signal)
    .then(() => pause(GRACE_MS, done.signal))
    .then(() => undefined);
  try {
    return await Promise.race([sampling, grace]);
  } finally {
    done.abort();
    sampling.catch(() => undefined);
  }
}

/** Measure the milliseconds from a request to its answer: the least of some, as a busy machine answers late. 0 if none comes. */
async function leastRoundTrip(nats: NatsConnection): Promise<number> {
  const trips: number[] = [];
  try {
    while (trips.length < ROUND_TRIPS) trips.push(await nats.rtt());
  } catch {
    // The connection was lost meanwhile.
  }
  return trips.length > 0 ? Math.min(...trips) : 0;
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
