/** Results in the format of the suites, with round numbers. */
import type { SuiteResults } from '../../bench/results.ts';

export const ceilings = { P: 1e9, W: 1e8, t0: 1e-5 };

export const kernelResult = (median: number, efficiency: number, kernel = 'copy <1>') => ({
  kernel,
  shape: '8×8',
  flops: 2e6,
  bytes: 1e5,
  dispatches: 1,
  median,
  quartiles: [median * 0.9, median * 1.1] as const,
  efficiency,
  gpu: null as number | null,
  gpuEfficiency: null as number | null,
});

const times = (median: number) => ({
  median,
  quartiles: [median * 0.9, median * 1.1] as const,
  tokensPerSecond: 100 / median,
  dispatches: 7,
});

export const RESULTS: SuiteResults = {
  kernels: {
    adapter: 'an <adapter>',
    ceilings,
    results: [
      kernelResult(0.004, 0.5),
      { ...kernelResult(0.002, 1, 'sum'), gpu: 0.001, gpuEfficiency: 0.75 },
    ],
  },
  steps: {
    adapter: 'an <adapter>',
    ceilings,
    steps: [
      {
        name: 'supervised step, <tiny>',
        rounds: 3,
        tokens: 100,
        eager: { ...times(0.3), cpu: 0.004 },
        replayed: { ...times(0.2), cpu: 0.001 },
        efficiency: 0.25,
        flopEfficiency: 0.125,
        gpu: 0.16,
        kernels: [
          { kernel: 'matmul', dispatches: 5, gpu: 0.12, bound: 0.03 },
          { kernel: 'add', dispatches: 2, gpu: 0.04, bound: 0.02 },
        ],
      },
      {
        name: 'rollout, tiny',
        rounds: 3,
        tokens: 100,
        eager: null,
        replayed: { ...times(0.5), cpu: null },
        efficiency: 0.1,
        flopEfficiency: null,
        gpu: null,
        kernels: [{ kernel: 'decode', dispatches: 7, gpu: null, bound: 0.05 }],
      },
    ],
    counts: [
      { name: 'supervised step, <tiny>', adapter: 7, gpu: 6, withoutSubgroups: 8, limit: 7 },
      { name: 'rollout, tiny', adapter: 9, gpu: 5, withoutSubgroups: 5, limit: null },
    ],
  },
  replay: [{ name: 'a step', dispatches: 83, eager: 2.5, replayed: 1 }],
  growth: [
    { axis: 'width', sizes: [1, 2, 4], times: [0.01, 0.04, 0.16], exponent: 2 },
    { axis: 'batch', sizes: [1, 2, 4], times: [0.01, 0.02, 0.04], exponent: 1 },
  ],
  startup: { warm: 1.25, cold: 11.5 },
  workers: [
    {
      ...{ name: 'tiny, 8 × 4 × 16', local: 0.1, unattended: 0.11, share: 0.05, rolloutSeconds: 0.4 },
      points: [
        {
          ...{ workers: 1, seconds: 0.3, tokensPerSecond: 1000, bound: 0.25, idleShare: 0.25 },
          ...{ policySecondsP50: 0.01, policySecondsP99: null, bytes: 4000, wireBytes: 5000 },
        },
      ],
    },
  ],
  endurance: [
    { items: 1000, trainerHeap: 2 ** 25, trainerBytes: 2 ** 28, deviceBytes: 2 ** 20, workerBytes: null },
  ],
  swarm: {
    ...{
      workers: 1000,
      processes: 4,
      jobs: 4,
      prompts: 2000,
      tokensPerSecond: 80,
      slow: 0.02,
      abandoned: 0.01,
    },
    ...{
      items: 8000,
      ownItems: 10,
      wrong: 1,
      redelivered: 5,
      hedged: 6,
      duplicate: 7,
      rejected: 2,
      givenUp: 3,
    },
    ...{ seconds: 20, serverBytes: 2 ** 27, serverCpuSeconds: null, trainerBytes: 2 ** 28 },
    ...{ trainerCpuSeconds: 10, delayP50: 0.005, delayP99: 0.1 },
  },
};
