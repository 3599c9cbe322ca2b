/** The doctor's report on fake adapters. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { examine, format } from '../../../src/cli/commands/doctor.ts';
import type { WasmTraits } from '../../../src/gpu/adapters/wasm/index.ts';
import { AdapterError, type AdapterKind, listSystemAdapters, openAdapter } from '../../../src/gpu/node.ts';
import { run } from '../inProcess.ts';

vi.mock('../../../src/gpu/node.ts', async (original) => ({
  ...(await original<object>()),
  openAdapter: vi.fn(),
  listSystemAdapters: vi.fn(),
}));

/** A fake adapter. A dispatch squares integers, and adds `error`. */
interface Paper {
  readonly kind: AdapterKind;
  readonly features: readonly string[];
  readonly subgroupMinSize: number | undefined;
  readonly error: number;
  readonly wasm?: WasmTraits;
}

let destroyed = 0;

function adapter({ features, subgroupMinSize, error }: Paper) {
  const squares = Uint32Array.from({ length: 64 }, (_, i) => i * i + (i === 63 ? error : 0));
  const device = {
    createShaderModule: ({ code }: { code: string }) => ({ code }),
    createComputePipelineAsync: async () => ({ getBindGroupLayout: () => ({}) }),
    createBuffer: (description: object) => ({
      ...description,
      mapAsync: async () => {},
      getMappedRange: () => squares.buffer,
    }),
    createBindGroup: () => ({}),
    createCommandEncoder: () => ({
      beginComputePass: () => ({ setPipeline() {}, setBindGroup() {}, dispatchWorkgroups() {}, end() {} }),
      copyBufferToBuffer() {},
      finish: () => ({}),
    }),
    queue: { submit() {} },
    destroy: () => void destroyed++,
  };
  const info = {
    vendor: 'acme',
    architecture: 'v1',
    device: 'acme-gpu--2',
    subgroupMinSize,
    subgroupMaxSize: 64,
  };
  const limits = { maxBufferSize: 1024, maxTextureDimension1D: 7 };
  return { info, features: new Set(features), limits, requestDevice: async () => device };
}

function given(
  differences: Partial<Paper> = {},
  system = [
    { backend: 'metal', name: 'Other' },
    { backend: 'd3d12', name: 'Acme GPU #2' },
  ],
) {
  const paper: Paper = {
    kind: 'hardware',
    features: ['subgroups', 'shader-f16'],
    subgroupMinSize: 32,
    error: 0,
    ...differences,
  };
  const opened = {
    gpu: {},
    adapter: adapter(paper),
    kind: paper.kind,
    wasm: paper.wasm,
    name: 'hardware',
    description: 'Acme 2',
    rejected: [{ name: 'lavapipe', reason: 'slower' }],
  };
  vi.mocked(openAdapter).mockResolvedValue(opened as object as Awaited<ReturnType<typeof openAdapter>>);
  vi.mocked(listSystemAdapters).mockResolvedValue(system);
}

beforeEach(() => {
  destroyed = 0;
  vi.stubEnv('MATHFORMER_ADAPTER', '');
  vi.stubGlobal('GPUBufferUsage', { STORAGE: 1, COPY_SRC: 2, MAP_READ: 4, COPY_DST: 8 });
  vi.stubGlobal('GPUMapMode', { READ: 1 });
  given();
});

