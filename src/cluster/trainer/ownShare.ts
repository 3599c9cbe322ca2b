/**
 * The trainer's own share of a job: it makes items from the end while workers take them from the front. If only items that are
 * out with workers are left, it waits for as long as they should take, then gives the last ones to a second worker, and after twice
 * that time makes them itself. So the death of workers or of the server costs time, never the run.
 */
import type { Completion } from '../../model/completions.ts';
import type { Job, JobItem, SamplingCall } from './job.ts';

/** Milliseconds between looks at the queue while others work. */
const LOOK_MS = 250;
/** Seconds of own work after which the trainer looks at the queue again. */
const OWN_SECONDS = 1;
/** A worker's item is late after the expected time, and at least this time. It is overdue after twice that. */
const LEAST_PATIENCE_MS = 250;
const OVERDUE = 2;
/** Expected milliseconds of an item of a worker whose speed is not known yet. */
const UNKNOWN_MS = 1000;
/** Of the last share of a job with at least this many items, those that are late are given out twice. */
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
  /** Return the smallest number of sequences that is worth a call of the trainer's sampler. */
  ownLeast(): number;
  /** Return the milliseconds that the slowest worker should need, by the number of sequences; undefined if not known. */
  expectedMs(): ((sequences: number) => number) | undefined;
  /**
   * Return the number of the last item that the server gave out, or a lower one that is at least `enough`; undefined if the
   * server does not say.
   */
  delivered(enough: number): Promise<number | undefined>;
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
    const { changes } = job.changed;
    const items = await nextItems(job, surroundings);
    if (items.length === 0) {
      // What changed during the choice counts, too.
      await job.changed.wait(LOOK_MS, changes);
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
  const delivered = await surroundings.delivered(Math.max(0, ...job.open.map(({ number = 0 }) => number)));
  const now = performance.now();
  const isOut = ({ number }: JobItem): boolean =>
    number !== undefined && delivered !== undefined && number <= delivered;
  const waiting = job.open.filter((item) => !isOut(item));
  if (waiting.length > 0) return lastRun(waiting, ownPortion(job, waiting, surroundings));
  for (const item of job.open) item.outSince ??= now;
  // Once for all items: there may be thousands, and as many workers.
  const expectedMs = surroundings.expectedMs() ?? (() => UNKNOWN_MS);
  const lateness = ({ outSince = now, part }: JobItem): number =>
    (now - outSince) / Math.max(LEAST_PATIENCE_MS, expectedMs(part.sequences));
  const late = job.open.filter((item) => lateness(item) > 1);
  for (const item of givenTwice(job, late)) surroundings.putAgain(item);
  const overdue = late.filter((item) => lateness(item) > OVERDUE);
  return overdue.toSorted((a, b) => (a.outSince ?? now) - (b.outSince ?? now)).slice(0, 1);
}

/**
 * Return the items to give out twice, once each: late ones among the last of a job of many. Another machine gains nothing by those
 * that are in time, and would be busy with them when the next job begins.
 */
function givenTwice({ items, open }: Job, late: readonly JobItem[]): JobItem[] {
  const isLast = items.length >= LEAST_ITEMS && open.length <= items.length * TWICE_SHARE;
  return isLast ? late.filter(({ putAgain }) => putAgain === 0) : [];
}

/**
 * Return the sequences to make before the next look: half of the share of what is left, so that all end together, but not less
 * than is worth a call. That is at most the share of the job: a wrong estimate of costs must leave work for others, or nothing
 * would ever mend it.
 */
function ownPortion({ items }: Job, waiting: readonly JobItem[], surroundings: Surroundings): number {
  const share = surroundings.ownShare();
  const most = surroundings.ownSequences(OWN_SECONDS) ?? Number.POSITIVE_INFINITY;
  const portion = Math.min(most, (sequencesOf(waiting) * share) / 2);
  return Math.max(portion, Math.min(surroundings.ownLeast(), sequencesOf(items) * share));
}

const sequencesOf = (items: readonly JobItem[]): number =>
  items.reduce((sum, { part }) => sum + part.sequences, 0);

/** Return the last items without a gap between them: at least one, and otherwise at most `mostSequences`. */
function lastRun(items: readonly JobItem[], mostSequences: number): JobItem[] {
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

/** Sample items that follow each other, in as few calls as their groups allow. */
async function sampleItems(items: readonly JobItem[], call: SamplingCall): Promise<Completion[][]> {
  const [first, last] = [items[0]?.part, items.at(-1)?.part];
  if (!first || !last) return [];
  const start = first.firstSequence;
  const made: Completion[] = [];
  for (const range of rangesOf(start, last.firstSequence + last.sequences, call.sampling.groupSize))
    made.push(...(await sampleRange(range, call)));
  return items.map(({ part }) =>
    made
      .slice(part.firstSequence - start, part.firstSequence - start + part.sequences)
      .map((completion) => ({ ...completion, prompt: completion.prompt - part.firstPrompt })),
  );
}

/** Sequences of a call, from the first one to before the end. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** Cut a range where its whole groups begin and end: a call of a sampler makes equally many completions of each prompt. */
function rangesOf(start: number, end: number, groupSize: number): Range[] {
  const wholeStart = Math.ceil(start / groupSize) * groupSize;
  if (wholeStart > end) return [{ start, end }];
  const wholeEnd = Math.floor(end / groupSize) * groupSize;
  const cuts = [start, wholeStart, wholeEnd, end];
  return cuts.flatMap((cut, i) => {
    const before = cuts[i - 1] ?? cut;
    return before < cut ? { start: before, end: cut } : [];
  });
}

/** Sample a range of a call. */
async function sampleRange({ start, end }: Range, call: SamplingCall): Promise<Completion[]> {
  const { groupSize, firstSequenceId } = call.sampling;
  const firstPrompt = Math.floor(start / groupSize);
  const prompts = call.prompts.slice(firstPrompt, Math.ceil(end / groupSize));
  const made = await call.local.generate(prompts, {
    ...call.sampling,
    groupSize: (end - start) / prompts.length,
    firstSequenceId: firstSequenceId + start,
  });
  return made.map((completion) => ({ ...completion, prompt: completion.prompt + firstPrompt }));
}
