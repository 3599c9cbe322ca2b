/**
 * Jobs in virtual time: the trainer's real choices of items among machines whose speeds are set, without a server. The clock is
 * the test's: use fake timers.
 */
import { vi } from 'vitest';
import { RandomStream } from '../../../src/base/randomStream.ts';
import { Signal } from '../../../src/cluster/connection/deadline.ts';
import { TRAINER } from '../../../src/cluster/protocol/subjects.ts';
import { Fleet } from '../../../src/cluster/trainer/fleet.ts';
import { Job, type JobItem } from '../../../src/cluster/trainer/job.ts';
import { workAlong } from '../../../src/cluster/trainer/ownShare.ts';
import type { HeardWorker } from '../../../src/cluster/trainer/roster.ts';
import { splitCall } from '../../../src/cluster/trainer/workItems.ts';
import type { Completion, CompletionSampler } from '../../../src/model/completions.ts';
import type { Transformer } from '../../../src/model/transformer.ts';

/** Milliseconds from a worker's request to its item, and of a request of the trainer. */
const PULL_MS = 3;
const REQUEST_MS = 2;
/** Milliseconds until the weights and the first items are on the server. */
const PUBLISH_MS = 20;

/** Milliseconds after which a job will not end. */
const LATE_MS = 10_000_000;

/** A machine. A call of n tokens takes `fixedMs + 1000 n / tokensPerSecond`, the first one `coldMs` more. */
export interface SimulatedMachine {
  readonly tokensPerSecond: number;
  readonly fixedMs: number;
  readonly coldMs?: number;
}

export interface SimulatedCall {
  readonly trainer: SimulatedMachine;
  readonly workers: readonly SimulatedMachine[];
  readonly groups: number;
  /** Groups of the jobs that the trainer makes before the workers come. Default: there are none. */
  readonly groupsBefore?: readonly number[];
  readonly groupSize: number;
  readonly lengths: Lengths;
  /** Jobs in a row: at the first one, no speed is known. */
  readonly jobs: number;
  readonly seed: number;
}

/** A job that is done. */
export interface SimulatedJob {
  /** Milliseconds from its start to its end. */
  readonly makespan: number;
  /** Tokens of all its completions. */
  readonly tokens: number;
  /** Milliseconds of its longest completion on the slowest machine. */
  readonly longest: number;
  /** Number of its items, and of those that two machines made. */
  readonly items: number;
  readonly twice: number;
}

const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Lengths of completions: all between 20 and 200 tokens are as likely, or a token in 45 ends one, after 256 at the latest. */
export type Lengths = 'uniform' | 'geometric';
const LONGEST = { uniform: 200, geometric: 256 } as const;

function lengthOf({ lengths, seed }: SimulatedCall, sequence: number): number {
  const random = new RandomStream({ seed, stream: 0, item: sequence });
  if (lengths === 'uniform') return random.integerBetween(20, LONGEST.uniform);
  let length = 1;
  while (length < LONGEST.geometric && random.integerBelow(45) > 0) length++;
  return length;
}

/** Work on jobs, one after another. */
export async function simulate(call: SimulatedCall): Promise<SimulatedJob[]> {
  const { workers, trainer, jobs, groupsBefore = [] } = call;
  const active: HeardWorker[] = [];
  const fleet = new Fleet({ active });
  const slowest = Math.min(...[trainer, ...workers].map(({ tokensPerSecond }) => tokensPerSecond));
  const done: SimulatedJob[] = [];
  const warm = new Set<SimulatedMachine>();
  for (const groups of groupsBefore) {
    const alone = work({ ...call, groups, workers: [] }, fleet, jobs, warm);
    await vi.advanceTimersByTimeAsync(LATE_MS);
    await alone;
  }
  active.push(...workers.map((_, i) => ({ name: `w${i}` }) as HeardWorker));
  for (let number = 0; number < jobs; number++) {
    let isOver = false;
    const late = performance.now() + LATE_MS;
    const working = work(call, fleet, number, warm).finally(() => {
      isOver = true;
    });
    working.catch(() => undefined);
    while (!isOver && performance.now() < late) await vi.advanceTimersToNextTimerAsync();
    if (!isOver) throw new Error(`job ${number} does not end`);
    done.push({ ...(await working), longest: (1000 * LONGEST[call.lengths]) / slowest });
    // Workers end what they have, as before the next call of a training.
    await vi.advanceTimersByTimeAsync(60_000);
  }
  return done;
}