describe('the report', () => {
  it('tells what was opened, what it can do, and that it computes', async () => {
    expect(await examine()).toMatchObject({
      ...{ usable: true, node: process.version, error: null, systemAdapters: ['Other', 'Acme GPU #2'] },
      adapter: {
        ...{ name: 'hardware', kind: 'hardware', backend: 'd3d12', description: 'Acme 2', vendor: 'acme' },
        ...{ features: ['shader-f16', 'subgroups'], subgroupSizes: { min: 32, max: 64 }, computes: true },
        limits: expect.objectContaining({ maxBufferSize: 1024 }),
      },
      ...{
        rejected: [{ name: 'lavapipe', reason: 'slower' }],
        advice: [],
        why: 'a hardware GPU is the fastest there is',
      },
    });
    expect(destroyed).toBe(1);
    expect(vi.mocked(openAdapter).mock.calls.at(-1)).toEqual([{ explain: true }]);
    const { platform, cpu, adapter: found } = await examine();
    expect(platform).toBe(`${process.platform}-${process.arch}`);
    expect(cpu).toEqual({ model: expect.any(String), cores: expect.any(Number) });
    expect(found?.openMilliseconds).toBeLessThan(60_000);
  });

  it('is of no use where a number comes out wrong', async () => {
    given({ error: 1 });
    expect(await examine()).toMatchObject({ usable: false, adapter: { computes: false }, error: null });
    expect(destroyed).toBe(1);
  });

  it('knows subgroups only where there are any', async () => {
    given({ features: ['shader-f16'] });
    expect((await examine()).adapter?.subgroupSizes).toBeNull();
    given({ subgroupMinSize: undefined });
    expect((await examine()).adapter?.subgroupSizes).toBeNull();
  });

  it.each([
    ['wasm', [], 'webassembly'],
    ['software', [{ backend: 'metal', name: 'Other' }], 'metal'],
    ['software', [], 'unknown'],
  ] as const)('names the backend of a driver that is %s beside %j', async (kind, system, backend) => {
    given({ kind }, [...system]);
    expect((await examine()).adapter?.backend).toBe(backend);
  });

  it.each([
    ['software', undefined, '', /^Acme 2 was asked for$/],
    ['wasm', undefined, '', /^no hardware GPU can be used/],
    ['wasm', undefined, 'wasm', /^asked for by MATHFORMER_ADAPTER wasm$/],
    ['software', 'lavapipe', 'wasm', /^asked for by --adapter lavapipe$/],
  ] as const)('says why it is %s', async (kind, name, environment, why) => {
    given({ kind });
    vi.stubEnv('MATHFORMER_ADAPTER', environment);
    expect((await examine({ adapter: name })).why).toMatch(why);
    expect(vi.mocked(openAdapter).mock.calls.at(-1)?.[0]?.name).toBe(name);
  });

  it('tells an adapter that is not there from drivers that do not work', async () => {
    const refuse = (code: 'ADAPTER_NOT_FOUND' | 'NO_ADAPTER') =>
      vi.mocked(openAdapter).mockRejectedValue(new AdapterError(code, 'there is none', 'gpu', 'buy one'));
    refuse('ADAPTER_NOT_FOUND');
    expect(await examine({ adapter: 'x' })).toMatchObject({
      usable: false,
      adapter: null,
      error: { message: 'there is none', fix: 'buy one' },
      advice: [],
    });
    expect(await examine({ adapter: 'x' })).toMatchObject({ systemAdapters: [], rejected: [] });
    refuse('NO_ADAPTER');
    expect((await examine()).why).toBe('no adapter can be used');
    vi.mocked(openAdapter).mockRejectedValue(new TypeError('a fault'));
    await expect(examine()).rejects.toThrow('a fault');
  });
});

describe('the text', () => {
  it('is one line for each thing', async () => {
    const report = await examine();
    const lines = format({ ...report, advice: ['sudo luck'] }).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'Adapter   hardware (hardware, d3d12): Acme 2',
        'Why       a hardware GPU is the fastest there is',
        'Subgroups 32 to 64 wide',
        'Features  shader-f16, subgroups',
        expect.stringMatching(/^ {2}maxBufferSize +1024$/),
        'System    Other, Acme GPU #2',
        'Not used  lavapipe: slower',
      ]),
    );
    expect(lines[0]).toMatch(/^Node {6}v\d.*, webgpu \(Dawn\) \d/);
    expect(lines.join('\n')).toMatch(/opened in \d+ ms; computes correctly$/m);
    expect(lines.slice(-3)).toEqual(['', 'Faster:', '  sudo luck']);
  });

  it('tells what the adapter wasm computes with, and takes its flags', async () => {
    given({ kind: 'wasm', wasm: { threads: 300, relaxed: false } });
    const report = await examine({ adapter: 'wasm', threads: 300 });
    expect(vi.mocked(openAdapter).mock.calls.at(-1)?.[0]).toMatchObject({ name: 'wasm', threads: 300 });
    expect(report.adapter).toMatchObject({
      backend: 'webassembly',
      wasm: { threads: 300, sharedMemory: true },
    });
    expect(report.why).toBe('asked for by --adapter wasm');
    expect(format(report)).toMatch(
      /^Threads {3}300 on \d+ cores, more than are of use; shared memory; SIMD; relaxed/m,
    );
  });

  it('leaves out what there is not', async () => {
    given({ features: [], error: 1 }, []);
    const text = format({ ...(await examine()), rejected: [] });
    expect(text).toMatch(/COMPUTES WRONG NUMBERS$/m);
    expect(text).toMatch(/^Subgroups none$/m);
    expect(text).not.toMatch(/System|Not used|Faster|Error/);
    vi.mocked(openAdapter).mockRejectedValue(
      new AdapterError('ADAPTER_NOT_FOUND', 'none', '--adapter', 'buy one'),
    );
    const failed = format(await examine({ adapter: 'x' }));
    expect(failed).toMatch(/^Error {5}ADAPTER_NOT_FOUND \(--adapter\): none\nFix {7}buy one$/m);
    expect(failed).not.toMatch(/Adapter|Subgroups|Limits/);
  });
});

describe('the command', () => {
  it('exits with 0 where the adapter computes and with 1 where it does not', async () => {
    const { code, stdout } = await run('doctor', '--json');
    expect([code, JSON.parse(stdout).usable]).toEqual([0, true]);
    given({ error: 1 });
    const broken = await run('doctor', '--adapter', 'hardware');
    expect(broken.code).toBe(1);
    expect(broken.stdout).toMatch(/^Node {6}/);
    expect(vi.mocked(openAdapter).mock.calls.at(-1)?.[0]).toMatchObject({ explain: true, name: 'hardware' });
  });
});
