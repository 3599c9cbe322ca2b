/**
 * The trainer's side of work on many machines. A call of a sampler becomes a job of items, which workers take from the server's
 * queue while the trainer makes its own share. Nothing that happens to workers or to the server ends the run: it goes on alone,
 * to the same bits, until they are back.
 */
import type { Completion } from '../../model/completions.ts';
import type { Connected } from '../connection/connection.ts';
import { withDeadline } from '../connection/deadline.ts';
import { pause } from '../connection/pause.ts';
import { serverError } from '../connection/serverError.ts';
import { ClusterError } from '../protocol/error.ts';
import type { TrainerState } from '../protocol/messages.ts';
import { type Spec, specBytes, specDigest } from '../protocol/spec.ts';
import { TRAINER, type WorkerId, workerName } from '../protocol/subjects.ts';
import type { Verifier } from '../trust/verifier.ts';
import { type Begun, begin } from './begin.ts';
import { Dispatch } from './dispatch.ts';
import type { ClusterListener } from './events.ts';
import { Fleet } from './fleet.ts';
import { Intake, type Rejection, type TakenResult } from './intake.ts';
import { type Job, type JobItem, lengthsOf, type SamplingCall } from './job.ts';
import { JobBoard } from './jobBoard.ts';
import { Ledger, type LedgerMachine } from './ledger.ts';
import { Link } from './link.ts';
import type { ClusterFigures } from './metrics.ts';
import { PolicyUse } from './policyUse.ts';
import { Reception } from './reception.ts';
import { ResultFeed } from './resultFeed.ts';
import { Roster } from './roster.ts';
import { Turnstile } from './turnstile.ts';

/** Milliseconds for the start, and for the end. */
const OPEN_MS = 10_000;
const CLOSE_MS = 3000;
/** Milliseconds for workers to hear of the end, and between looks at whether they did. */
const LEAVE_MS = 2500;
const LOOK_MS = 20;
/** Milliseconds between looks at who left. */
const SWEEP_MS = 1000;
/** Bytes of a message that every server takes. */
const MAX_PAYLOAD = 2 ** 20;

/** Options of a coordinator. */
export interface CoordinatorOptions {
  /** The connection, which the coordinator closes at its end. */
  readonly connected: Connected;
  /** Names the run on the server: up to 64 letters, digits, `_` and `-`. */
  readonly run: string;
  /** Names the run for people, such as its directory. */
  readonly name: string;
  readonly spec: Spec;
  /** Updates of the model that a rollout may be behind: as many jobs more are out, and versions kept. Default: 0. */
  readonly staleness?: number | undefined;
  /** Checks results. Without it, their form is checked alone. */
  readonly verifier?: Pick<Verifier, 'check'> | undefined;
  /** Hears what happens. It must not throw. */
  readonly on?: ClusterListener | undefined;
}

/** Gives out the calls of samplers to workers, and takes their results. */
export class Coordinator implements AsyncDisposable {
  readonly #jobs: JobBoard;
  readonly #turnstile: Turnstile;
  readonly #feed: ResultFeed;
  readonly #reception: Reception;
  readonly #intake: Intake;
  readonly #link: Link;
  readonly #roster: Roster;
  readonly #fleet: Fleet;
  readonly #ledger: Ledger;
  readonly #policyUse = new PolicyUse();
  readonly #own: LedgerMachine;
  readonly #on: ClusterListener;
  readonly #sweeping: ReturnType<typeof setInterval>;
  #state: TrainerState = 'running';
  /** The reason why no further call is taken. */
  #ended: ClusterError | undefined;

  /**
   * Claim the run on the server, and make its streams. A trainer that had the run before ends.
   * @throws ClusterError within ten seconds: `SERVER_UNFIT`, `NOT_AUTHORIZED`, `DEADLINE`, or `SUPERSEDED`.
   */
  static async open(options: CoordinatorOptions): Promise<Coordinator> {
    const { connected, run, spec } = options;
    const missing = 'answer of the server to the first requests';
    const fix = 'check that it is not overloaded, and that nothing on the way swallows messages';
    let coordinator: Coordinator | undefined;
    const opening = async (): Promise<Coordinator> => {
      const begun = await begin(connected, run);
      coordinator = new Coordinator(options, begun, await specDigest(specBytes(spec)));
      await coordinator.#feed.start();
      coordinator.#reception.check();
      return coordinator;
    };
    try {
      return await withDeadline(opening(), OPEN_MS, { missing, fix });
    } catch (error) {
      await (coordinator ?? connected.nats).close();
      throw serverError(error, 'begin the run');
    }
  }

