/** Threads: no result depends on them, a failure is a loss and never a hang, and processes end. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { CompiledKernel } from '../../../../src/gpu/adapters/wasm/abi.ts';
import { WasmAdapter } from '../../../../src/gpu/adapters/wasm/adapter.ts';
import { WasmDevice } from '../../../../src/gpu/adapters/wasm/device.ts';
import { encodeModule } from '../../../../src/gpu/adapters/wasm/emit/assembler.ts';
import { ByteWriter } from '../../../../src/gpu/adapters/wasm/emit/bytes.ts';
import { openWasm } from '../../../../src/gpu/adapters/wasm/index.ts';
import { startNodeThread } from '../../../../src/gpu/adapters/wasm/nodeThread.ts';
import type { StartThread, ThreadEvents } from '../../../../src/gpu/adapters/wasm/thread.ts';
import { openThreads } from '../../../../src/gpu/adapters/wasm/threads.ts';
import { checkShader } from '../../../../src/gpu/adapters/wasm/wgsl/index.ts';
import { pipelineOf, read, threaded } from './gpuDevices.ts';

const STORAGE: GPUBindGroupLayoutEntry = { binding: 0, visibility: 4, buffer: { type: 'storage' } };
/** Adds 1 to 3 elements of each workgroup, with a barrier. */
const COUNT = /* wgsl */ `
  @group(0) @binding(0) var<storage, read_write> counts: array<u32>;
  var<workgroup> before: array<u32, 3>;
  @compute @workgroup_size(3)
  fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) i: u32) {
    before[i] = counts[3u * group.x + i];
    workgroupBarrier();
    counts[3u * group.x + (i + 1u) % 3u] = before[(i + 1u) % 3u] + 1u;
  }`;
/** Sums a different number of terms in each invocation. */
const SUMS = /* wgsl */ `
  @group(0) @binding(0) var<storage, read_write> sums: array<f32>;
  @compute @workgroup_size(8) fn main(@builtin(global_invocation_id) id: vec3u) {
    var sum = sums[id.x];
    for (var i = 1u; i < id.x % 97u + 3u; i++) { sum = sum * 0.75f + 1.0f / f32(i + id.x); }
    sums[id.x] = sum;
  }`;

/** Return a function that submits a number of dispatches of a shader on one buffer, and the buffer. */
function dispatcher(device: GPUDevice, code: string, words: number) {
  const { layout, pipeline } = pipelineOf(device, code, [STORAGE]);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
  const buffer = device.createBuffer({ size: 4 * words, usage });
  const group = device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] });
  const submit = (dispatches: number, workgroups: number): void => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < dispatches; i++) pass.dispatchWorkgroups(workgroups);
    pass.end();
    device.queue.submit([encoder.finish()]);
  };
  return { buffer, submit };
}

describe('results', () => {
  it('have the same bits with 1, 2, 4 and no threads', async () => {
    const results: Uint32Array[] = [];
    for (const adapter of [threaded(1), threaded(2), threaded(4), openWasm({ threads: 1 }).adapter]) {
      const device = await adapter.requestDevice();
      const { buffer, submit } = dispatcher(device, SUMS, 8000);
      for (let i = 0; i < 3; i++) submit(2, 1000);
      results.push(await read(device, buffer));
      device.destroy();
    }
    const [first = new Uint32Array()] = results;
    expect(new Set(first).size).toBeGreaterThan(7000);
    for (const result of results) expect(result.every((bits, i) => bits === first[i])).toBe(true);
  });

  it('of a dispatch are there before the next begins, with more threads than cores too', async () => {
    const device = await threaded(6).requestDevice();
    const { buffer, submit } = dispatcher(device, COUNT, 3 * 40);
    for (let i = 0; i < 20; i++) submit(100, 40);
    expect([...new Set(await read(device, buffer))]).toEqual([2000]);
    device.destroy();
  });

  it('are right after the memory has grown, and kernels that come later find it', async () => {
    const device = await threaded(2).requestDevice();
    for (let i = 1; i <= 4; i++) {
      const { buffer, submit } = dispatcher(device, `${COUNT} // ${i}`, 100 * 2 ** 18);
      submit(i, 10);
      const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
      const end = device.createBuffer({ size: 120, usage });
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, 0, end, 0, 120);
      device.queue.submit([encoder.finish()]);
      await end.mapAsync(GPUMapMode.READ);
      expect([...new Set(new Uint32Array(end.getMappedRange()))]).toEqual([i]);
    }
    device.destroy();
  });
});

it('the memory of programs is used again', async () => {
  const device = await threaded(2).requestDevice();
  if (!(device instanceof WasmDevice)) throw new Error('another device');
  const { buffer, submit } = dispatcher(device, COUNT, 120);
  const used: number[] = [];
  for (let round = 0; round < 30; round++) {
    for (let i = 0; i < 20; i++) submit(50, 40);
    await read(device, buffer);
    used.push(device.usedBytes);
  }
  // A program of 50 dispatches takes 6 KB: without the reuse there would be 600 of them.
  expect(Math.max(...used) - Math.min(...used)).toBeLessThan(100 * 6144);
  device.destroy();
});

