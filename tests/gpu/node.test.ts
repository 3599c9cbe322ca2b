/** Opening an adapter in Node: the order of choice, choosing by name, the reasons given, and a clean exit. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { adapterTraits } from '../../src/gpu/kernelChoices.ts';
import { listSystemAdapters, openAdapter } from '../../src/gpu/node.ts';

const module = JSON.stringify(pathToFileURL(join(process.cwd(), 'src/gpu/node.ts')).href);

/** Run TypeScript in a new Node process, whose environment determines the available Vulkan. */
async function inOtherProcess(script: string, env: Record<string, string> = {}, flags: string[] = []) {
  const args = [...flags, '--import', 'tsx', '--input-type=module', '-e', script];
  const { MATHFORMER_ADAPTER: _, ...inherited } = process.env;
  return promisify(execFile)(process.execPath, args, { env: { ...inherited, ...env }, timeout: 60_000 });
}

const REPORT = `import { openAdapter } from ${module};
  const { kind, name, rejected } = await openAdapter();
  console.log(JSON.stringify({ kind, name, rejected }));`;

const asked = process.env.MATHFORMER_ADAPTER;
afterEach(() => {
  if (asked === undefined) delete process.env.MATHFORMER_ADAPTER;
  else process.env.MATHFORMER_ADAPTER = asked;
});

describe('openAdapter', () => {
  it('opens the best adapter, tells of the others, and reopens it by its name', async () => {
    delete process.env.MATHFORMER_ADAPTER;
    const best = await openAdapter();
    expect(best.adapter.limits.maxComputeInvocationsPerWorkgroup).toBeGreaterThanOrEqual(128);
    const better = { hardware: 0, wasm: 1, software: 2 }[best.kind];
    expect(best.rejected.slice(0, better).map(({ name }) => name)).toEqual(['hardware'].slice(0, better));
    for (const { reason } of best.rejected) expect(reason.length).toBeGreaterThan(10);
    const again = await openAdapter({ name: best.name });
    expect([again.kind, again.description]).toEqual([best.kind, best.description]);
  });

  it('gives a fresh adapter each time, so that a lost device can be replaced', async () => {
    const [first, second] = [await openAdapter(), await openAdapter()];
    expect(second.adapter).not.toBe(first.adapter);
    expect([second.kind, second.name, second.description]).toEqual([
      first.kind,
      first.name,
      first.description,
    ]);
    const device = await first.adapter.requestDevice();
    device.destroy();
    expect((await device.lost).reason).toBe('destroyed');
    // An adapter makes one device only, so this one is not the first.
    const other = await second.adapter.requestDevice();
    expect(await Promise.race([other.lost, other.queue.onSubmittedWorkDone()])).toBeUndefined();
    other.destroy();
  });

  it('leaves out the notes on limits that Dawn would print, and nothing else', async () => {
    const { stderr } = await inOtherProcess(REPORT);
    expect(stderr).toBe('');
  });

  it("puts WebGPU's constants where a browser has them", async () => {
    await openAdapter();
    expect(GPUBufferUsage.STORAGE).toBe(0x80);
    expect(GPUMapMode.READ).toBe(1);
  });

  it('names the input and what there is when no adapter has the name', async () => {
    const system = await listSystemAdapters();
    await expect(openAdapter({ name: 'Voodoo 2' })).rejects.toMatchObject({
      name: 'AdapterError',
      code: 'ADAPTER_NOT_FOUND',
      where: '--adapter',
    });
    process.env.MATHFORMER_ADAPTER = 'Voodoo 2';
    const error = await openAdapter().catch((reason: Error) => reason);
    expect(error).toMatchObject({
      where: 'MATHFORMER_ADAPTER',
      message: expect.stringContaining("'Voodoo 2'"),
    });
    for (const { name } of system) expect(error).toMatchObject({ message: expect.stringContaining(name) });
  });

  it('keeps Dawn alive for what came from it, and lets the process exit', async () => {
    const system = (await listSystemAdapters()).some(({ name }) => /llvmpipe/.test(name));
    const names = system ? ['auto', 'lavapipe', 'auto'] : ['auto', 'auto'];
    // Without the first, Node crashes or hangs at exit once the collector has run.
    const script = `import { openAdapter } from ${module};
      const use = async (name) => {
        const device = await (await openAdapter({ name })).adapter.requestDevice();
        device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE });
        device.destroy();
      };
      for (const name of ${JSON.stringify(names)}) await use(name);
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 20));
      globalThis.gc();
      console.log('done');`;
    const { stdout } = await inOtherProcess(script, {}, ['--expose-gc']);
    expect(stdout).toBe('done\n');
  });
});