  private constructor(
    private readonly options: CoordinatorOptions,
    private readonly begun: Begun,
    digest: string,
  ) {
    const { connected, spec, run, name, staleness = 0, verifier, on = () => undefined } = options;
    const { nats } = connected;
    const { epoch, streams, bans } = begun;
    const { eos } = spec;
    const vocabSize = vocabSizeOf(spec);
    this.#on = on;
    this.#own = { worker: TRAINER, name: TRAINER, class: spec.class };
    this.#ledger = new Ledger(this.#own);
    this.#roster = new Roster(on);
    this.#fleet = new Fleet(this.#roster);
    this.#turnstile = new Turnstile(staleness + 1);
    const maxPayload = (): number => nats.info?.max_payload ?? MAX_PAYLOAD;
    const dispatch = new Dispatch(begun, streams, {
      ...{ specDigest: digest, vocabSize, versions: staleness + 2, maxPayload },
      published: ({ version }) => this.#policyUse.published(version, performance.now()),
      sent: (bytes) => this.#ledger.count('bytes', bytes),
    });
    this.#jobs = new JobBoard({
      ...{ dispatch, fleet: this.#fleet, vocabSize, maxPayload, on },
      helpers: () => (this.#link.isAlone ? 0 : this.#roster.active.length),
      isEnded: () => this.#ended !== undefined,
      trouble: (...failure) => this.#link.trouble(...failure),
      doubled: () => this.#ledger.count('hedged', 1),
      worked: (items, seconds) => {
        this.#ledger.worked(this.#own, seconds);
        const taken = items.flatMap((item) => item.completions ?? []);
        this.#ledger.taken(this.#own, { items: items.length, tokens: tokensOf(taken) });
      },
      clearResults: () => this.#feed.clear(),
    });
    this.#intake = new Intake({
      ...{ shape: { vocabSize, eos }, isExact: spec.mode === 'same-class', verifier },
      job: (number) => this.#jobs.get(number),
      machine: (id) => this.#machine(id),
      isBanned: (id) => bans.of(id) !== undefined,
      received: (machine, { seconds, deliveries }, bytes) => {
        this.#ledger.worked(machine, seconds);
        this.#ledger.redelivered(machine, deliveries - 1);
        this.#ledger.count('bytes', bytes);
      },
      scored: (agreement) => this.#ledger.scored(agreement),
      taken: (result) => this.#taken(result),
      duplicate: (machine) => this.#ledger.duplicate(machine),
      rejected: (...result) => this.#rejected(...result),
    });
    this.#feed = new ResultFeed(begun, streams, {
      read: async (message) => {
        try {
          await this.#intake.read(message);
        } catch (error) {
          this.#jobs.failAll(error);
        }
      },
      forgotten: () => this.#link.trouble(feedForgotten(), 'send results'),
    });
    this.#reception = new Reception(nats, {
      ...{ run, name, spec, specBytes: specBytes(spec), specDigest: digest, epoch: epoch.number },
      state: () => this.#state,
      ban: (id) => bans.refusal(id),
      heard: (id, card, refusal) => {
        if (this.#roster.hear(id, card, refusal)) this.#jobs.offerAll();
      },
      workers: () => this.#roster.known(),
    });
    this.#link = new Link(nats, {
      ...{ on, restore: () => this.#restore() },
      lost: () => this.#jobs.wake(),
      back: () => this.#jobs.offerAll(),
      superseded: (error) => this.#end(error),
    });
    epoch.watch(nats, (error) => this.#end(error));
    this.#sweeping = setInterval(() => {
      for (const left of this.#roster.sweep()) this.#fleet.forget(left);
      this.#jobs.offerAll();
    }, SWEEP_MS);
  }

  /** The kinds of workers that the run takes. */
  get mode(): Spec['mode'] {
    return this.options.spec.mode;
  }

  /** The run's epoch. */
  get epoch(): number {
    return this.begun.epoch.number;
  }

  /**
   * Sample completions of a call, on all machines. As many calls as `staleness + 1` are made at a time; further ones wait.
   * @param begun hears that workers have the call, as far as that is quick: until then, other work on this machine delays them.
   * @throws ClusterError (`SUPERSEDED`) if another process trains the run; what the local sampler throws.
   */
  async generate(call: SamplingCall, begun: () => void = () => undefined): Promise<Completion[]> {
    if (call.prompts.length === 0) return [];
    using _ = await this.#turnstile.enter();
    const job = this.#jobs.create(call);
    await Promise.all([this.#jobs.prepare(job), this.#confirm()]);
    if (this.#ended) throw this.#ended;
    await this.#jobs.work(job, begun);
    await this.#intake.remember(job);
    return job.completions();
  }

  /** Return the figures of all work since the last call. */
  figures(): ClusterFigures {
    const { bans } = this.begun;
    const present = this.#roster.active.map(({ id }) => this.#machine(id));
    return this.#ledger.report({ present, isBanned: (worker) => bans.hasName(worker) });
  }

  /** End the run on the server: workers are told, its streams go, and the connection is closed. Calls in work fail. */
  async close(): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'draining';
    const since = performance.now();
    const isOurs = this.#ended === undefined;
    this.#end(new ClusterError('DEADLINE', this.options.run, 'the run has ended', 'begin or resume a run'));
    clearInterval(this.#sweeping);
    this.#link.close();
    this.#feed.stop();
    try {
      if (isOurs && (!this.#link.isAlone || (await this.#link.isReachable(CLOSE_MS)))) {
        const limits = { missing: 'answer of the server at the end', fix: 'resume the run, or leave it' };
        // Workers that wait for items hear at once that the streams are gone.
        await withDeadline(this.begun.streams.remove(), CLOSE_MS, limits);
        await this.#leaveTaking(since);
      }
    } catch {
      // The epoch fences off what is left, and the next trainer of the run removes it.
    }
    this.#state = 'done';
    this.#reception.close();
    await this.options.connected.nats.close();
  }

  /** Close. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Wait until the workers have heard that the run is over, at most some seconds. They ask as soon as the queue is gone. */
  async #leaveTaking(since: number): Promise<void> {
    const late = since + LEAVE_MS;
    const isTold = (): boolean => this.#roster.active.every(({ heard }) => heard >= since);
    while (!isTold() && performance.now() < late) await pause(LOOK_MS);
  }

  #machine(id: WorkerId): LedgerMachine {
    const worker = workerName(id);
    const card = this.#roster.get(id)?.card;
    return { worker, name: card?.name ?? worker, class: card?.class ?? '' };
  }

  #taken({ machine, job, completions, facts: { seconds } }: TakenResult): void {
    const tokens = tokensOf(completions);
    const { worker } = machine;
    this.#ledger.taken(machine, { items: 1, tokens });
    this.#fleet.record(worker, { lengths: lengthsOf(completions), seconds });
    if (!job.manifest) return;
    const latency = this.#policyUse.used(job.manifest.version, worker, performance.now() - 1000 * seconds);
    if (latency !== undefined) this.#ledger.firstUse(machine, latency);
  }

  #rejected(id: WorkerId, machine: LedgerMachine, { problem, isLie, place }: Rejection): void {
    const { worker } = machine;
    this.#ledger.rejected(machine);
    // Of a banned worker, only the count grows: it may send what it likes.
    if (this.begun.bans.of(id)) return;
    this.#on({ type: 'rejected', worker, problem });
    if (place) this.#replace(place.job, place.item);
    if (isLie) this.#ban(id, worker, problem);
  }

  /** Ban a worker. What it made of the present jobs is made again. */
  #ban(id: WorkerId, worker: string, problem: string): void {
    const { bans, epoch } = this.begun;
    bans.add(id, problem);
    this.#on({ type: 'banned', worker, problem });
    this.#roster.drop((each) => bans.of(each) !== undefined);
    bans.save(epoch.kv).catch((error) => {
      if (!this.#ended) this.#link.trouble(error, 'keep a ban');
    });
    for (const { job, item } of this.#jobs.reopen((by) => bans.of(by) !== undefined))
      this.#replace(job, item);
  }

  /** Give an item out again whose result is no use: the worker took it out of the queue. */
  #replace(job: Job, item: JobItem): void {
    if (item.state !== 'open' || item.number === undefined) return;
    this.#intake.forget(item);
    this.#jobs.replace(job, item);
  }

  /** Check that the run is still ours. @throws ClusterError (`SUPERSEDED`) */
  async #confirm(): Promise<void> {
    if (!this.#link.isAlone && !this.#ended) {
      try {
        await this.begun.epoch.confirm();
      } catch (error) {
        this.#link.trouble(error, 'tell whether the run is still ours');
      }
    }
    if (this.#ended) throw this.#ended;
  }

  /** Make again what the server may have lost. */
  async #restore(): Promise<void> {
    const { epoch, bans, streams } = this.begun;
    await epoch.restore();
    await bans.save(epoch.kv);
    await streams.declare();
    await this.#feed.start();
    await this.#jobs.restore();
  }

  /** Take no further calls, and end those in work. */
  #end(error: ClusterError): void {
    this.#ended ??= error;
    this.#jobs.failAll(this.#ended);
  }
}

const feedForgotten = (): ClusterError =>
  new ClusterError('SERVER_UNFIT', 'results', 'the server has lost the results', "see the server's log");

function vocabSizeOf({ model }: Spec): number {
  const { vocabSize } = model;
  if (typeof vocabSize === 'number') return vocabSize;
  throw new ClusterError(
    'SERVER_UNFIT',
    'spec',
    'the spec has no size of the vocabulary',
    'give a model config',
  );
}

const tokensOf = (completions: readonly Completion[]): number =>
  lengthsOf(completions).reduce((sum, length) => sum + length, 0);
