/**
 * The trainer's own share of a job: it makes items from the end while workers take them from the front. If only items that are
 * out with workers are left, it waits for as long as they should take, and then makes them too. So the death of workers or of the
 * server costs time, never the run.
 */
import type { Completion, CompletionSampler } from '../../model/completions.ts';
import type { Job, JobItem } from './job.ts';

/** Milliseconds between looks at the queue while others work. */
const LOOK_MS = 250;
/** Seconds of own work after which the trainer looks at the queue again. */
const OWN_SECONDS = 1;
/** A worker's item is overdue after this many times the expected time, and at least this time. */
const PATIENCE = 2;
const LEAST_PATIENCE_MS = 500;
/** Expected milliseconds of an item of a worker whose speed is not known yet. */
const UNKNOWN_MS = 1000;
/** The last share of a job with at least this many items is given out twice. */
const TWICE_SHARE = 0.05;
const LEAST_ITEMS = 40;

/** The other machines, as the trainer sees them. */
export interface Surroundings {
  /** Number of workers that can take items now: 0 while the server is away. */
  workers(): number;
  /** Return the trainer's share of the speed of all, from 0 to 1. */
  ownShare(): number;
  /** Return the number of sequences that the trainer makes in some seconds; undefined if not known. */
  ownSequences(seconds: number): number | undefined;
  /** Return the milliseconds that the slowest worker should need, by the number of sequences; undefined if not known. */
  expectedMs(): ((sequences: number) => number) | undefined;
  /** Return the number of the last item that the server gave out; undefined if it does not say. */
  delivered(): Promise<number | undefined>;
  /** Give an item to a second worker, too. */
  putAgain(item: JobItem): void;
  /** Take an item out of the queue. */
  withdraw(item: JobItem): void;
  /** Record own work. @param items those whose completions were taken. @param completions of all. */
  worked(items: readonly JobItem[], completions: readonly Completion[], seconds: number): void;
}

/** Work on a job until it is done. @throws what the sampler throws, or what the job failed with. */
export async function workAlong(job: Job, surroundings: Surroundings): Promise<void> {
  for (;;) {
    job.check();
    if (job.isDone) return;
    const items = await nextItems(job, surroundings);
    if (items.length === 0) {
      await job.changed.wait(LOOK_MS);
      continue;
    }
    for (const item of items) item.state = 'ours';
    for (const item of items) surroundings.withdraw(item);
    const started = performance.now();
    const made = await sampleItems(items, job.call);
    const seconds = (performance.now() - started) / 1000;
    // A worker's result may have come meanwhile.
    const taken = items.filter(({ state }) => state === 'ours');
    for (const [i, item] of items.entries()) if (taken.includes(item)) job.settle(item, made[i] ?? [], null);
    surroundings.worked(taken, made.flat(), seconds);
  }
}

/** Choose items to make now; none while workers should have the rest soon. */
async function nextItems(job: Job, surroundings: Surroundings): Promise<JobItem[]> {
  if (surroundings.workers() === 0) return lastRun(job.open, Number.POSITIVE_INFINITY);
  const delivered = await surroundings.delivered();
  const now = performance.now();
  const isOut = ({ number }: JobItem): boolean =>
    number !== undefined && delivered !== undefined && number <= delivered;
  const waiting = job.open.filter((item) => !isOut(item));
  if (waiting.length > 0) return lastRun(waiting, ownPortion(waiting, surroundings));
  for (const item of job.open) item.outSince ??= now;
  for (const item of givenTwice(job)) surroundings.putAgain(item);
  // Once for all items: there may be thousands, and as many workers.
  const expectedMs = surroundings.expectedMs() ?? (() => UNKNOWN_MS);
  const isOverdue = ({ outSince = now, part }: JobItem): boolean =>
    now - outSince > Math.max(LEAST_PATIENCE_MS, PATIENCE * expectedMs(part.sequences));
  const overdue = job.open.filter(isOverdue);
  return overdue.toSorted((a, b) => (a.outSince ?? now) - (b.outSince ?? now)).slice(0, 1);
}

/** Return the items to give out twice: the last ones of a job of many, once each. */
function givenTwice({ items, open }: Job): JobItem[] {
  const isLate = items.length >= LEAST_ITEMS && open.length <= items.length * TWICE_SHARE;
  return isLate ? open.filter(({ putAgain }) => putAgain === 0) : [];
}

/** Return the sequences to make before the next look: half of the share of what is left, so that all end together. */
function ownPortion(waiting: readonly JobItem[], surroundings: Surroundings): number {
  const left = waiting.reduce((sum, { part }) => sum + part.sequences, 0);
  const most = surroundings.ownSequences(OWN_SECONDS) ?? Number.POSITIVE_INFINITY;
  return Math.min(most, (left * surroundings.ownShare()) / 2);
}

/** Return the last items without a gap between them: at least one, and otherwise at most so many sequences. */
export function lastRun(items: readonly JobItem[], mostSequences: number): JobItem[] {
  const run: JobItem[] = [];
  let sequences = 0;
  for (const item of items.toReversed()) {
    const [first] = run;
    sequences += item.part.sequences;
    if (first && (item.index !== first.index - 1 || sequences > mostSequences)) break;
    run.unshift(item);
  }
  return run;
}

/** Sample items that follow each other, together where each has whole groups. */
async function sampleItems(
  items: readonly JobItem[],
  {
    local,
    sampling,
  }: { readonly local: CompletionSampler; readonly sampling: { readonly groupSize: number } },
): Promise<Completion[][]> {
  const [first] = items;
  if (!first) return [];
  if (!items.every(({ part }) => part.isWhole)) {
    const made: Completion[][] = [];
    for (const { part } of items) made.push(await local.generate(part.prompts, part.sampling));
    return made;
  }
  const prompts = items.flatMap(({ part }) => part.prompts);
  const all = await local.generate(prompts, { ...first.part.sampling, groupSize: sampling.groupSize });
  const offset = first.part.firstPrompt;
  let at = 0;
  return items.map(({ part }) => {
    const own = all.slice(at, at + part.sequences);
    at += part.sequences;
    return own.map((completion) => ({
      ...completion,
      prompt: completion.prompt + offset - part.firstPrompt,
    }));
  });
}
