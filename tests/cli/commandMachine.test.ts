/** The parts of a command's machine. They are disposed of however the work ends. The GPU is a fake. */
import { availableParallelism } from 'node:os';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { openTunable, tunedKernels } from '../../src/cli/chooseKernels.ts';
import { deviceText, type MachineFlags, withMachine } from '../../src/cli/commandMachine.ts';
import { reportProfile } from '../../src/cli/profile.ts';
import { Device } from '../../src/gpu/device.ts';
import { modelConfig } from '../../src/model/config.ts';
import { Sampler } from '../../src/model/sampler.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';

vi.mock('../../src/cli/profile.ts');
vi.mock('../../src/cli/chooseKernels.ts');
vi.mock('../../src/model/sampler.ts');

const FLAGS: MachineFlags = { tune: 'auto', matmulPrecision: 'highest' };
const TUNED = { product: 'tuned' };
const MODELS = [modelConfig('tiny', { vocabSize: VOCAB_SIZE })];
const adapter = {};
const device = { destroy: vi.fn() };
const reporter = { line: vi.fn(), note: vi.fn(), bar: vi.fn() };
const open = vi.spyOn(Device, 'open');

beforeEach(() => {
  vi.clearAllMocks();
  const opened = { adapter, name: 'paper', kind: 'software', description: 'a GPU of paper' };
  vi.mocked(openTunable).mockResolvedValue(opened as Awaited<ReturnType<typeof openTunable>>);
  vi.mocked(tunedKernels).mockResolvedValue(TUNED);
  open.mockResolvedValue(device as object as Device);
});

const work = (flags: Partial<MachineFlags> = {}) =>
  withMachine({ ...FLAGS, ...flags }, reporter, MODELS, async () => 5);
/** The options that the device was opened with. */
const options = () => open.mock.calls.at(-1)?.[1];

describe('withMachine', () => {
  it('opens the adapter of the flags with the kernels that are tuned for the models, and frees it', async () => {
    expect(await work({ adapter: 'paper' })).toBe(5);
    expect(vi.mocked(openTunable).mock.calls).toEqual([['paper', expect.objectContaining(FLAGS)]]);
    expect(vi.mocked(tunedKernels).mock.calls[0]?.[1]).toBe(MODELS);
    expect(open.mock.calls[0]?.[0]).toBe(adapter);
    expect(options()).toEqual({
      debug: false,
      profile: false,
      matmulPrecision: 'highest',
      kernelChoices: TUNED,
    });
    expect(device.destroy).toHaveBeenCalledOnce();
    expect(reportProfile).not.toHaveBeenCalled();
  });

  it('takes the kernels of before on the adapter of before, and only there', async () => {
    const choices = { product: 'former' };
    await work({ earlierKernels: { adapter: 'a GPU of paper', choices } });
    expect(options()).toMatchObject({ kernelChoices: choices });
    expect(tunedKernels).not.toHaveBeenCalled();
    await work({ earlierKernels: { adapter: 'a GPU of stone', choices } });
    expect(options()).toMatchObject({ kernelChoices: TUNED });
  });

  it('notes that there are more threads than cores', async () => {
    const opened = { adapter, name: 'wasm', kind: 'wasm', description: 'WebAssembly SIMD' };
    for (const [threads, notes] of [
      [availableParallelism(), 0],
      [availableParallelism() + 1, 1],
    ] as const) {
      const wasm = { threads, relaxed: false };
      vi.mocked(openTunable).mockResolvedValue({ ...opened, wasm } as Awaited<
        ReturnType<typeof openTunable>
      >);
      await work({ adapter: 'wasm', threads });
      expect(reporter.note).toHaveBeenCalledTimes(notes);
    }
    expect(vi.mocked(openTunable).mock.calls.at(-1)?.[1]).toMatchObject({
      threads: availableParallelism() + 1,
    });
  });

  it('hands on the limit of memory, the precision and the search for NaN', async () => {
    await work({ memoryLimit: 1024, debug: true, matmulPrecision: 'medium' });
    expect(options()).toMatchObject({ memoryLimit: 1024, debug: true, matmulPrecision: 'medium' });
    await work();
    expect(options()).not.toHaveProperty('memoryLimit');
  });

  it('reports a profile after the work, where one was asked for', async () => {
    vi.mocked(reportProfile).mockImplementation(async (_, path, say) => {
      expect(device.destroy).not.toHaveBeenCalled();
      say(`trace: ${path}`);
    });
    await work({ profile: 'trace.json' });
    expect(options()).toMatchObject({ profile: true });
    expect(reporter.line.mock.calls).toEqual([['trace: trace.json']]);
  });

  it('makes samplers that end with it', async () => {
    const model = {} as Transformer;
    const made = await withMachine(FLAGS, reporter, MODELS, async (machine) => {
      expect(machine.adapter).toEqual({ name: 'paper', kind: 'software', description: 'a GPU of paper' });
      expect(machine.device).toBe(device);
      return [machine.sampler(model, 3), machine.sampler(model, 4)];
    });
    expect(made).toEqual(vi.mocked(Sampler).mock.instances);
    expect(vi.mocked(Sampler).mock.calls).toEqual([
      [model, { eos: 3 }],
      [model, { eos: 4 }],
    ]);
    for (const each of made) expect(each.dispose).toHaveBeenCalledOnce();
  });

  it('is freed where the work fails, and reports no profile then', async () => {
    const failing = withMachine({ ...FLAGS, profile: 'a' }, reporter, MODELS, async ({ sampler: make }) => {
      make({} as Transformer, 3);
      throw new Error('out of ideas');
    });
    await expect(failing).rejects.toThrow('out of ideas');
    expect(vi.mocked(Sampler).mock.instances[0]?.dispose).toHaveBeenCalledOnce();
    expect(device.destroy).toHaveBeenCalledOnce();
    expect(reportProfile).not.toHaveBeenCalled();
  });
});

describe('deviceText', () => {
  it('describes an adapter whose name says less', () => {
    expect(deviceText({ name: 'lavapipe', description: 'llvmpipe (256 bits)' })).toBe(
      'Device: lavapipe (llvmpipe (256 bits))',
    );
    expect(deviceText({ name: 'Acme', description: 'Acme' })).toBe('Device: Acme');
  });
});
