/**
 * The jobs in work: puts them in the queue for workers, makes the trainer's own share, gives out again what is no use, and clears
 * them away.
 */
import { problemOf } from '../../base/errors.ts';
import type { Completion } from '../../model/completions.ts';
import { pause } from '../connection/pause.ts';
import { isNoRoom, serverError } from '../connection/serverError.ts';
import { TRAINER, type WorkerId } from '../protocol/subjects.ts';
import type { Dispatch } from './dispatch.ts';
import type { ClusterListener } from './events.ts';
import type { Fleet } from './fleet.ts';
import { Job, type JobItem, lengthsOf, type SamplingCall } from './job.ts';
import { type Surroundings, workAlong } from './ownShare.ts';
import { splitCall } from './workItems.ts';

/** Most milliseconds for which other work of this machine waits until a call is given out. */
const BEGIN_MS = 50;

/** The surroundings of a board. */
export interface JobBoardOptions {
  readonly vocabSize: number;
  readonly dispatch: Dispatch;
  readonly fleet: Fleet;
  readonly on: ClusterListener;
  /** Bytes that the server takes in one message. */
  maxPayload(): number;
  /** Return the number of workers that can take items now. */
  helpers(): number;
  /** Tell whether no further call is taken. */
  isEnded(): boolean;
  /** Hears of a request that failed. @param doing the request. */
  trouble(error: unknown, doing: string): void;
  /** Hears of an item that a second worker gets. */
  doubled(): void;
  /** Hears of own work. @param items those whose completions were taken. */
  worked(items: readonly JobItem[], seconds: number): void;
  /** Delete the results that were read. */
  clearResults(): Promise<void>;
}

/** Jobs by their numbers. */
export class JobBoard {
  readonly #jobs = new Map<number, Job>();
  #next = 0;
  /** True while the server has no room. */
  #isCrowded = false;

  constructor(private readonly options: JobBoardOptions) {}

  /** Return a job in work. */
  get(number: number): Job | undefined {
    return this.#jobs.get(number);
  }

  /** Make a job of a call. It is not in work yet. */
  create(call: SamplingCall): Job {
    const { fleet, vocabSize, maxPayload, helpers } = this.options;
    const { prompts, sampling } = call;
    const all = prompts.length * sampling.groupSize;
    const shares = helpers() === 0 ? undefined : fleet.shares(all, sampling.groupSize);
    return new Job(
      this.#next++,
      call,
      splitCall(prompts, sampling, { maxPayload: maxPayload(), vocabSize, shares }),
    );
  }

  /** Read the weights of a job if workers need them, before the device is busy with the trainer's share. */
  async prepare(job: Job): Promise<void> {
    if (this.options.helpers() > 0) await this.options.dispatch.prepare(job);
  }

  /**
   * Work until all items of a job are done.
   * @param begun hears that workers have the job, as far as that is quick.
   * @throws what the local sampler throws, or what the job failed with.
   */
  async work(job: Job, begun: () => void): Promise<void> {
    this.#jobs.set(job.number, job);
    try {
      const over = new AbortController();
      void Promise.race([this.#offer(job), pause(BEGIN_MS, over.signal)]).then(() => {
        over.abort();
        begun();
      });
      await this.#finish(job);
    } finally {
      this.#jobs.delete(job.number);
      this.#clear(job);
    }
  }

  /** Put what is open in the queue, if there is somebody to take it. */
  offerAll(): void {
    for (const job of this.#jobs.values()) void this.#offer(job);
  }

  /** Give an item out again whose result is no use: the worker took it out of the queue. */
  replace(job: Job, item: JobItem): void {
    this.#inPassing(this.options.dispatch.replace(job, item), 'give out an item again');
  }

  /** Forget the completions of some workers. @returns the items, which are open again. */
  reopen(isMeant: (by: WorkerId) => boolean): { readonly job: Job; readonly item: JobItem }[] {
    const reopened = [...this.#jobs.values()].flatMap((job) =>
      job.items.flatMap((item) =>
        item.state === 'done' && item.by && isMeant(item.by) ? { job, item } : [],
      ),
    );
    for (const { job, item } of reopened) job.reopen(item);
    return reopened;
  }

  /** Give all jobs out again: the server may have lost them. */
  restore(): Promise<void> {
    return this.options.dispatch.restore([...this.#jobs.values()]);
  }

  /** Look again at what can be done: the server went away. */
  wake(): void {
    for (const job of this.#jobs.values()) job.changed.fire();
  }

  failAll(error: unknown): void {
    for (const job of this.#jobs.values()) job.fail(error);
  }

  /** Work until all items are done and no check is under way: a check needs the weights, and may open items again. */
  async #finish(job: Job): Promise<void> {
    let checks: unknown;
    do {
      await workAlong(job, this.#surroundings(job));
      checks = job.checks;
      await job.checks;
    } while (!job.isDone || checks !== job.checks);
  }

  #surroundings(job: Job): Surroundings {
    const { dispatch, fleet, helpers, trouble, doubled, worked } = this.options;
    return {
      workers: helpers,
      ownShare: () => fleet.ownShare,
      ownSequences: (seconds) => fleet.ownSequences(seconds),
      ownLeast: () => fleet.ownLeast,
      expectedMs: () => fleet.expectedMs,
      delivered: async (enough) => {
        try {
          return await dispatch.delivered(enough);
        } catch (error) {
          trouble(error, 'tell which items are out');
          return undefined;
        }
      },
      withdraw: (item) => dispatch.withdraw(item),
      putAgain: (item) => {
        doubled();
        this.#inPassing(dispatch.double(job, item), 'give out an item twice');
      },
      worked: (items, completions: readonly Completion[], seconds) => {
        fleet.record(TRAINER, { lengths: lengthsOf(completions), seconds });
        worked(items, seconds);
      },
    };
  }

  /** Put what is open of a job in the queue, if there is somebody to take it. */
  async #offer(job: Job): Promise<void> {
    const { helpers, isEnded, dispatch, on, trouble } = this.options;
    if (helpers() === 0 || isEnded() || job.isOffering) return;
    try {
      await dispatch.offer(job);
      if (this.#isCrowded) on({ type: 'back' });
      this.#isCrowded = false;
    } catch (error) {
      if (isNoRoom(error)) this.#crowded(job, error);
      else trouble(error, 'give out a job');
    }
  }

  /** The server has no room for the weights of a job, which is made alone. */
  #crowded(job: Job, error: unknown): void {
    job.isOffering = true;
    if (this.#isCrowded) return;
    this.#isCrowded = true;
    const failure = serverError(error, 'keep the weights');
    this.options.on({ type: 'alone', problem: problemOf(failure), fix: failure.fix });
  }

  /** Delete on the server what belongs to a job that is over. */
  #clear(job: Job): void {
    const { helpers, isEnded, dispatch, clearResults } = this.options;
    if (helpers() === 0 || isEnded() || !job.manifest) return;
    this.#inPassing(Promise.all([dispatch.clear(job), clearResults()]), 'delete a job');
  }

  /** Let a request go on without waiting for it. */
  #inPassing(request: Promise<unknown>, doing: string): void {
    request.catch((error) => {
      if (!this.options.isEnded()) this.options.trouble(error, doing);
    });
  }
}