/** Return an adapter whose kernels all have this code. */
function withCode(code: readonly number[], startThread: StartThread = startNodeThread): WasmAdapter {
  const body = new ByteWriter();
  body.bytes(code);
  const run = {
    parameters: ['i32', 'i32', 'i32', 'i32'],
    result: undefined,
    locals: [],
    code: body,
  } as const;
  const exported = { name: 'run', number: 0 };
  const wasm = encodeModule({ functions: [run], exported, sharedMemory: true });
  const compile = (): CompiledKernel => ({ wasm, bindings: [0], scratchBytes: 0 });
  return new WasmAdapter({
    ...{ traits: [], subgroupSize: 0, sharedMemory: true, checkShader },
    openExecutor: openThreads({ threads: 2, startThread, compile }),
  });
}

const UNREACHABLE = [0x00];
/** `loop br 0 end`. */
const FOREVER = [0x03, 0x40, 0x0c, 0x00, 0x0b];

describe('a device is lost', () => {
  it('if a kernel traps: the message names it', async () => {
    const device = await withCode(UNREACHABLE).requestDevice();
    const module = device.createShaderModule({ code: COUNT });
    const pipeline = device.createComputePipeline({ label: 'bad one', layout: 'auto', compute: { module } });
    const buffer = device.createBuffer({ size: 120, usage: GPUBufferUsage.STORAGE });
    const layout = pipeline.getBindGroupLayout(0);
    const group = device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] });
    const encoder = device.createCommandEncoder();
    encoder.clearBuffer(device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_DST }));
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(10);
    pass.end();
    device.queue.submit([encoder.finish()]);
    const staging = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ });
    await device.queue.onSubmittedWorkDone();
    expect(await device.lost).toMatchObject({
      reason: 'unknown',
      message: expect.stringMatching(/kernel 'bad one' failed: .*unreachable/),
    });
    await expect(staging.mapAsync(GPUMapMode.READ)).rejects.toBeDefined();
  });

  it('if a thread ends', async () => {
    const events: ThreadEvents[] = [];
    const startThread: StartThread = (each) => {
      events.push(each);
      return startNodeThread(each);
    };
    const device = await openWasm({ threads: 2, startThread }).adapter.requestDevice();
    const { submit } = dispatcher(device, COUNT, 120);
    submit(10, 40);
    events[1]?.failed('a thread ended with exit code 1');
    await device.queue.onSubmittedWorkDone();
    expect(await device.lost).toMatchObject({ reason: 'unknown', message: /exit code 1/ });
  });

  it('by destroy, also while a kernel runs that never ends', async () => {
    const device = await withCode(FOREVER).requestDevice();
    const { buffer, submit } = dispatcher(device, COUNT, 120);
    submit(1, 40);
    const result = read(device, buffer);
    device.destroy();
    expect(await device.lost).toMatchObject({ reason: 'destroyed' });
    await expect(result).rejects.toMatchObject({ name: 'AbortError' });
  });
});

it('where no thread starts, the calling thread computes', async () => {
  const failures: readonly StartThread[] = [
    () => {
      throw new Error('no workers here');
    },
    ({ failed }) => {
      queueMicrotask(() => failed('a policy forbids it'));
      return { post: () => {}, keepAlive: () => {}, end: () => {} };
    },
  ];
  for (const startThread of failures) {
    const device = await openWasm({ threads: 2, startThread }).adapter.requestDevice();
    const { buffer, submit } = dispatcher(device, COUNT, 120);
    submit(7, 40);
    expect([...new Set(await read(device, buffer))]).toEqual([7]);
    device.destroy();
  }
});

describe('a process', () => {
  const source = (path: string): string =>
    JSON.stringify(new URL(`../../../../src/${path}`, import.meta.url).href);
  /** Imports, and a device that multiplied. */
  const USE = `
    const { openDevice, Tensor, mul } = await load(${source('index.node.ts')});
    const device = await openDevice({ adapter: 'wasm', threads: 2 });
    const [value] = await mul(Tensor.from(device, [3]), 2).data();
    console.log('value', value);`;
  const run = (script: string) => {
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
    return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 120_000 });
  };

  it.each([
    ['ends by itself while a device is idle', ''],
    ['ends by itself after destroy', 'device.destroy();'],
    [
      'stays alive for submitted work, and for that alone',
      'mul(Tensor.from(device, [3]), 2).data().then(() => console.log("done"));',
    ],
  ])('%s', (_, end) => {
    const { status, stdout, stderr } = run(`const load = (path) => import(path);${USE}${end}`);
    expect(stderr).toBe('');
    expect([status, stdout]).toEqual([0, end.includes('done') ? 'value 6\ndone\n' : 'value 6\n']);
  });

  it('can use it in a worker thread', () => {
    const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
    const inside = `import(${loader}).then(async ({ tsImport }) => {
      const load = (path) => tsImport(path, ${loader});${USE}
    });`;
    const script = `import { Worker } from 'node:worker_threads';
      new Worker(${JSON.stringify(inside)}, { eval: true, execArgv: [] });`;
    const { status, stdout, stderr } = run(script);
    expect(stderr).toBe('');
    expect([status, stdout]).toEqual([0, 'value 6\n']);
  });
});
