/** Kernels are tuned when they should be; saved choices; the output of `tune`. The GPU and the timings are fakes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openTunable, type TuningFlags, tunedKernels } from '../../../src/cli/chooseKernels.ts';
import { Device } from '../../../src/gpu/device.ts';
import { type AdapterKind, openAdapter } from '../../../src/gpu/node.ts';
import { type TuningResult, tune } from '../../../src/gpu/tuning.ts';
import { modelConfig } from '../../../src/model/config.ts';
import { readTunedKernels } from '../../../src/runs/tunedKernels.ts';
import { VOCAB_SIZE } from '../../../src/tasks/arithmetic/tokenizer.ts';
import { run } from '../inProcess.ts';
// Loaded before the tests, so that mutants of its tables are active in all of them.
import '../../../src/cli/commands/tune.ts';

vi.mock('../../../src/gpu/node.ts', async (original) => ({
  ...(await original<object>()),
  openAdapter: vi.fn(),
}));
vi.mock('../../../src/gpu/tuning.ts', async (original) => ({ ...(await original<object>()), tune: vi.fn() }));

const RESULTS: TuningResult[] = [
  {
    ...{ key: 'product a', untuned: 'portable', chosen: 'tile', source: 'aaaa' },
    candidates: [
      { variant: 'portable', result: 1 },
      { variant: 'tile', result: 0.5 },
      { variant: 'matrix', result: 'wrong' },
    ],
  },
  {
    ...{ key: 'product b', untuned: 'portable', chosen: 'portable', source: 'bbbb' },
    candidates: [
      { variant: 'portable', result: 0.9 },
      { variant: 'tile', result: 1.5 },
      { variant: 'thread', result: 1.25 },
    ],
  },
  {
    ...{ key: 'product c', untuned: 'portable', chosen: 'portable', source: 'cccc' },
    candidates: [{ variant: 'portable', result: 1 }],
  },
];
const CHOICES = {
  'product a': { variant: 'tile', source: 'aaaa' },
  'product b': { variant: 'portable', source: 'bbbb' },
  'product c': { variant: 'portable', source: 'cccc' },
};

const device = { destroy: vi.fn() };
const bar = { update: vi.fn(), stop: vi.fn() };
const notes: string[] = [];
const reporter = { note: (text: string) => void notes.push(text), bar: vi.fn(() => bar) };
const open = vi.spyOn(Device, 'open');

let cache: string;
beforeEach(() => {
  vi.clearAllMocks();
  notes.length = 0;
  cache = mkdtempSync(join(tmpdir(), 'mathformer-tune-'));
  vi.stubEnv('XDG_CACHE_HOME', cache);
  found('hardware');
  open.mockResolvedValue(device as object as Device);
  vi.mocked(tune).mockImplementation(async (_, __, options) => {
    for (const i of RESULTS.keys()) options?.progress?.(i + 1, RESULTS.length);
    return RESULTS;
  });
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

/** The adapter that is opened is of this kind. */
function found(kind: AdapterKind) {
  const adapter = { info: { vendor: 'acme', description: 'Acme' }, features: new Set() };
  const opened = { gpu: {}, adapter, kind, name: 'acme', description: 'Acme 2', rejected: [] };
  vi.mocked(openAdapter).mockResolvedValue(opened as object as Awaited<ReturnType<typeof openAdapter>>);
}

const FLAGS: TuningFlags = { tune: 'auto', matmulPrecision: 'highest' };
const TINY = modelConfig('tiny', { vocabSize: VOCAB_SIZE });
const kernels = async (flags: Partial<TuningFlags> = {}, models = [TINY]) =>
  tunedKernels(await openTunable(undefined, FLAGS), models, { ...FLAGS, ...flags }, reporter);

describe('openTunable', () => {
  const askedFor = async (...of: Parameters<typeof openTunable>) => {
    await openTunable(...of);
    return vi.mocked(openAdapter).mock.calls.at(-1)?.[0];
  };

  it('asks for matrix units where products may round, and for exact times where there is a profile', async () => {
    expect(await askedFor(undefined, FLAGS)).toEqual({ matrixUnits: false, disableToggles: [] });
    expect(await askedFor('acme', { matmulPrecision: 'medium' })).toMatchObject({
      name: 'acme',
      matrixUnits: true,
    });
    expect(await askedFor('acme', { ...FLAGS, profile: 'a.json' })).toMatchObject({
      disableToggles: ['timestamp_quantization'],
    });
  });
});