async function work(
  call: SimulatedCall,
  fleet: Fleet,
  number: number,
  warm: Set<SimulatedMachine>,
): Promise<Omit<SimulatedJob, 'longest'>> {
  const { workers, trainer, groups, groupSize } = call;
  const all = groups * groupSize;
  const prompts = Array.from({ length: groups }, () => [1]);
  const completionsFrom = (first: number, count: number): Completion[] =>
    Array.from({ length: count }, (_, i) => ({
      prompt: Math.floor(i / groupSize),
      tokens: Array.from({ length: lengthOf({ ...call, seed: call.seed + number }, first + i) }, () => 1),
      logps: new Float32Array(),
      finished: true,
    }));
  const timeOf = (made: readonly Completion[], machine: SimulatedMachine): number => {
    const { fixedMs, tokensPerSecond, coldMs = 0 } = machine;
    const start = warm.has(machine) ? 0 : coldMs;
    warm.add(machine);
    return start + fixedMs + (1000 * tokensOf(made)) / tokensPerSecond;
  };
  const local: CompletionSampler = {
    generate: async (asked, { groupSize: size = 1, firstSequenceId = 0 }) => {
      const made = completionsFrom(firstSequenceId, asked.length * size);
      await sleep(timeOf(made, trainer));
      return made.map((each, i) => ({ ...each, prompt: Math.floor(i / size) }));
    },
    dispose: () => {},
  };
  const sampling = {
    ...{ groupSize, maxNewTokens: LONGEST[call.lengths], temperature: 1, topK: 0, topP: 1, minP: 0, seed: 0 },
    firstSequenceId: 0,
  };
  const parts = splitCall(prompts, sampling, {
    ...{ maxPayload: 2 ** 20, vocabSize: 10 },
    shares: fleet.shares(all, groupSize),
  });
  const job = new Job(number, { model: {} as Transformer, local, prompts, sampling }, parts);
  const started = performance.now();
  const queue: JobItem[] = [];
  const offered = new Signal();
  let [delivered, twice] = [0, 0];
  setTimeout(() => {
    for (const item of job.items) {
      item.number = item.index + 1;
      if (item.state === 'open') queue.push(item);
    }
    offered.fire();
  }, PUBLISH_MS);
  const help = async (worker: SimulatedMachine, name: string): Promise<void> => {
    while (!job.isDone) {
      const item = queue.shift();
      if (!item) {
        await offered.wait(1000);
        continue;
      }
      delivered = Math.max(delivered, item.number ?? 0);
      await sleep(PULL_MS);
      const made = completionsFrom(item.part.sampling.firstSequenceId, item.part.sequences);
      const milliseconds = timeOf(made, worker);
      await sleep(milliseconds);
      fleet.record(name, { lengths: lengthsOf(made), seconds: milliseconds / 1000 });
      if (item.state === 'open') job.settle(item, made, { key: 'open', instance: name });
      else twice++;
    }
  };
  for (const [i, worker] of workers.entries()) void help(worker, `w${i}`);
  await workAlong(job, {
    workers: () => workers.length,
    ownShare: () => fleet.ownShare,
    ownSequences: (seconds) => fleet.ownSequences(seconds),
    ownLeast: () => fleet.ownLeast,
    expectedMs: () => fleet.expectedMs,
    delivered: async () => {
      const now = delivered;
      await sleep(REQUEST_MS);
      return now;
    },
    putAgain: (item) => {
      item.putAgain++;
      queue.push(item);
      offered.fire();
    },
    withdraw: (item) => {
      setTimeout(() => {
        const at = queue.indexOf(item);
        if (at >= 0) queue.splice(at, 1);
      }, REQUEST_MS);
    },
    worked: (_, completions, seconds) => fleet.record(TRAINER, { lengths: lengthsOf(completions), seconds }),
  });
  const tokens = tokensOf(job.completions());
  return { makespan: performance.now() - started, tokens, items: job.items.length, twice };
}

const lengthsOf = (completions: readonly Completion[]): number[] =>
  completions.map(({ tokens }) => tokens.length);

const tokensOf = (completions: readonly Completion[]): number =>
  completions.reduce((sum, { tokens }) => sum + tokens.length, 0);
