/** Takes results: the first valid one of each item. Later ones are compared and counted. */

import type { MsgHdrs } from '@nats-io/nats-core';
import { problemOf } from '../../base/errors.ts';
import { sha256 } from '../../base/sha256.ts';
import { printable } from '../../formats/error.ts';
import type { Completion } from '../../model/completions.ts';
import { type ResultShape, readResult, writeResult } from '../protocol/result.ts';
import { isFromWorker, type ResultFacts, readResultHeaders } from '../protocol/resultHeaders.ts';
import { type WorkerId, workerOf } from '../protocol/subjects.ts';
import type { Agreement } from '../trust/agreement.ts';
import type { ReceivedResult, Verdict } from '../trust/verifier.ts';
import type { Job, JobItem } from './job.ts';
import type { LedgerMachine } from './ledger.ts';

/** Items whose results are remembered to be compared with later ones, and messages that are known. */
const MOST_REMEMBERED = 20_000;

/** Problems of results that differ from an earlier one, where all machines compute the same bits. */
const DIFFERENT = 'it differs from the one that was taken';
const NOT_OURS = 'the trainer computed it too, and it differs';

/** A message with a result. */
export interface ResultMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers?: MsgHdrs | undefined;
}

/** A result that was taken. */
export interface TakenResult {
  readonly id: WorkerId;
  readonly machine: LedgerMachine;
  readonly job: Job;
  readonly item: JobItem;
  readonly completions: readonly Completion[];
  readonly facts: ResultFacts;
}

type JudgedResult = Omit<TakenResult, 'completions'>;

/** The surroundings of the intake. */
export interface IntakeOptions {
  readonly shape: ResultShape;
  /** True if all machines compute the same bits. */
  readonly isExact: boolean;
  /** Checks what a result claims; without it, its form is checked alone. */
  readonly verifier: { check(result: ReceivedResult): Promise<Verdict> } | undefined;
  job(number: number): Job | undefined;
  machine(id: WorkerId): LedgerMachine;
  isBanned(id: WorkerId): boolean;
  /** Hears every result of a worker, before it is judged. */
  received(machine: LedgerMachine, facts: ResultFacts, bytes: number): void;
  /** Hears how the completions of an honest result agree with the trainer's model. */
  scored(agreement: Agreement): void;
  taken(result: TakenResult): void;
  duplicate(machine: LedgerMachine): void;
  /** Hears of a result that is not taken. */
  rejected(id: WorkerId, machine: LedgerMachine, rejection: Rejection): void;
}

/** A result that is not taken. */
export interface Rejection {
  readonly problem: string;
  /** True if no honest worker sends it. */
  readonly isLie: boolean;
  /** The item, if it is not done. */
  readonly place?: { readonly job: Job; readonly item: JobItem };
}

/** Takes the results of workers, one after another. */
export class Intake {
  /** Subjects of messages that were read: a feed that starts again repeats them. */
  readonly #seen = new Set<string>();
  /** Results of items that are done, by the items' names: their SHA-256, and whether the trainer made them. */
  readonly #done = new Map<string, { readonly digest: string; readonly isOwn: boolean }>();

  constructor(private readonly options: IntakeOptions) {}

