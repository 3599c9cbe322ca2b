/** Takes results: the first valid one of each item. Later ones are compared and counted. */

import type { MsgHdrs } from '@nats-io/nats-core';
import { problemOf } from '../base/errors.ts';
import { sha256 } from '../base/sha256.ts';
import { printable } from '../formats/error.ts';
import type { Completion } from '../model/completions.ts';
import type { Job, JobItem } from './job.ts';
import type { LedgerMachine } from './ledger.ts';
import { type ResultShape, readResult, writeResult } from './result.ts';
import { type ResultFacts, readResultHeaders } from './resultHeaders.ts';
import { type WorkerId, workerOf } from './subjects.ts';
import type { ReceivedResult, Verdict } from './verifier.ts';

/** Items whose results are remembered to be compared with later ones, and messages that are known. */
const MOST_REMEMBERED = 20_000;

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
  taken(result: TakenResult): void;
  duplicate(machine: LedgerMachine): void;
  /** Hears of a result that is not taken. @param isLie true if no honest worker sends it. */
  rejected(id: WorkerId, machine: LedgerMachine, problem: string, isLie: boolean): void;
}

/** Takes the results of workers, one after another. */
export class Intake {
  /** Subjects of messages that were read: a feed that starts again repeats them. */
  readonly #seen = new Set<string>();
  /** SHA-256 of the results of items that are done, by the items' names. */
  readonly #done = new Map<string, string>();

  constructor(private readonly options: IntakeOptions) {}

  /** Read a message, and settle its item if it is the first valid result. */
  async read({ subject, data, headers }: ResultMessage): Promise<void> {
    const id = workerOf(subject);
    const name = subject.split('.').at(-1) ?? '';
    if (!id || this.#seen.has(subject)) return;
    remember(this.#seen, subject);
    const { options } = this;
    const machine = options.machine(id);
    if (options.isBanned(id)) return options.rejected(id, machine, 'its key is banned', false);
    const facts = readResultHeaders(headers);
    options.received(machine, facts, data.length);
    const [number, index] = name.split('-').map(Number);
    const job = number === undefined ? undefined : options.job(number);
    const item = index === undefined ? undefined : job?.items[index];
    if (!job || !item) return this.#late(id, machine, name, data);
    if (item.state === 'done') return this.#compare(id, machine, data, await digestOf(item));
    const reading = this.#judge({ id, machine, job, item, facts }, data);
    job.checks = reading;
    await reading;
  }

  /** Remember the results of a job that is over. */
  async remember(job: Job): Promise<void> {
    if (!this.options.isExact || !job.manifest) return;
    for (const item of job.items) {
      this.#done.set(item.id, await digestOf(item));
      const [oldest] = this.#done.keys();
      if (this.#done.size > MOST_REMEMBERED && oldest !== undefined) this.#done.delete(oldest);
    }
  }

  async #judge(result: Omit<TakenResult, 'completions'>, data: Uint8Array): Promise<void> {
    const { options } = this;
    const { id, machine, job, item } = result;
    const refuse = (problem: string, isLie: boolean): void =>
      options.rejected(id, machine, printable(problem), isLie);
    let completions: Completion[];
    try {
      completions = readResult(data, item.part, options.shape);
    } catch (error) {
      return refuse(problemOf(error), true);
    }
    const { problem, isLie = false, own } = await this.#verdict(result, completions);
    if (problem !== undefined) {
      refuse(problem, isLie);
      if (own && item.state !== 'done') job.settle(item, own, null);
      return;
    }
    // The trainer may have made it meanwhile.
    if (item.state === 'done') return this.#compare(id, machine, data, await digestOf(item));
    job.settle(item, completions, id);
    options.taken({ ...result, completions });
  }

  /** Check a result. A check that fails is the trainer's failure: the job fails with it. */
  async #verdict(
    { id, machine, job, item }: Omit<TakenResult, 'completions'>,
    completions: readonly Completion[],
  ): Promise<Partial<Verdict>> {
    const { model, local: sampler } = job.call;
    const received = { model, sampler, item: item.part, completions, worker: id, class: machine.class };
    try {
      return (await this.options.verifier?.check(received)) ?? {};
    } catch (error) {
      job.fail(error);
      return { problem: 'it could not be checked' };
    }
  }

  async #late(id: WorkerId, machine: LedgerMachine, name: string, data: Uint8Array): Promise<void> {
    const digest = this.#done.get(name);
    if (digest === undefined) this.options.duplicate(machine);
    else await this.#compare(id, machine, data, digest);
  }

  /** Compare a later result with the one that was taken. */
  async #compare(id: WorkerId, machine: LedgerMachine, data: Uint8Array, digest: string): Promise<void> {
    const { options } = this;
    if (!options.isExact || (await sha256(data)) === digest) return options.duplicate(machine);
    options.rejected(id, machine, 'it differs from the one that was taken', false);
  }
}

/** Return the SHA-256 of an item's result as a worker writes it. */
const digestOf = ({ completions = [] }: JobItem): Promise<string> => sha256(writeResult(completions));

function remember(seen: Set<string>, value: string): void {
  seen.add(value);
  const [oldest] = seen;
  if (seen.size > MOST_REMEMBERED && oldest !== undefined) seen.delete(oldest);
}
