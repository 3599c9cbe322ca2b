/**
 * A worker: it finds a run on the server, samples completions for it, and looks for another run when it is over. It loads no
 * task, writes no file, and reconnects by itself.
 */
import { type JetStreamClient, type JetStreamManager, jetstream } from '@nats-io/jetstream';
import { type NatsConnection, Nuid } from '@nats-io/nats-core';
import { MathformerError } from '../../base/errors.ts';
import { type Connected, connectionError } from '../connection/connection.ts';
import { pause } from '../connection/pause.ts';
import { ANY_INBOX } from '../connection/permissions.ts';
import { workerError } from '../connection/requestFailure.ts';
import { ClusterError } from '../protocol/error.ts';
import {
  encodeMessage,
  type Refusal,
  type TrainerCard,
  type Welcome,
  type WorkerCard,
} from '../protocol/messages.ts';
import { PROTOCOL } from '../protocol/spec.ts';
import { WHO_SUBJECT, type WorkerId } from '../protocol/subjects.ts';
import { type CheckedSpec, fetchSpec, findTrainers, greet } from './findRun.ts';
import { ItemQueue } from './itemQueue.ts';
import { Presence } from './presence.ts';
import type { OpenRolloutMachine } from './rolloutMachine.ts';
import { RunWork } from './runWork.ts';
import { StopCondition } from './stopCondition.ts';
import type { LeaveReason, RunName, WorkerEvent, WorkerListener } from './workerEvents.ts';
import { type WorkerCounts, WorkerTally } from './workerTally.ts';

/** Facts that a worker tells of its machine. */
export type WorkerFacts = Pick<WorkerCard, 'name' | 'version' | 'class' | 'adapter' | 'platform'>;

/** Options of a worker. */
export interface RolloutWorkerOptions {
  /** Opens the connection to the server. */
  connect(): Promise<Connected>;
  /** Opens a machine for a run; again after its device was lost. */
  readonly open: OpenRolloutMachine;
  readonly facts: WorkerFacts;
  /** Bytes of memory that weights may take while they are loaded. Default: 4 GiB. */
  readonly memory?: number | undefined;
  readonly on?: WorkerListener | undefined;
  /** Tells workers with one key apart. Default: random. */
  readonly instance?: string | undefined;
}

/** Options of the work. */
export interface WorkOptions {
  /** End when the run that it worked for is over, or when a run refuses it. Default: false. */
  readonly once?: boolean | undefined;
  /** Seconds without work after which it ends. Default: never. */
  readonly maxIdle?: number | undefined;
  /** Asks it to end: it finishes its item or hands it back. */
  readonly signal?: AbortSignal | undefined;
}

/** The work that a worker did, and the reason of its end. */
export interface WorkReport extends WorkerCounts {
  readonly reason: 'over' | 'idle' | 'asked';
}

/** Milliseconds between two searches for a run: where nobody trains, and where no run takes this worker. */
const SEARCH_MS = 1500;
const REFUSED_MS = 5000;
/** Milliseconds until a run is tried again that this machine failed at. */
const AVOID_MS = 60_000;
/** Milliseconds to send the last messages. */
const LEAVE_MS = 2000;
const MEMORY = 4 * 2 ** 30;
/** Refusals and failures that are remembered, so that each is told once. */
const MOST_TOLD = 1000;
/** Length of an instance's name. */
const INSTANCE_LENGTH = 8;

/** A start of a run. */
interface RunStart extends RunName {
  readonly epoch: number;
}

/** A run that takes this worker. */
interface FoundRun extends RunStart, CheckedSpec {
  readonly welcome: Welcome;
}

/** The end of a search or of the work for a run: the reason why it failed, or whether the run is over. */
interface Outcome {
  readonly found?: never;
  readonly error?: MathformerError;
  readonly isOver?: boolean;
}

/** Samples completions for the runs on a server. */
export class RolloutWorker {
  readonly #options: RolloutWorkerOptions;
  readonly #on: WorkerListener;
  readonly #instance: string;
  readonly #tally = new WorkerTally();
  /** Refusals and failures that were told. */
  readonly #told = new Set<string>();
  /** Times at which runs that this machine failed at are tried again. */
  readonly #avoided = new Map<string, number>();
  #run: string | null = null;
  #presence: Presence | undefined;