  /** Read a message, and settle its item if it is the first valid result. */
  async read({ subject, data, headers }: ResultMessage): Promise<void> {
    const id = workerOf(subject);
    const name = subject.split('.').at(-1) ?? '';
    if (!id || this.#seen.has(subject)) return;
    remember(this.#seen, subject);
    const { options } = this;
    const machine = options.machine(id);
    if (options.isBanned(id)) {
      return options.rejected(id, machine, { problem: 'its key is banned', isLie: false });
    }
    if (!isFromWorker(headers)) {
      // The key is not to blame: others can have the server's answers to their requests sent to this subject.
      return options.rejected(id, machine, { problem: 'no worker has written it', isLie: false });
    }
    const facts = readResultHeaders(headers);
    options.received(machine, facts, data.length);
    const [number, index] = name.split('-').map(Number);
    const job = number === undefined ? undefined : options.job(number);
    const item = index === undefined ? undefined : job?.items[index];
    if (!job || !item) return this.#late(id, machine, name, data);
    const result = { id, machine, job, item, facts };
    const reading = item.state === 'done' ? this.#compare(result, data) : this.#judge(result, data);
    // A feed that starts again may read while an earlier check goes on.
    job.checks = Promise.all([job.checks, reading]);
    await reading;
  }

  /** Read further results of an item, also from those who gave one: it was given out again. */
  forget({ id }: Pick<JobItem, 'id'>): void {
    for (const subject of this.#seen) if (subject.endsWith(`.${id}`)) this.#seen.delete(subject);
  }

  /** Remember the results of a job that is over. */
  async remember(job: Job): Promise<void> {
    if (!this.options.isExact || !job.manifest) return;
    for (const item of job.items) {
      this.#done.set(item.id, { digest: await digestOf(item), isOwn: item.by === null });
      const [oldest] = this.#done.keys();
      if (this.#done.size > MOST_REMEMBERED && oldest !== undefined) this.#done.delete(oldest);
    }
  }

  async #judge(result: JudgedResult, data: Uint8Array): Promise<void> {
    const { options } = this;
    const { id, job, item } = result;
    const completions = this.#completionsOf(result, data);
    if (!completions) return;
    const { problem, isLie = false, own } = await this.#verdict(result, completions);
    if (problem !== undefined) {
      if (own && item.state !== 'done') job.settle(item, own, null);
      return this.#refuse(result, problem, isLie);
    }
    // The trainer may have made it meanwhile.
    if (item.state === 'done') return this.#compare(result, data);
    job.settle(item, completions, id);
    options.taken({ ...result, completions });
  }

  /** Compare a result with the one that was taken. Where all machines compute the same bits, one of two that differ is a lie. */
  async #compare(result: JudgedResult, data: Uint8Array): Promise<void> {
    const { options } = this;
    const { job, item, machine } = result;
    const { by } = item;
    if (!options.isExact || (await sha256(data)) === (await digestOf(item)))
      return options.duplicate(machine);
    const completions = this.#completionsOf(result, data);
    if (!completions) return;
    if (by === null) return this.#refuse(result, NOT_OURS, true);
    const { problem, isLie = false, own } = await this.#verdict(result, completions, true);
    if (problem !== undefined) return this.#refuse(result, problem, isLie);
    if (!own) return this.#refuse(result, DIFFERENT, false);
    options.duplicate(machine);
    if (item.by !== by) return;
    job.settle(item, own, null);
    options.rejected(by, options.machine(by), { problem: NOT_OURS, isLie: true });
  }

  /** Read a result. One whose form is not right is refused. */
  #completionsOf(result: JudgedResult, data: Uint8Array): Completion[] | undefined {
    try {
      return readResult(data, result.item.part, this.options.shape);
    } catch (error) {
      this.#refuse(result, problemOf(error), true);
      return undefined;
    }
  }

  #refuse({ id, machine, job, item }: JudgedResult, problem: string, isLie: boolean): void {
    this.options.rejected(id, machine, { problem: printable(problem), isLie, place: { job, item } });
  }

  /** Check a result. A check that fails is the trainer's failure: the job fails with it. */
  async #verdict(
    { id, machine, job, item }: JudgedResult,
    completions: readonly Completion[],
    isDisputed = false,
  ): Promise<Partial<Verdict>> {
    const { model, local: sampler } = job.call;
    const received = { model, sampler, item: item.part, completions, worker: id, class: machine.class };
    try {
      const verdict = await this.options.verifier?.check({ ...received, isDisputed });
      if (verdict && verdict.problem === undefined) this.options.scored(verdict.figures);
      return verdict ?? {};
    } catch (error) {
      job.fail(error);
      return { problem: 'it could not be checked' };
    }
  }

  /** Compare a result of a job that is over. What another worker made cannot be computed again: its weights are gone. */
  async #late(id: WorkerId, machine: LedgerMachine, name: string, data: Uint8Array): Promise<void> {
    const { options } = this;
    const done = this.#done.get(name);
    if (!done || (await sha256(data)) === done.digest) return options.duplicate(machine);
    const { isOwn } = done;
    options.rejected(id, machine, { problem: isOwn ? NOT_OURS : DIFFERENT, isLie: isOwn });
  }
}

/** Return the SHA-256 of an item's result as a worker writes it. */
const digestOf = ({ completions = [] }: JobItem): Promise<string> => sha256(writeResult(completions));

function remember(seen: Set<string>, value: string): void {
  seen.add(value);
  const [oldest] = seen;
  if (seen.size > MOST_REMEMBERED && oldest !== undefined) seen.delete(oldest);
}
