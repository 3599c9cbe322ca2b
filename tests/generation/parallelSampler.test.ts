/** Several processes generate the same as one sampler, even if one of them ends. None outlives its parent. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { generationProcesses, ParallelSampler, samplerOf } from '../../src/generation/index.ts';
import { Device, type DeviceOptions } from '../../src/gpu/device.ts';
import { openAdapter } from '../../src/gpu/node.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import { GrpoTrainer } from '../../src/grpo/trainer.ts';
import { modelConfig } from '../../src/model/config.ts';
import { Sampler } from '../../src/model/sampler.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { prompt } from '../../src/tasks/arithmetic/sample.ts';
import { ARITHMETIC } from '../../src/tasks/arithmetic/task.ts';
import { EOS, VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { openDevice } from '../device.ts';
import { fixtureModel } from '../model/referenceModels.ts';

const PROMPTS = ['1+2', '(-3)*(4-(-51))', 'max(1,2)', '7', 'prev(12)-next( 3 )', '0', '5-5'].map((each) =>
  prompt(each),
);
const OPTIONS = { maxNewTokens: 40, temperature: 1, seed: 4, groupSize: 2, firstSequenceId: 10 };
/** Only Linux has /proc, which lists processes and their memory. */
const onLinux = test.runIf(process.platform === 'linux');

/** Return the ids of generating processes whose parent is this process, or `parent`. */
function generating(parent = process.pid): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const [, ppid] = /\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8')) ?? [];
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      return Number(ppid) === parent && command.includes('samplerProcess') ? [Number(name)] : [];
    } catch {
      return []; // no process, or not any more
    }
  });
}

const isAlive = (pid: number): boolean => {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

async function ended(pids: readonly number[]): Promise<void> {
  await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), { timeout: 20_000, interval: 20 });
}