describe('the adapter wasm', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('opens by name and by the environment, and its number of threads does not show in what identifies kernels', async () => {
    const one = await openAdapter({ name: 'WASM', threads: 1 });
    process.env.MATHFORMER_ADAPTER = 'wasm';
    vi.stubEnv('MATHFORMER_THREADS', '3');
    const three = await openAdapter();
    expect([one.kind, one.name, one.wasm]).toEqual(['wasm', 'wasm', { threads: 1, relaxed: false }]);
    expect(three.wasm?.threads).toBe(3);
    expect(adapterTraits(three.adapter.info)).toEqual(adapterTraits(one.adapter.info));
    expect(await three.gpu.requestAdapter()).toBe(three.adapter);
    vi.stubEnv('MATHFORMER_THREADS', '');
    expect((await openAdapter()).wasm?.threads).toBe(availableParallelism());
  });

  it.each(['x', '0', '1.5', '1000'])('refuses %s threads from the environment', async (text) => {
    vi.stubEnv('MATHFORMER_THREADS', text);
    await expect(openAdapter({ name: 'wasm' })).rejects.toMatchObject({
      ...{ name: 'AdapterError', code: 'BAD_THREADS', where: 'MATHFORMER_THREADS' },
    });
  });

  it('says that it multiplies and adds with one rounding only where it does', async () => {
    const { wasm, description } = await openAdapter({ name: 'wasm', relaxed: true });
    expect(description.includes('relaxed')).toBe(wasm?.relaxed);
  });

  it('loads neither Dawn nor a driver', async () => {
    const script = `import { openAdapter } from ${module};
      const device = await (await openAdapter({ name: 'wasm' })).adapter.requestDevice();
      device.destroy();
      console.log(process.report.getReport().sharedObjects.filter((path) => /dawn|vulkan/i.test(path)).length);`;
    expect((await inOtherProcess(script)).stdout).toBe('0\n');
  });

  it('has a checking mode', async () => {
    const { kind, name, description } = await openAdapter({ name: 'wasm-checked' });
    expect([kind, name, description]).toEqual(['wasm', 'wasm-checked', 'WebAssembly SIMD, checked']);
    const lanes = await openAdapter({ name: 'wasm-checked-16' });
    expect(lanes.name).toBe('wasm-checked-16');
    expect(lanes.adapter.info).toMatchObject({ subgroupMinSize: 16, subgroupMaxSize: 16 });
    await expect(openAdapter({ name: 'wasm-checked-5' })).rejects.toMatchObject({
      code: 'ADAPTER_NOT_FOUND',
    });
  });
});

describe.runIf(process.platform === 'linux')('openAdapter without a driver', () => {
  let scratch: string;
  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'mathformer-test-'));
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  const explained = REPORT.replace('openAdapter()', 'openAdapter({ explain: true })');

  it("opens wasm, and gives Dawn's reasons for the driver that it refused", async () => {
    const { stdout } = await inOtherProcess(explained, { VK_DRIVER_FILES: '/no/such.json' });
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ kind: 'wasm', name: 'wasm', rejected: [{ name: 'hardware' }] });
    expect(report.rejected[0].reason).toMatch(/Found no drivers|no Vulkan loader/);
  });

  it('needs no Vulkan loader in the system', async () => {
    // An empty library earlier on the path makes the dynamic linker fail, as if there were none.
    writeFileSync(join(scratch, 'libvulkan.so.1'), '');
    const { stdout } = await inOtherProcess(explained, { LD_LIBRARY_PATH: scratch });
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'wasm',
      rejected: [{ reason: expect.stringMatching(/no Vulkan loader in the system: .*file too short/) }],
    });
  });
});