describe('tunedKernels', () => {
  it('measures on a GPU once for each model, and keeps the choices', async () => {
    expect(await kernels()).toEqual(CHOICES);
    expect(notes).toEqual([expect.stringMatching(/^Measuring which kernels are the fastest/)]);
    expect(vi.mocked(openAdapter).mock.calls.at(-1)?.[0]?.name).toBe('acme');
    const cases = vi.mocked(tune).mock.calls[0]?.[1] ?? [];
    expect(reporter.bar.mock.calls).toEqual([['Tuning', cases.length]]);
    expect([bar.update.mock.calls, bar.stop.mock.calls.length]).toEqual([[[1], [2], [3]], 1]);
    expect(device.destroy).toHaveBeenCalledOnce();
    expect(await kernels()).toEqual(CHOICES);
    expect(tune).toHaveBeenCalledTimes(1);
    // A model without biases has other products, also of the same size.
    await kernels({}, [TINY, modelConfig('tiny', { shape: 'mpt', vocabSize: VOCAB_SIZE })]);
    expect(tune).toHaveBeenCalledTimes(2);
    expect(vi.mocked(tune).mock.calls[1]?.[1]).toHaveLength(cases.length);
    expect(await kernels({}, [modelConfig('tiny', { shape: 'mpt', vocabSize: VOCAB_SIZE }), TINY])).toEqual(
      CHOICES,
    );
    expect(tune).toHaveBeenCalledTimes(2);
  });

  it('measures again where that is asked for, and keeps precisions apart', async () => {
    await kernels();
    await kernels({ tune: 'always' });
    expect(tune).toHaveBeenCalledTimes(2);
    await kernels({ matmulPrecision: 'medium' });
    expect(tune).toHaveBeenCalledTimes(3);
    expect(open.mock.calls.map(([, options]) => options?.matmulPrecision)).toEqual([
      'highest',
      'highest',
      'medium',
    ]);
  });

  it.each([
    ['software', 'auto', 0],
    ['wasm', 'auto', 0],
    ['hardware', 'never', 0],
    ['software', 'always', 1],
  ] as const)('on an adapter that is %s, with --tune %s, measures %d times', async (kind, when, times) => {
    found(kind);
    await kernels({ tune: when });
    expect(tune).toHaveBeenCalledTimes(times);
    expect(notes).toHaveLength(times);
  });

  it('has nothing to measure without a model', async () => {
    expect(await kernels({ tune: 'always' }, [])).toEqual({});
    expect(tune).not.toHaveBeenCalled();
  });

  it('goes on with what there is where measuring fails', async () => {
    await kernels();
    for (const error of [new Error('the driver died'), 'the driver died']) {
      vi.mocked(tune).mockRejectedValue(error);
      expect(await kernels({ tune: 'always' })).toEqual(CHOICES);
      expect(notes.at(-1)).toBe('Going on without: the driver died');
    }
    expect([bar.stop.mock.calls.length, device.destroy.mock.calls.length]).toEqual([3, 3]);
  });
});

describe('tune', () => {
  const models = () => vi.mocked(tune).mock.calls.at(-1)?.[1].length ?? 0;

  it('says what is the fastest, what it gained, and what failed', async () => {
    const { code, stdout } = await run('tune');
    expect(code).toBe(0);
    const [first, ...lines] = stdout.trimEnd().split('\n');
    expect(first).toBe('Device: acme (Acme 2)');
    expect(lines.slice(0, 3)).toEqual([
      'product a: tile, 2.00 times as fast as portable; matrix is wrong',
      'product b: portable (thread takes 1.25 of its time)',
      'product c: portable',
    ]);
    const path = /^Saved to (.*)$/.exec(lines[3] ?? '')?.[1] ?? '';
    expect(path.startsWith(cache)).toBe(true);
    expect(readTunedKernels(path).choices).toEqual(CHOICES);
    expect(readTunedKernels(path).models).toEqual([
      expect.stringMatching(/^2 layers, 32 dim/),
      expect.stringMatching(/^4 layers, 64 dim/),
    ]);
  });

  it('prints the results as one document, and takes the models that the flags say', async () => {
    const { stdout } = await run('tune', '--json', '--modelsize', 'tiny', '--adapter', 'acme');
    expect(JSON.parse(stdout)).toMatchObject({ adapter: 'Acme 2', results: RESULTS });
    expect(vi.mocked(openAdapter).mock.calls[0]?.[0]?.name).toBe('acme');
    const tiny = models();
    await run('tune');
    expect(models()).toBeGreaterThan(tiny);
    await run('tune', '--modelsize', 'tiny', '--num_experts', '4', '--active_experts', '2');
    expect(models()).not.toBe(tiny);
  });

  it('exits with 1 where measuring fails', async () => {
    vi.mocked(tune).mockRejectedValue(new Error('the driver died'));
    const { code, stderr } = await run('tune');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^error: the driver died/)]);
  });
});