let device: Device;
let model: Transformer;
let alone: Sampler;
let parallel: ParallelSampler;
beforeAll(async () => {
  device = await openDevice();
  model = fixtureModel(device, 'tiny.safetensors');
  alone = new Sampler(model, { eos: EOS });
  parallel = new ParallelSampler(model, { eos: EOS, processes: 3 });
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => {
  parallel.dispose();
  device.destroy();
});

test.each([
  ['sampled', OPTIONS],
  ['greedily', { ...OPTIONS, groupSize: 1, temperature: 0 }],
  ['within what is likely, which is kept', { ...OPTIONS, topP: 0.9 }],
  ['of fewer prompts than processes', { ...OPTIONS, groupSize: 16 }, PROMPTS.slice(0, 2)],
] as const)('%s: the same as by one sampler, to the bit', async (_, options, prompts = PROMPTS) => {
  const found = await parallel.generate(prompts, options);
  expect(found).toHaveLength(prompts.length * options.groupSize);
  expect(found).toEqual(await alone.generate(prompts, options));
});

test('the weights are those of the time', async () => {
  const own = model.clone();
  const [one, several] = [
    new Sampler(own, { eos: EOS }),
    new ParallelSampler(own, { eos: EOS, processes: 2 }),
  ];
  try {
    const before = await several.generate(PROMPTS, OPTIONS);
    own.parameters.get('out_proj.bias').set(new Float32Array(57).fill(1).fill(-9, 20, 30));
    const after = await several.generate(PROMPTS, OPTIONS);
    expect(after).not.toEqual(before);
    expect(after).toEqual(await one.generate(PROMPTS, OPTIONS));
  } finally {
    several.dispose();
    one.dispose();
    own.dispose();
  }
});

test('by default small models on lavapipe have processes, unless its threads are shared out', () => {
  vi.stubEnv('LP_NUM_THREADS', undefined);
  const opened = (description: string, options: DeviceOptions = {}) => ({
    info: { description } as GPUAdapterInfo,
    options,
  });
  const lavapipe = opened('llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)');
  const gpu = opened('NVIDIA H100');
  expect(generationProcesses(lavapipe, modelConfig('tiny', { vocabSize: VOCAB_SIZE }))).toBeGreaterThan(0);
  for (const option of [{ debug: true }, { profile: true }, { memoryLimit: 1e9 }]) {
    expect(
      generationProcesses(
        opened(lavapipe.info.description, option),
        modelConfig('tiny', { vocabSize: VOCAB_SIZE }),
      ),
    ).toBe(0);
  }
  expect(generationProcesses(lavapipe, modelConfig('medium', { vocabSize: VOCAB_SIZE }))).toBe(0);
  expect(generationProcesses(gpu, modelConfig('tiny', { vocabSize: VOCAB_SIZE }))).toBe(0);
  vi.stubEnv('LP_NUM_THREADS', '0');
  expect(generationProcesses(lavapipe, modelConfig('tiny', { vocabSize: VOCAB_SIZE }))).toBe(0);
});

test('the adapter wasm has no processes: it has threads', async () => {
  const { adapter } = await openAdapter({ name: 'wasm', threads: 1 });
  const device = await Device.open(adapter);
  const model = Transformer.create(device, modelConfig('tiny', { vocabSize: VOCAB_SIZE }), 0);
  expect(generationProcesses(device, model.config)).toBe(0);
  expect(() => samplerOf(model, { processes: 2, eos: 0 })).toThrow(/threads of its own/);
  device.destroy();
});

test('calls take turns', async () => {
  const seeds = [1, 2, 3];
  const together = await Promise.all(seeds.map((seed) => parallel.generate(PROMPTS, { ...OPTIONS, seed })));
  for (const [i, seed] of seeds.entries()) {
    expect(together[i]).toEqual(await alone.generate(PROMPTS, { ...OPTIONS, seed }));
  }
});

test('what GRPO learns is the same, to the bit', async () => {
  const learn = async (processes: number) => {
    const policy = fixtureModel(device, 'tiny.safetensors');
    const sampler = processes > 0 ? new ParallelSampler(policy, { eos: EOS, processes }) : undefined;
    const options = grpoOptions({ batchSize: 4, groupSize: 4, maxNewTokens: 48, lr: 1e-3 });
    const trainer = new GrpoTrainer(policy, options, { task: ARITHMETIC, ...(sampler && { sampler }) });
    const metrics = [await trainer.step(), await trainer.step()].map((each) => ({ ...each, step_time: 0 }));
    const weights = await policy.stateDict();
    trainer.dispose();
    sampler?.dispose();
    policy.dispose();
    return { metrics, weights };
  };
  expect(await learn(2)).toEqual(await learn(0));
});

onLinux('a process that is killed is replaced', async () => {
  const sampler = new ParallelSampler(model, { eos: EOS, processes: 2 });
  const expected = await sampler.generate(PROMPTS, OPTIONS);
  const [first] = generating();
  for (const delay of [0, 5]) {
    const again = sampler.generate(PROMPTS, OPTIONS);
    await sleep(delay);
    for (const pid of generating()) process.kill(pid, 'SIGKILL');
    expect(await again).toEqual(expected);
  }
  for (const pid of generating()) process.kill(pid, 'SIGKILL');
  await sleep(50);
  expect(await sampler.generate(PROMPTS, OPTIONS)).toEqual(expected);
  expect(isAlive(first ?? 0)).toBe(false);
  sampler.dispose();
});

test('a process that loses its device is replaced', async () => {
  const expected = await alone.generate(PROMPTS, OPTIONS);
  const folder = mkdtempSync(join(tmpdir(), 'lost-'));
  vi.stubEnv('LOST_ONCE', join(folder, 'lost'));
  vi.stubEnv('NODE_OPTIONS', `--import ${new URL('loseDeviceOnce.js', import.meta.url).href}`);
  const sampler = new ParallelSampler(model, { eos: EOS, processes: 1 });
  expect(await sampler.generate(PROMPTS, OPTIONS)).toEqual(expected);
  expect(existsSync(join(folder, 'lost'))).toBe(true);
  sampler.dispose();
  rmSync(folder, { recursive: true });
});

onLinux('signals to all processes of a group leave those that generate to the one that asked', async () => {
  const sampler = new ParallelSampler(model, { eos: EOS, processes: 2 });
  const before = generating();
  const expected = await sampler.generate(PROMPTS, OPTIONS);
  const started = generating().filter((pid) => !before.includes(pid));
  for (const pid of started) for (const signal of ['SIGINT', 'SIGTERM']) process.kill(pid, signal);
  expect(await sampler.generate(PROMPTS, OPTIONS)).toEqual(expected);
  expect(generating().filter((pid) => !before.includes(pid))).toEqual(started);
  sampler.dispose();
});

onLinux('disposing ends what is being generated', async () => {
  const before = generating();
  const sampler = new ParallelSampler(model, { eos: EOS, processes: 2 });
  await sampler.generate(PROMPTS, OPTIONS);
  const pending = sampler.generate(PROMPTS, { ...OPTIONS, groupSize: 64, maxNewTokens: 400 });
  setTimeout(() => sampler.dispose(), 10);
  await expect(pending).rejects.toMatchObject({ code: 'DISPOSED' });
  await ended(generating().filter((pid) => !before.includes(pid)));
});

onLinux('no process outlives the sampler', async () => {
  const before = generating();
  const sampler = new ParallelSampler(model, { eos: EOS, processes: 2 });
  expect(generating()).toEqual(before);
  await sampler.generate(PROMPTS, OPTIONS);
  const started = generating().filter((pid) => !before.includes(pid));
  expect(started).toHaveLength(2);
  sampler.dispose();
  await ended(started);
});

/** Start a process that generates twice and prints a line each time. */
function generateTwice(processes: number): ChildProcessByStdio<null, Readable, null> {
  const script = fileURLToPath(new URL('generateTwice.ts', import.meta.url));
  const args = ['--import', 'tsx', script, `${processes}`];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

onLinux('a process that is killed is replaced where nothing else keeps the parent from exiting', async () => {
  const parent = generateTwice(1);
  let said = '';
  parent.stdout.on('data', (text) => {
    said += text;
  });
  await once(parent.stdout, 'data');
  for (const pid of generating(parent.pid)) process.kill(pid, 'SIGKILL');
  const [code] = await once(parent, 'close');
  expect([said, code]).toEqual(['2 completions\n128 completions\n', 0]);
});

onLinux.each(['end', 'SIGKILL'] as const)('no process outlives its parent: %s', async (how) => {
  const parent = generateTwice(2);
  await once(parent.stdout, 'data');
  const started = generating(parent.pid);
  expect(started).toHaveLength(2);
  if (how === 'SIGKILL') parent.kill(how);
  const [code, signal] = await once(parent, 'exit');
  expect([code, signal]).toEqual(how === 'end' ? [0, null] : [null, 'SIGKILL']);
  await ended(started);
});

describe('errors', () => {
  test.each([0, -1, 1.5, Number.NaN])('%f processes', (processes) => {
    expect(() => new ParallelSampler(model, { eos: EOS, processes })).toThrow(
      `${processes} processes cannot generate`,
    );
    expect(samplerOf(model, { eos: EOS, processes: 0 })).toBeInstanceOf(Sampler);
  });

  test('bad options are told before anything is started', async () => {
    const sampler = new ParallelSampler(model, { eos: EOS, processes: 1 });
    const nothing = sampler.generate(PROMPTS, { ...OPTIONS, maxNewTokens: 0 });
    await expect(nothing).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });

  test('what fails in a process is told as it is there', async () => {
    const elsewhere = {
      parameters: model.parameters,
      config: model.config,
      device: {
        info: { description: 'no such adapter' },
        options: {},
        read: (view: never) => device.read(view),
      },
    };
    const sampler = new ParallelSampler(elsewhere as never, { eos: EOS, processes: 1 });
    await expect(sampler.generate(PROMPTS, OPTIONS)).rejects.toMatchObject({
      code: 'ADAPTER_NOT_FOUND',
      message: expect.stringContaining("'no such adapter'"),
    });
  });

  test('a process that cannot start is given up, with its last words', async () => {
    vi.stubEnv('NODE_OPTIONS', '--require=/nowhere/to/be/found.cjs');
    const sampler = new ParallelSampler(model, { eos: EOS, processes: 1 });
    await expect(sampler.generate(PROMPTS, OPTIONS)).rejects.toMatchObject({
      code: 'PROCESS_ENDED',
      message: expect.stringMatching(/exit code 1.*found\.cjs/s),
      fix: expect.stringContaining('--generation_processes'),
    });
  });
});
