/** One part of `npm run bench -- share`, in a process of its own, so that a driver that crashes ends no other part. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Device } from '../../src/gpu/device.ts';
import { type OpenedAdapter, openAdapter } from '../../src/gpu/node.ts';
import { tune } from '../../src/gpu/tuning.ts';
import { modelConfig } from '../../src/model/config.ts';
import { TUNING_ROWS } from '../../src/model/tuneFor.ts';
import { tuningCases } from '../../src/model/workload.ts';
import { cpuModel, gitCommit, versions } from '../../src/runs/provenance.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { kernelCases } from '../kernels.ts';
import { measure } from '../measure.ts';
import { grpoCase, stepCases, supervisedCase } from '../stepCases.ts';
import { countSteps } from '../stepCounts.ts';
import { measureSteps } from '../steps.ts';
import { PARTS, type PartName, type PartResult } from './results.ts';

/** Tells the parent how far a part is. */
export type Message =
  | { readonly share: number }
  | { readonly result: unknown }
  | { readonly problem: string };

interface Setting {
  readonly opened: OpenedAdapter;
  /** True for small sizes and few rounds: to try the kit. */
  readonly brief: boolean;
  readonly progress: (done: number, total: number) => void;
}

type Parts = { readonly [Name in PartName]: (setting: Setting) => Promise<PartResult<Name>> };

const runs: Parts = {
  async machine({ opened }) {
    const { adapter, kind } = opened;
    const { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize } = adapter.info;
    const own = await Device.open(adapter);
    const { adapterClass, limits } = own;
    own.destroy();
    return {
      adapter: { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize },
      ...{ kind, class: adapterClass, features: [...adapter.features].sort(), limits: { ...limits } },
      ...{ cpu: cpuModel(), platform: `${process.platform} ${process.arch}` },
      ...{ versions: { ...versions() }, commit: gitCommit() },
    };
  },
  async tests({ opened, brief }) {
    const folder = mkdtempSync(join(tmpdir(), 'mathformer-share-'));
    try {
      const file = join(folder, 'tests.json');
      const chosen = brief ? ['tests/kernels/adamw.test.ts'] : ['tests/kernels', 'tests/gpu/device.test.ts'];
      const vitest = ['node_modules/vitest/vitest.mjs', 'run', ...chosen, '--reporter=json'];
      const { status, stderr } = spawnSync(process.execPath, [...vitest, `--outputFile=${file}`], {
        env: { ...process.env, MATHFORMER_ADAPTER: opened.name },
        encoding: 'utf8',
      });
      if (status === null) throw new Error(stderr.slice(-500));
      return testsOf(JSON.parse(readFileSync(file, 'utf8')));
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  async tuning({ opened, brief, progress }) {
    const device = await Device.open(opened.adapter);
    const sizes = brief ? (['tiny'] as const) : (['tiny', 'small', 'medium'] as const);
    const rows = brief ? { training: 256, decoding: 8 } : TUNING_ROWS;
    const all = sizes.flatMap((size) => tuningCases(modelConfig(size, { vocabSize: VOCAB_SIZE }), rows));
    // The last of each family, to try it.
    const cases = brief ? [...new Map(all.map((each) => [each.family.name, each])).values()] : all;
    const results = await tune(device, cases, { progress });
    device.destroy();
    return results.map(({ key, untuned, chosen, candidates }) => ({
      ...{ key, untuned, chosen },
      candidates: [...candidates],
    }));
  },
  async counts({ opened, brief }) {
    const device = await Device.open(opened.adapter);
    const counts = await countSteps(device, brief ? briefCases() : stepCases());
    device.destroy();
    return counts;
  },
  async steps({ opened, brief, progress }) {
    const device = await Device.open(opened.adapter);
    const profiled = await profilingDevice(opened.name);
    // A GPU also has time for the step that takes a CPU too long.
    const isGpu = opened.kind === 'hardware';
    const cases = brief ? briefCases() : stepCases().filter(({ timed }) => timed || isGpu);
    const measured = await measureSteps(device, profiled, cases, { progress, ...(brief && { rounds: 1 }) });
    profiled.destroy();
    device.destroy();
    return { adapter: opened.description, ...measured, counts: [] };
  },
  async kernels({ opened, brief, progress }) {
    const device = await Device.open(opened.adapter);
    const profiled = await profilingDevice(opened.name);
    const all = kernelCases({ software: opened.kind !== 'hardware' });
    const cases = brief ? all.slice(0, 2) : all;
    const measured = await measure(device, cases, { profiled, progress, ...(brief && { rounds: 1 }) });
    profiled.destroy();
    device.destroy();
    return { adapter: opened.description, ...measured };
  },
};

/** Small steps, which run on every adapter in seconds. */
const briefCases = () => [
  supervisedCase('tiny', { batch: 4, length: 16 }),
  grpoCase('grpo step', 'tiny', { batchSize: 2, groupSize: 2, maxNewTokens: 20 }),
];

async function profilingDevice(name: string): Promise<Device> {
  const { adapter } = await openAdapter({ name, disableToggles: ['timestamp_quantization'] });
  return Device.open(adapter, { profile: true });
}

interface TestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** Characters of a failure's message to keep. */
const MESSAGE = 400;

function testsOf(report: TestReport): PartResult<'tests'> {
  const failures = report.testResults.flatMap(({ assertionResults, message }) => [
    ...(assertionResults.length === 0 && message
      ? [{ name: 'a file of tests', message: message.slice(0, MESSAGE) }]
      : []),
    ...assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => ({
        name: fullName,
        message: (failureMessages[0] ?? '').slice(0, MESSAGE),
      })),
  ]);
  const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = report;
  return { passed, failed, skipped, failures };
}

const isPart = (name: string | undefined): name is PartName => PARTS.some((part) => part === name);

async function run(name: string | undefined, brief: boolean): Promise<void> {
  const send = (message: Message): Promise<void> =>
    new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()) ?? resolve());
  try {
    if (!isPart(name)) throw new Error(`there is no part '${name}'`);
    const opened = await openAdapter();
    const progress = (done: number, total: number): void => void send({ share: done / total });
    await send({ result: await runs[name]({ opened, brief, progress }) });
  } catch (error) {
    await send({ problem: error instanceof Error ? error.message : String(error) });
  }
  // Threads and drivers may keep a process alive.
  process.exit();
}

const [, , name, size] = process.argv;
await run(name, size === 'brief');
