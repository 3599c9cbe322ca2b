/**
 * Load a server and a trainer with a swarm: simulated workers in a few processes take thousands of items. Some are slow, some
 * give up in the middle of an item, and one process with all its workers is killed. Every completion must come back once, to
 * the bit.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isDeepStrictEqual } from 'node:util';
import type { ClusterFigures } from '../../src/cluster/trainer/metrics.ts';
import type { Device } from '../../src/gpu/device.ts';
import type { SampleOptions } from '../../src/model/completions.ts';
import { Sampler } from '../../src/model/sampler.ts';
import { ARITHMETIC } from '../../src/tasks/arithmetic/task.ts';
import { EOS } from '../../src/tasks/arithmetic/tokenizer.ts';
import { TaskStream } from '../../src/tasks/stream.ts';
import { NatsServer } from '../../tests/cluster/natsServer.ts';
import { total } from '../statistics.ts';
import { policyOf } from '../stepCases.ts';
import { processFigures } from './processFigures.ts';
import { RecordedCompletions } from './recordedCompletions.ts';
import { joined, machineWith, Simulated, sharing } from './simulation.ts';

/** A swarm and its work. */
export interface SwarmCase {
  readonly workers: number;
  readonly processes: number;
  /** Calls of the sampler, one after another, and prompts of each. */
  readonly jobs: number;
  readonly prompts: number;
  readonly tokensPerSecond: number;
  /** Share of slow workers, and of items that are given up. */
  readonly slow: number;
  readonly abandoned: number;
}

/** A swarm of a thousand, whose items take half a second. */
export const SWARM: SwarmCase = {
  ...{
    workers: 1000,
    processes: 4,
    jobs: 4,
    prompts: 2000,
    tokensPerSecond: 80,
    slow: 0.02,
    abandoned: 0.01,
  },
};

/** The outcome of a swarm's work. */
export interface SwarmResult extends SwarmCase {
  /** Items of the jobs. */
  readonly items: number;
  /** Items that the trainer made itself. */
  readonly ownItems: number;
  /** Calls whose completions differ from those of this device. */
  readonly wrong: number;
  readonly redelivered: number;
  readonly hedged: number;
  readonly duplicate: number;
  readonly rejected: number;
  /** Items that workers gave up, without those of the killed process. */
  readonly givenUp: number;
  readonly seconds: number;
  readonly serverBytes: number | null;
  readonly serverCpuSeconds: number | null;
  readonly trainerBytes: number;
  readonly trainerCpuSeconds: number;
  /** Seconds that the trainer's event loop was late. */
  readonly delayP50: number;
  readonly delayP99: number;
}

const MAX_NEW_TOKENS = 64;

/** Let a swarm work, and kill one process of it in the second job. */
export async function measureSwarm(device: Device, each: SwarmCase): Promise<SwarmResult> {
  const policy = policyOf(device, 'tiny');
  const recorded = new RecordedCompletions();
  const calls = callsOf(each);
  const local = recorded.recording(new Sampler(policy, { eos: EOS }));
  const expected = [];
  for (const call of calls) expected.push(await local.generate(...call));

  await using server = await NatsServer.start();
  const { url } = server;
  const count = Math.ceil(each.workers / each.processes);
  const { tokensPerSecond, slow, abandoned } = each;
  const simulation = { url, count, tokensPerSecond, slow, abandoned };
  using swarm = await Simulated.start(
    device,
    recorded,
    Array.from({ length: each.processes }, () => simulation),
  );
  const pretending = machineWith(device, () => recorded.sampler(tokensPerSecond));
  await using machine = await sharing(pretending, { model: policy.config, eos: EOS, url, run: 'swarm' });
  await joined(machine, each.workers);

  const sampler = machine.sampler(policy, EOS);
  const figures: ClusterFigures[] = [];
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  const serverBefore = processFigures(server.pid ?? 0);
  let wrong = 0;
  for (const [i, call] of calls.entries()) {
    const completing = sampler.generate(...call);
    if (i === 1) swarm.kill(0);
    if (!isDeepStrictEqual(await completing, expected[i])) wrong += 1;
    const report = machine.figures?.();
    if (report) figures.push(report);
  }
  delay.disable();
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const serverAfter = processFigures(server.pid ?? 0);
  const reports = await swarm.end();
  const sum = (name: 'items' | 'ownItems' | 'redelivered' | 'hedged' | 'duplicate' | 'rejected'): number =>
    total(figures.map((report) => report[name]));
  return {
    ...each,
    ...{ items: sum('items'), ownItems: sum('ownItems'), wrong, redelivered: sum('redelivered') },
    ...{ hedged: sum('hedged'), duplicate: sum('duplicate'), rejected: sum('rejected') },
    ...{ givenUp: total(reports.map((report) => report?.abandoned ?? 0)), seconds },
    serverBytes: serverAfter.peakBytes,
    serverCpuSeconds: difference(serverAfter.cpuSeconds, serverBefore.cpuSeconds),
    trainerBytes: process.memoryUsage().rss,
    trainerCpuSeconds: (user + system) / 1e6,
    delayP50: delay.percentile(50) / 1e9,
    delayP99: delay.percentile(99) / 1e9,
  };
}

const difference = (after: number | null, before: number | null): number | null =>
  after === null || before === null ? null : after - before;

/** Return the calls of all jobs. */
function callsOf({ jobs, prompts }: SwarmCase): [readonly (readonly number[])[], SampleOptions][] {
  const problems = new TaskStream(ARITHMETIC, { seed: 0, stream: 0 });
  return Array.from({ length: jobs }, (_, job) => [
    Array.from({ length: prompts }, () => ARITHMETIC.prompt(problems.next())),
    { maxNewTokens: MAX_NEW_TOKENS, temperature: 1, seed: 0, firstSequenceId: job * prompts },
  ]);
}
