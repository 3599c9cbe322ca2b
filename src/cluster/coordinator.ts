/**
 * The trainer's side of work on many machines. A call of a sampler becomes a job of items, which workers take from the server's
 * queue while the trainer makes its own share. Nothing that happens to workers or to the server ends the run: it goes on alone,
 * to the same bits, until they are back.
 */
import { type JetStreamClient, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { problemOf } from '../base/errors.ts';
import type { Completion } from '../model/completions.ts';
import { Bans } from './bans.ts';
import type { Connected } from './connection.ts';
import { withDeadline } from './deadline.ts';
import { Dispatch } from './dispatch.ts';
import { Epoch } from './epoch.ts';
import { ClusterError } from './error.ts';
import type { ClusterListener } from './events.ts';
import { Intake, type Rejection, type TakenResult } from './intake.ts';
import { Job, type JobItem, type SamplingCall } from './job.ts';
import { Ledger, type LedgerMachine } from './ledger.ts';
import type { TrainerState } from './messages.ts';
import type { ClusterFigures } from './metrics.ts';
import { type Surroundings, workAlong } from './ownShare.ts';
import { Pace } from './pace.ts';
import { pause } from './pause.ts';
import { PolicyUse } from './policyUse.ts';
import { Reception } from './reception.ts';
import { ResultFeed } from './resultFeed.ts';
import { Roster } from './roster.ts';
import { serverError } from './serverError.ts';
import { type Spec, specBytes, specDigest } from './spec.ts';
import { RunStreams } from './streams.ts';
import { isToken, type WorkerId, workerName } from './subjects.ts';
import { Turnstile } from './turnstile.ts';
import type { Verifier } from './verifier.ts';
import { splitCall } from './workItems.ts';

/** Name of the trainer's own share in figures. */
export const TRAINER = 'trainer';

/** Milliseconds for requests to the server, for the start, and for the end. */
const REQUEST_MS = 3000;
const OPEN_MS = 10_000;
const CLOSE_MS = 3000;
/** Milliseconds for workers to hear of the end, and between looks at whether they did. */
const LEAVE_MS = 2500;
const LOOK_MS = 20;
/** Milliseconds between looks at who left, and attempts to use the server again. */
const TICK_MS = 1000;
/** Wanted seconds of work of an item, and items for each machine. */
const ITEM_SECONDS = 1;
const ITEMS_EACH = 2;
/** No worker is waited for that is so many times slower than the trainer. It says itself how long it took. */
const SLOWEST = 10;
/** Milliseconds that a worker's item may be late for other reasons than work. */
const TRANSFER_MS = 250;

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

/** The parts of a coordinator that its start makes. */
interface Begun {
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly epoch: Epoch;
  readonly streams: RunStreams;
  readonly bans: Bans;
  readonly specDigest: string;
}

/** Gives out the calls of samplers to workers, and takes their results. */
export class Coordinator implements AsyncDisposable {
  readonly #jobs = new Map<number, Job>();
  readonly #turnstile: Turnstile;
  readonly #dispatch: Dispatch;
  readonly #feed: ResultFeed;
  readonly #intake: Intake;
  readonly #reception: Reception;
  readonly #roster: Roster;
  readonly #ledger: Ledger;
  readonly #pace = new Pace();
  readonly #policyUse = new PolicyUse();
  readonly #own: LedgerMachine;
  readonly #on: ClusterListener;
  readonly #ticking: ReturnType<typeof setInterval>;
  #nextJob = 0;
  #state: TrainerState = 'running';
  /** True while the server cannot be used. */
  #isAlone = false;
  #isRestoring = false;
  /** The reason why no further call is taken. */
  #ended: ClusterError | undefined;

  /**
   * Claim the run on the server, and make its streams.
   * @throws ClusterError within ten seconds: `SERVER_UNFIT`, `NOT_AUTHORIZED`, `DEADLINE`, or `SUPERSEDED`.
   */
  static async open(options: CoordinatorOptions): Promise<Coordinator> {
    const { connected } = options;
    const missing = 'answer of the server to the first requests';
    const fix = 'check that it is not overloaded, and that nothing between swallows its messages';
    try {
      const begun = await withDeadline(begin(options), OPEN_MS, { missing, fix });
      const coordinator = new Coordinator(options, begun);
      await coordinator.#feed.start();
      return coordinator;
    } catch (error) {
      await connected.nats.close();
      throw serverError(error, 'begin the run');
    }
  }

  private constructor(
    private readonly options: CoordinatorOptions,
    private readonly begun: Begun,
  ) {
    const { connected, spec, run, name, staleness = 0, verifier, on = () => undefined } = options;
    const { nats } = connected;
    const { epoch, streams, bans } = begun;
    this.#on = on;
    this.#own = { worker: TRAINER, name: TRAINER, class: spec.class };
    this.#ledger = new Ledger(this.#own);
    this.#roster = new Roster(on);
    this.#turnstile = new Turnstile(staleness + 1);
    const shape = { vocabSize: vocabSizeOf(spec), eos: spec.eos };
    this.#dispatch = new Dispatch(begun, streams, {
      ...{ specDigest: begun.specDigest, vocabSize: shape.vocabSize, versions: staleness + 2 },
      maxPayload: () => this.#maxPayload,
      published: ({ version }) => this.#policyUse.published(version, performance.now()),
      sent: (bytes) => this.#ledger.count('bytes', bytes),
    });
    this.#intake = new Intake({
      ...{ shape, isExact: spec.mode === 'same-class', verifier },
      job: (number) => this.#jobs.get(number),
      machine: (id) => this.#machine(id),
      isBanned: (id) => bans.of(id) !== undefined,
      received: (machine, { seconds, deliveries }, bytes) => {
        this.#ledger.worked(machine, seconds);
        this.#ledger.count('redelivered', deliveries - 1);
        this.#ledger.count('bytes', bytes);
      },
      taken: (result) => this.#taken(result),
      duplicate: (machine) => this.#ledger.duplicate(machine),
      rejected: (...result) => this.#rejected(...result),
    });
    this.#feed = new ResultFeed(begun, streams, async (message) => {
      try {
        await this.#intake.read(message);
      } catch (error) {
        this.#end(error instanceof ClusterError ? error : serverError(error, 'read a result'));
      }
    });
    this.#reception = new Reception(nats, {
      ...{ run, name, spec, specBytes: specBytes(spec), specDigest: begun.specDigest, epoch: epoch.number },
      state: () => this.#state,
      ban: (id) => bans.refusal(id),
      heard: (id, card, refusal) => {
        if (this.#roster.hear(id, card, refusal)) this.#offerAll();
      },
      workers: () => this.#roster.known(),
    });
    epoch.watch(nats, (error) => this.#end(error));
    void this.#watchConnection();
    this.#ticking = setInterval(() => this.#tick(), TICK_MS);
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
   * @throws ClusterError (`SUPERSEDED`) if another process trains the run; what the local sampler throws.
   */
  async generate(call: SamplingCall): Promise<Completion[]> {
    if (call.prompts.length === 0) return [];
    using _ = await this.#turnstile.enter();
    await this.#confirm();
    const job = new Job(this.#nextJob++, call, this.#split(call));
    this.#jobs.set(job.number, job);
    try {
      // Weights are read before the device is busy with the trainer's share.
      if (this.#helpers > 0) await this.#dispatch.prepare(job);
      void this.#offer(job);
      do {
        await workAlong(job, this.#surroundings(job));
        // A check needs the weights, which may change when this call is over. It may find a lie, so that items open again.
        await job.checks;
      } while (!job.isDone);
      await this.#intake.remember(job);
      return job.completions();
    } finally {
      this.#jobs.delete(job.number);
      if (!this.#isAlone) this.#dispatch.clear(job).catch(() => undefined);
    }
  }

  /** Return the figures of all work since the last call. */
  figures(): ClusterFigures {
    const { bans } = this.begun;
    const active = this.#roster.active;
    const present = active.map(({ id }) => this.#machine(id));
    return this.#ledger.report({ present, isBanned: (worker) => bans.hasName(worker) });
  }

  /** End the run on the server: workers are told, its streams go, and the connection is closed. Calls in work fail. */
  async close(): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'draining';
    const since = performance.now();
    const isOurs = this.#ended?.code !== 'SUPERSEDED';
    this.#end(new ClusterError('DEADLINE', this.options.run, 'the run has ended', 'begin or resume a run'));
    clearInterval(this.#ticking);
    this.#feed.stop();
    const { nats } = this.options.connected;
    const missing = 'answer of the server at the end';
    try {
      if (isOurs && !this.#isAlone) {
        // Workers that wait for items hear at once that the streams are gone.
        await withDeadline(this.begun.streams.remove(), CLOSE_MS, { missing, fix: 'nothing is to be done' });
        await this.#leaveTaking(since);
      }
    } catch {
      // The next trainer's epoch removes what is left.
    }
    this.#state = 'done';
    this.#reception.close();
    await nats.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Wait until the workers have heard that the run is over, at most some seconds. They ask as soon as the queue is gone. */
  async #leaveTaking(since: number): Promise<void> {
    const late = since + LEAVE_MS;
    const isTold = (): boolean => this.#roster.active.every(({ heard }) => heard >= since);
    while (!isTold() && performance.now() < late) await pause(LOOK_MS);
  }

  /** Number of workers that can take items now. */
  get #helpers(): number {
    return this.#isAlone ? 0 : this.#roster.active.length;
  }

  get #maxPayload(): number {
    return this.options.connected.nats.info?.max_payload ?? 2 ** 20;
  }

  #machine(id: WorkerId): LedgerMachine {
    const { card, name: worker } = this.#roster.get(id) ?? { card: undefined, name: workerName(id) };
    return { worker, name: card?.name ?? worker, class: card?.class ?? '' };
  }

  #split({ prompts, sampling }: SamplingCall) {
    const helpers = this.#helpers;
    const all = prompts.length * sampling.groupSize;
    const each = Math.ceil(all / (ITEMS_EACH * (helpers + 1)));
    const speeds = this.#roster.active.flatMap(
      ({ name }) => this.#pace.sequencesIn(ITEM_SECONDS, name) ?? [],
    );
    const quick = speeds.length > 0 ? Math.min(...speeds) : Number.POSITIVE_INFINITY;
    const sequences = helpers === 0 ? all : Math.max(1, Math.floor(Math.min(each, quick)));
    const vocabSize = vocabSizeOf(this.options.spec);
    return splitCall(prompts, sampling, { maxPayload: this.#maxPayload, vocabSize, sequences });
  }

  #surroundings(job: Job): Surroundings {
    const speedOf = (name: string): number | undefined => this.#pace.speed(name);
    return {
      workers: () => this.#helpers,
      ownShare: () => {
        const speeds = this.#roster.active.flatMap(({ name }) => speedOf(name) ?? []);
        const own = speedOf(TRAINER);
        if (own === undefined || speeds.length === 0) return 1 / (1 + this.#helpers);
        return own / (own + speeds.reduce((sum, speed) => sum + speed, 0));
      },
      ownSequences: (seconds) => this.#pace.sequencesIn(seconds, TRAINER),
      expectedMs: (sequences) => {
        const inSecond = this.#roster.active.flatMap(({ name }) => this.#pace.sequencesIn(1, name) ?? []);
        if (inSecond.length === 0) return undefined;
        const own = (this.#pace.sequencesIn(1, TRAINER) ?? 0) / SLOWEST;
        return (1000 * sequences) / Math.max(1e-3, own, Math.min(...inSecond)) + TRANSFER_MS;
      },
      delivered: async () => {
        try {
          return await this.#dispatch.delivered();
        } catch (error) {
          this.#trouble(error, 'tell which items are out');
          return undefined;
        }
      },
      withdraw: (item) => this.#dispatch.withdraw(item),
      putAgain: (item) => {
        this.#ledger.count('hedged', 1);
        this.#putAgain(job, item);
      },
      worked: (items, completions, seconds) => this.#worked(items, completions, seconds),
    };
  }

  #worked(items: readonly JobItem[], completions: readonly Completion[], seconds: number): void {
    this.#pace.record(TRAINER, { sequences: completions.length, tokens: tokensOf(completions), seconds });
    this.#ledger.worked(this.#own, seconds);
    const taken = items.flatMap((item) => item.completions ?? []);
    this.#ledger.taken(this.#own, { items: items.length, tokens: tokensOf(taken) });
  }

  #taken({ machine, job, item, completions, facts: { seconds } }: TakenResult): void {
    const tokens = tokensOf(completions);
    this.#ledger.taken(machine, { items: 1, tokens });
    this.#pace.record(machine.worker, { sequences: completions.length, tokens, seconds });
    if (item.number !== undefined && job.manifest) {
      const began = performance.now() - 1000 * seconds;
      const latency = this.#policyUse.used(job.manifest.version, machine.worker, began);
      if (latency !== undefined) this.#ledger.firstUse(latency);
    }
  }

  #rejected(id: WorkerId, machine: LedgerMachine, { problem, isLie, place }: Rejection): void {
    const { worker } = machine;
    this.#ledger.rejected(machine);
    // Of a banned worker, only the count grows: it may send what it likes.
    if (this.begun.bans.of(id)) return;
    this.#on({ type: 'rejected', worker, problem });
    if (place) this.#openAgain(place.job, place.item);
    if (isLie) this.#ban(id, worker, problem);
  }

  /** Ban a worker. What it made of the present jobs is made again. */
  #ban(id: WorkerId, worker: string, problem: string): void {
    const { bans, epoch } = this.begun;
    bans.add(id, problem);
    this.#on({ type: 'banned', worker, problem });
    this.#roster.drop((each) => bans.of(each) !== undefined);
    bans.save(epoch.kv).catch((error) => this.#trouble(error, 'keep a ban'));
    for (const job of this.#jobs.values()) {
      for (const item of job.items) {
        if (item.state !== 'done' || !item.by || !bans.of(item.by)) continue;
        job.reopen(item);
        this.#openAgain(job, item);
      }
    }
  }

  /** Give an item out again whose result is no use: the worker took it out of the queue. */
  #openAgain(job: Job, item: JobItem): void {
    if (item.state === 'open' && item.number !== undefined) this.#putAgain(job, item);
  }

  #offerAll(): void {
    for (const job of this.#jobs.values()) void this.#offer(job);
  }

  /** Put what is open of a job in the queue, if there is somebody to take it. */
  async #offer(job: Job): Promise<void> {
    if (this.#helpers === 0 || this.#ended) return;
    try {
      await this.#dispatch.offer(job);
    } catch (error) {
      this.#trouble(error, 'give out a job');
    }
  }

  #putAgain(job: Job, item: JobItem): void {
    this.#dispatch.putAgain(job, item).catch((error) => this.#trouble(error, 'give out an item again'));
  }

  /** Check that the run is still ours. @throws ClusterError (`SUPERSEDED`) */
  async #confirm(): Promise<void> {
    if (!this.#isAlone && !this.#ended) {
      try {
        await this.begun.epoch.confirm();
      } catch (error) {
        this.#trouble(error, 'tell whether the run is still ours');
      }
    }
    if (this.#ended) throw this.#ended;
  }

  /** End all calls. */
  #end(error: ClusterError): void {
    this.#ended ??= error;
    for (const job of this.#jobs.values()) job.fail(this.#ended);
  }

  /** A request failed: go on alone until the server can be used again. */
  #trouble(error: unknown, doing: string): void {
    const failure = serverError(error, doing);
    if (failure.code === 'SUPERSEDED') this.#end(failure);
    else if (!this.#ended) this.#goAlone(problemOf(failure), failure.fix);
  }

  #goAlone(problem: string, fix: string): void {
    if (this.#isAlone) return;
    this.#isAlone = true;
    this.#on({ type: 'alone', problem, fix });
    for (const job of this.#jobs.values()) job.changed.fire();
  }

  async #watchConnection(): Promise<void> {
    const { nats } = this.options.connected;
    nats.closed().then((reason) => {
      if (this.#state !== 'running') return;
      const problem = `the server closed the connection${reason ? `: ${problemOf(reason)}` : ''}`;
      this.#goAlone(problem, 'check the credentials; a resumed run connects again');
    });
    for await (const { type } of nats.status()) {
      if (this.#state !== 'running') return;
      if (type === 'disconnect') this.#goAlone('the server cannot be reached', 'check that it runs');
      if (type === 'reconnect') void this.#restore();
    }
  }

  #tick(): void {
    for (const name of this.#roster.sweep()) this.#pace.forget(name);
    if (this.#isAlone) void this.#restore();
    else this.#offerAll();
  }

  /** Use the server again: it may have lost everything. */
  async #restore(): Promise<void> {
    const { nats } = this.options.connected;
    if (this.#isRestoring || this.#ended || nats.isClosed()) return;
    this.#isRestoring = true;
    try {
      // It fails at once while the connection is lost.
      await nats.rtt();
      await this.begun.epoch.restore();
      await this.begun.bans.save(this.begun.epoch.kv);
      await this.begun.streams.declare();
      await this.#feed.start();
      await this.#dispatch.restore([...this.#jobs.values()]);
      if (this.#isAlone) this.#on({ type: 'back' });
      this.#isAlone = false;
      this.#offerAll();
    } catch (error) {
      this.#trouble(error, 'go on with the run');
    } finally {
      this.#isRestoring = false;
    }
  }
}

/** Check the server, claim the epoch, and make the streams anew. */
async function begin({ connected, run, spec }: CoordinatorOptions): Promise<Begun> {
  if (!isToken(run)) {
    const problem = `'${run}' cannot name a run on the server`;
    throw new ClusterError('SERVER_UNFIT', 'run', problem, 'use up to 64 letters, digits, _ and -');
  }
  checkVersion(connected);
  const jsm = await jetstreamManager(connected.nats, { timeout: REQUEST_MS });
  const js = jsm.jetstream();
  const epoch = await Epoch.claim(js, run);
  const bans = new Bans(run);
  await bans.load(epoch.kv);
  const streams = new RunStreams(jsm, run, epoch.number);
  await streams.begin();
  return { js, jsm, epoch, streams, bans, specDigest: await specDigest(specBytes(spec)) };
}

/** The first version with a compare-and-swap and direct reads as they are used here. */
const LEAST_VERSION = [2, 9] as const;

/** @throws ClusterError (`SERVER_UNFIT`) for a server that is too old. */
function checkVersion({ nats }: Connected): void {
  const { version = '', jetstream } = nats.info ?? {};
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = LEAST_VERSION;
  if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
    const fix = `install nats-server ${LEAST_VERSION.join('.')} or later`;
    throw new ClusterError('SERVER_UNFIT', 'server', `the server is nats-server ${version}, too old`, fix);
  }
  if (jetstream !== true) {
    const fix = 'start it with JetStream: nats-server -js, or a `jetstream {}` block in its configuration';
    throw new ClusterError('SERVER_UNFIT', 'server', 'the server has no JetStream', fix);
  }
}

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
  completions.reduce((sum, { tokens }) => sum + tokens.length, 0);