  constructor(options: RolloutWorkerOptions) {
    this.#options = options;
    this.#on = options.on ?? (() => undefined);
    this.#instance = options.instance ?? new Nuid().next().slice(0, INSTANCE_LENGTH);
  }

  /** The facts that it tells of its machine. */
  get facts(): WorkerFacts {
    return this.#options.facts;
  }

  /** The work that it has done so far. */
  get counts(): WorkerCounts {
    return this.#tally.counts;
  }

  /**
   * Work until asked to end.
   * @throws ClusterError (`SERVER_UNREACHABLE`, `NOT_AUTHORIZED`; with `once` also `REFUSED`)
   */
  async run({
    once = false,
    maxIdle = Number.POSITIVE_INFINITY,
    signal,
  }: WorkOptions = {}): Promise<WorkReport> {
    const connected = await this.#options.connect();
    const { nats, key } = connected;
    using until = new StopCondition(signal, maxIdle);
    const closed = nats.closed().then((error) => {
      until.disconnect();
      return error;
    });
    try {
      void this.#watch(nats);
      const id = { key, instance: this.#instance };
      this.#introduce(nats, id);
      const desk = { nats, js: jetstream(nats), jsm: await jetstream(nats).jetstreamManager(false), id };
      const isOver = await this.#work(desk, until, once);
      if (until.reason === 'disconnected') throw connectionError(await closed, nats.getServer(), connected);
      return { reason: isOver ? 'over' : until.reason === 'idle' ? 'idle' : 'asked', ...this.counts };
    } catch (error) {
      throw workerError(error);
    } finally {
      await leave(nats);
    }
  }

  /** Tell of a connection that is lost and found again. */
  async #watch(nats: NatsConnection): Promise<void> {
    for await (const { type } of nats.status()) {
      if (type === 'disconnect') this.#on({ type: 'disconnected' });
      if (type !== 'reconnect') continue;
      this.#presence?.forgive();
      void this.#presence?.hello();
      this.#on({ type: 'reconnected' });
    }
  }

  /** Answer those who ask who works here. */
  #introduce(nats: NatsConnection, id: WorkerId): void {
    nats.subscribe(WHO_SUBJECT, {
      callback: (error, message) => {
        if (!error && message.reply?.startsWith(ANY_INBOX)) message.respond(encodeMessage(this.#card(id)));
      },
    });
  }

  #card(id: WorkerId): WorkerCard {
    const { facts } = this.#options;
    const { tokensPerSecond, items } = this.counts;
    return { protocol: PROTOCOL, ...id, ...facts, tokensPerSecond, items, run: this.#run };
  }

  /** Work for one run after another. @returns true if one is over, and `once` was asked for. */
  async #work(desk: Desk, until: StopCondition, once: boolean): Promise<boolean> {
    let isWaiting = false;
    let served: string | undefined;
    while (!until.reason) {
      const search = await this.#find(desk);
      // A run may end while this worker is cut off, and nobody tells it.
      const left = once && search.found?.run !== served ? served : undefined;
      if (left !== undefined && (await new ItemQueue(desk.js, left).isMissing())) return true;
      served = search.found?.run ?? served;
      const outcome = search.found ? await this.#serve(desk, search.found, until) : search;
      if (once && outcome.error) throw outcome.error;
      if (once && outcome.isOver) return true;
      if (search.found) {
        isWaiting = false;
        continue;
      }
      if (!isWaiting) this.#on({ type: 'waiting' });
      isWaiting = true;
      await until.pause((search.error ? REFUSED_MS : SEARCH_MS) * (0.75 + Math.random() / 2));
    }
    return false;
  }

  /** Find the run that is served the least among those that take this worker. */
  async #find({ nats, id }: Desk): Promise<Outcome | { readonly found: FoundRun }> {
    const trainers = (await findTrainers(nats)).filter(
      ({ run, state }) => state === 'running' && (this.#avoided.get(run) ?? 0) < performance.now(),
    );
    const order = trainers
      .map((trainer) => ({ trainer, served: trainer.served + Math.random() / 2 }))
      .sort((a, b) => a.served - b.served);
    let outcome: Outcome = {};
    for (const { trainer } of order) {
      const answer = await this.#ask(nats, id, trainer);
      if (answer.found) return answer;
      outcome = { ...outcome, ...answer };
    }
    return outcome;
  }

