/** A job: a call of a sampler, as items that workers and the trainer make. */
import type { Completion, CompletionSampler } from '../../model/completions.ts';
import type { Transformer } from '../../model/transformer.ts';
import { Signal } from '../connection/deadline.ts';
import type { PolicyManifest, WireSampling } from '../protocol/messages.ts';
import type { WorkerId } from '../protocol/subjects.ts';
import type { PolicyFile } from './policyStore.ts';
import { type CallPart, joinParts } from './workItems.ts';

/** A call of a sampler. The model's weights do not change until it is over. */
export interface SamplingCall {
  readonly model: Transformer;
  /** Samples from the model on the trainer's device. */
  readonly local: CompletionSampler;
  readonly prompts: readonly (readonly number[])[];
  readonly sampling: WireSampling;
}

/** An item of a job. */
export interface JobItem {
  readonly index: number;
  /** `<job>-<index>`. */
  readonly id: string;
  readonly part: CallPart;
  /** Nobody has it for sure; the trainer makes it; its completions are there. */
  state: 'open' | 'ours' | 'done';
  /** Its number in the queue; undefined while it is not there. */
  number: number | undefined;
  /** Times that it was put in the queue on purpose. */
  putAgain: number;
  /** The time in ms when it was first seen to be out with a worker. */
  outSince: number | undefined;
  /** Its completions; their `prompt` counts from the item's first one. */
  completions: readonly Completion[] | undefined;
  /** The worker that made them; null for the trainer. */
  by: WorkerId | null;
}

/** A call of a sampler in work. */
export class Job {
  readonly items: readonly JobItem[];
  /** Fires when an item is settled or opened again, and when the job fails. */
  readonly changed = new Signal();
  /** The weights, once they were read. */
  policy: PolicyFile | undefined;
  /** The version of the weights on the server, once they are there. */
  manifest: PolicyManifest | undefined;
  /** True while its items are put in the queue. */
  isOffering = false;
  /** The checks of results that are under way. */
  checks: Promise<unknown> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;

  constructor(
    readonly number: number,
    readonly call: SamplingCall,
    parts: readonly CallPart[],
  ) {
    this.items = parts.map((part, index) => ({
      ...{ index, id: `${number}-${index}`, part, state: 'open', number: undefined, putAgain: 0 },
      ...{ outSince: undefined, completions: undefined, by: null },
    }));
  }

  get isDone(): boolean {
    return this.items.every(({ state }) => state === 'done');
  }

  get open(): JobItem[] {
    return this.items.filter(({ state }) => state === 'open');
  }

  /** Give up. The call fails with the error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.changed.fire();
  }

  /** @throws the error that it failed with. */
  check(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** Keep the completions of an item. */
  settle(item: JobItem, completions: readonly Completion[], by: WorkerId | null): void {
    Object.assign(item, { state: 'done', completions, by });
    this.changed.fire();
  }

  /** Forget the completions of an item: it has to be made again. */
  reopen(item: JobItem): void {
    Object.assign(item, { state: 'open', completions: undefined, by: null, outSince: undefined });
    this.changed.fire();
  }

  /** Return the completions of the call, in order. All items are done. @throws Error if there are not as many as were asked for. */
  completions(): Completion[] {
    const made = joinParts(this.items.map(({ part, completions = [] }) => ({ part, completions })));
    const { prompts, sampling } = this.call;
    const asked = prompts.length * sampling.groupSize;
    if (made.length !== asked)
      throw new Error(`job ${this.number} has ${made.length} completions, not ${asked}`);
    return made;
  }
}

/** Return the numbers of tokens of completions. */
export const lengthsOf = (completions: readonly Completion[]): number[] =>
  completions.map(({ tokens }) => tokens.length);
