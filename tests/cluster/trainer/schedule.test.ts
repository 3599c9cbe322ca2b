/** The time of jobs among machines of given speeds, in virtual time: close to that of machines which never wait. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type SimulatedCall, type SimulatedJob, type SimulatedMachine, simulate } from './simulatedJob.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Tokens per second with which a machine takes 32 s for 256 completions of 110 tokens. */
const RATE = (256 * 110) / 32;
/** Milliseconds of a job for messages. */
const MESSAGES_MS = 60;
/** Jobs before the speeds and costs of all are known. */
const LEARNING = 2;

const machine = (speed: number, fixedMs = 0): SimulatedMachine => ({
  ...{ tokensPerSecond: speed * RATE, fixedMs },
});
const callOf = (workers: readonly SimulatedMachine[], rest: Partial<SimulatedCall> = {}): SimulatedCall => ({
  ...{ trainer: machine(1), workers, groups: 64, groupSize: 4, lengths: 'uniform', jobs: 6, seed: 10 },
  ...rest,
});
/** Milliseconds of a job if nobody waits. */
const boundOf = ({ tokens }: SimulatedJob, { trainer, workers }: SimulatedCall): number =>
  (1000 * tokens) / [trainer, ...workers].reduce((sum, { tokensPerSecond }) => sum + tokensPerSecond, 0);

describe.each([1, 2, 4, 8, 16])('%i workers', (count) => {
  test.each([1, 3])('of which each second one is %i times as fast', async (times) => {
    const call = callOf(Array.from({ length: count }, (_, i) => machine(i % 2 === 1 ? times : 1)));
    const jobs = (await simulate(call)).slice(LEARNING);
    for (const job of jobs) {
      expect(job.makespan).toBeLessThan(1.05 * boundOf(job, call) + job.longest + MESSAGES_MS);
      expect(job.twice).toBeLessThanOrEqual(job.items / 10);
    }
    const share = jobs.reduce((sum, job) => sum + boundOf(job, call) / job.makespan, 0) / jobs.length;
    // 64 groups are 4 for each of 16 machines, and a completion takes up to an eighth of a machine's share.
    if (count * times <= 8) expect(share).toBeGreaterThan(0.92);
    else if (count <= 8) expect(share).toBeGreaterThan(0.88);
  });
});

test('machines of any speeds end soon after each other', async () => {
  const speeds = fc.array(fc.double({ min: 0.5, max: 2, noNaN: true }), { minLength: 1, maxLength: 12 });
  const shapes = fc.record({
    groups: fc.integer({ min: 24, max: 96 }),
    groupSize: fc.integer({ min: 1, max: 16 }),
    lengths: fc.constantFrom('uniform', 'geometric'),
    trainer: fc.double({ min: 0.5, max: 2, noNaN: true }).map((speed) => machine(speed)),
    seed: fc.nat(1000),
  });
  await fc.assert(
    fc.asyncProperty(speeds, shapes, async (workers, shape) => {
      const call = callOf(
        workers.map((speed) => machine(speed)),
        { ...shape, jobs: 3 },
      );
      for (const job of (await simulate(call)).slice(LEARNING))
        expect(job.makespan).toBeLessThan(1.3 * boundOf(job, call) + 2 * job.longest + MESSAGES_MS);
    }),
    // The same cases each time: the schedule is good, not the best, and how good depends on the case.
    { numRuns: 30, endOnFailure: true, seed: 1 },
  );
});

test('where an item takes long whatever its size, machines get few', async () => {
  const workers = Array.from({ length: 4 }, () => machine(20, 2000));
  const call = callOf(workers, { trainer: machine(20, 2000), jobs: 4 });
  for (const job of (await simulate(call)).slice(LEARNING)) {
    expect(job.items).toBeLessThanOrEqual(2 * (workers.length + 1));
    expect(job.makespan).toBeLessThan(2 * (2000 + boundOf(job, call)) + MESSAGES_MS);
  }
});

test('a trainer that compiles during a small call, and then makes large ones as quickly, leaves workers their share', async () => {
  const cold = (): SimulatedMachine => ({ ...machine(100), coldMs: 350 });
  const workers = [cold(), cold()];
  const call = callOf(workers, { trainer: cold(), groups: 64, groupSize: 16, groupsBefore: [2, 64] });
  for (const job of (await simulate(call)).slice(LEARNING))
    expect(job.makespan).toBeLessThan(1.3 * boundOf(job, call) + MESSAGES_MS);
});