  /** Ask a trainer for work. */
  async #ask(
    nats: NatsConnection,
    id: WorkerId,
    { run, name, epoch }: TrainerCard,
  ): Promise<Outcome | { readonly found: FoundRun }> {
    try {
      const card = this.#card(id);
      const welcome = await greet(nats, run, card);
      if (welcome?.refusal) return { error: this.#tellRefused({ run, name, epoch }, welcome.refusal) };
      if (welcome?.state !== 'running') return {};
      const checked = await fetchSpec(nats, run, welcome.spec, card);
      return checked ? { found: { run, name, epoch, welcome, ...checked } } : {};
    } catch (error) {
      return { error: this.#tellUnable({ run, name, epoch }, error) };
    }
  }

  async #serve(desk: Desk, found: FoundRun, until: StopCondition): Promise<Outcome> {
    const { run, name, welcome } = found;
    const { nats, id } = desk;
    const { open, memory = MEMORY } = this.#options;
    this.#run = run;
    using presence = new Presence(nats, run, () => this.#card(id), welcome);
    this.#presence = presence;
    try {
      const [tally, on] = [this.#tally, this.#on];
      await using work = new RunWork({ ...desk, ...found, worker: id, presence, open, memory, tally, on });
      // The trainer hears at once that the worker is here.
      void presence.hello();
      on({ type: 'joined', run, name });
      const reason = await work.work(until);
      on({ type: 'left', run, name, reason });
      return this.#outcomeOf(reason, found, presence.welcome.refusal);
    } catch (error) {
      this.#avoid(run);
      return { error: this.#tellUnable(found, error) };
    } finally {
      this.#run = null;
      this.#presence = undefined;
    }
  }

  #outcomeOf(reason: LeaveReason, found: FoundRun, refusal: Refusal | null): Outcome {
    if (refusal) return { error: this.#tellRefused(found, refusal) };
    if (reason !== 'failing') return { isOver: reason === 'done' || reason === 'draining' };
    this.#avoid(found.run);
    const problem = `${found.name}: this machine failed at several work items in a row`;
    return {
      error: new ClusterError('REFUSED', found.run, problem, 'see the problems that were told before'),
    };
  }

  #avoid(run: string): void {
    const now = performance.now();
    for (const [other, until] of this.#avoided) if (until < now) this.#avoided.delete(other);
    this.#avoided.set(run, now + AVOID_MS);
  }

  #tellRefused(start: RunStart, refusal: Refusal): ClusterError {
    const { run, name } = start;
    const { reason, problem, fix } = refusal;
    this.#tellOnce(start, reason, { type: 'refused', run, name, refusal });
    return new ClusterError('REFUSED', run, `${name}: ${problem}`, fix);
  }

  /** Tell of a run that this machine cannot work for. @throws an error that nobody foresaw. */
  #tellUnable(start: RunStart, error: unknown): MathformerError {
    if (!(error instanceof MathformerError)) throw error;
    const { run, name } = start;
    this.#tellOnce(start, error.message, { type: 'unable', run, name, error });
    return error;
  }

  #tellOnce({ run, epoch }: RunStart, what: string, event: WorkerEvent): void {
    const key = `${run} ${epoch} ${what}`;
    if (this.#told.has(key)) return;
    if (this.#told.size >= MOST_TOLD) this.#told.clear();
    this.#told.add(key);
    this.#on(event);
  }
}

/** The connection of a worker. */
interface Desk {
  readonly nats: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly id: WorkerId;
}

/** Send what is left to send, and close the connection. A server that is away does not hold that up. */
async function leave(nats: NatsConnection): Promise<void> {
  if (nats.isClosed()) return;
  const sent = new AbortController();
  const drained = nats.drain().finally(() => sent.abort());
  drained.catch(() => undefined);
  await pause(LEAVE_MS, sent.signal);
  await nats.close();
}
