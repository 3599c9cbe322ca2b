/** Kernels are compiled once and together, in the background; what needs them waits, in order; no submission takes long. */
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { AdapterClass } from '../../src/gpu/adapterClass.ts';
import type { BufferView } from '../../src/gpu/buffers.ts';
import { Device } from '../../src/gpu/device.ts';
import { defineKernel, type Kernel } from '../../src/gpu/kernel.ts';
import { openDevice, randomCases } from '../device.ts';
import { openLimitedAdapter } from '../limitedAdapter.ts';

const COUNT = 16;

/** Return a new kernel each time: y = y·factor + x + c. */
function newKernel(c: number, flops?: number) {
  return defineKernel({
    name: `accumulate ${c}`,
    params: { factor: 'f32' },
    reads: { x: 'array<f32>' },
    writes: { y: 'array<f32>' },
    code: `@compute @workgroup_size(${COUNT}) fn main(@builtin(local_invocation_index) i: u32) { y[i] = y[i] * params.factor + x[i] + ${c}.0; }`,
    ...(flops !== undefined && { flops: () => flops }),
  });
}
const invalid = defineKernel({
  ...{ name: 'misspelt kernel', params: {}, reads: {}, writes: { y: 'array<f32>' } },
  code: '@compute @workgroup_size(1) fn main() { y[0] = undeclared_value; }',
});

const devices: Device[] = [];
afterEach(() => {
  for (const device of devices.splice(0)) device.destroy();
});

/** The work of a device's compiler. */
interface Compiler {
  /** Labels of kernels compiled while the caller waited, and in the background. */
  readonly now: string[];
  readonly ahead: string[];
  /** Most kernels in the compiler at once. */
  most: number;
}

/** Open a device that says it is a GPU, and compiles in the background for some turns of the event loop. */
async function slowDevice(turns: () => number = () => 3): Promise<{ device: Device; compiler: Compiler }> {
  const compiler: Compiler = { now: [], ahead: [], most: 0 };
  let current = 0;
  const onDevice = (gpu: GPUDevice): void => {
    const [now, ahead] = [gpu.createComputePipeline.bind(gpu), gpu.createComputePipelineAsync.bind(gpu)];
    gpu.createComputePipeline = (descriptor) => {
      compiler.now.push(descriptor.label ?? '');
      return now(descriptor);
    };
    gpu.createComputePipelineAsync = async (descriptor) => {
      compiler.ahead.push(descriptor.label ?? '');
      current += 1;
      compiler.most = Math.max(compiler.most, current);
      try {
        for (let i = turns(); i > 0; i--) await new Promise((resolve) => setImmediate(resolve));
        return await ahead(descriptor);
      } finally {
        current -= 1;
      }
    };
  };
  const device = await Device.open(await openLimitedAdapter({ name: 'wasm', threads: 1 }, { onDevice }));
  devices.push(device);
  return { device, compiler };
}

function upload(device: Device, values: readonly number[]): BufferView {
  const view = device.allocate(COUNT * 4);
  device.upload(
    view,
    Float32Array.from({ length: COUNT }, (_, i) => values[i % values.length] ?? 0),
  );
  return view;
}
const first = async (device: Device, view: BufferView): Promise<number> =>
  new Float32Array(await device.read(view))[0] ?? Number.NaN;

describe('a device of a GPU', () => {
  test('compiles the kernels of everything up to a read together, and each once', async () => {
    const { device, compiler } = await slowDevice();
    using _ = device.scope();
    const [x, y] = [upload(device, [1]), upload(device, [0])];
    const kernels = Array.from({ length: 8 }, (_unused, i) => newKernel(i));
    for (const kernel of kernels) device.launch(kernel, { x, y }, { factor: 1 }, [1]);
    using recording = device.record(() => {
      for (const kernel of [...kernels, newKernel(100)]) device.launch(kernel, { x, y }, { factor: 1 }, [1]);
    });
    recording.replay();
    recording.replay();
    expect(await first(device, y)).toBe(3 * (8 + 28) + 2 * 101);
    expect(compiler.now).toEqual([]);
    expect(compiler.ahead).toHaveLength(9);
    expect(compiler.most).toBe(9);
    expect(device.counters().pipelines).toBe(9);
  });

  test('that is lost while it compiles reports no invalid kernel, and leaves no promise that nobody catches', async () => {
    const dropped = (): Promise<never> => Promise.reject(new DOMException('Instance dropped'));
    const onDevice = (gpu: GPUDevice): void => {
      gpu.popErrorScope = dropped;
      gpu.createComputePipelineAsync = dropped;
    };
    const device = await Device.open(await openLimitedAdapter({ name: 'wasm', threads: 1 }, { onDevice }));
    devices.push(device);
    expect(await device.compile(newKernel(0))).toBeUndefined();
    device.allocate(16);
    await new Promise((resolve) => setImmediate(resolve));
  });

  test('runs commands in order, whenever their kernels are ready', async () => {
    const step = fc.record({
      kernel: fc.nat({ max: 5 }),
      what: fc.constantFrom('launch', 'replay', 'upload', 'large', 'copy', 'clear', 'flush', 'trim', 'read'),
      value: fc.integer({ min: -3, max: 3 }),
    });
    const delays = fc.infiniteStream(fc.nat({ max: 4 }));
    let delay = (): number => 0;
    const { device: slow } = await slowDevice(() => delay());
    const plain = await openDevice();
    devices.push(plain);
    const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), delays, async (steps, turns) => {
      delay = () => turns.next().value ?? 0;
      const results = [];
      for (const device of [slow, plain]) {
        using _ = device.scope();
        const kernels = Array.from({ length: 6 }, (_unused, i) => newKernel(i));
        const [x, y, z] = [upload(device, [1, 2]), upload(device, [3]), device.allocate(1 << 17)];
        const read: number[] = [];
        for (const { kernel, what, value } of steps) {
          const chosen = kernels[kernel] as (typeof kernels)[number];
          const launch = () => device.launch(chosen, { x, y }, { factor: value }, [1]);
          if (what === 'launch') launch();
          else if (what === 'upload') device.upload(x, new Float32Array(COUNT).fill(value));
          else if (what === 'copy') device.copy(z, y, COUNT * 4);
          else if (what === 'clear') device.clear(x);
          else if (what === 'flush') device.flush();
          else if (what === 'trim') device.emptyCache();
          else if (what === 'read') read.push(await first(device, y));
          else if (what === 'large') {
            const data = new Float32Array(1 << 15).fill(value);
            device.upload(z, data);
            data.fill(99); // what was uploaded must not change
          } else {
            using recording = device.record(launch);
            recording.replay();
          }
        }
        results.push([...read, ...new Float32Array(await device.read(y))]);
      }
      expect(results[0]).toEqual(results[1]);
    });
    await fc.assert(property, { numRuns: randomCases(20) });
  });

  test('names a kernel that does not compile', async () => {
    const { device } = await slowDevice();
    using _ = device.scope();
    const y = upload(device, [0]);
    device.launch(invalid, { y }, {}, [1]);
    await expect(device.read(y)).rejects.toMatchObject({
      code: 'KERNEL_INVALID',
      message: expect.stringMatching(/^kernel misspelt kernel: .*undeclared_value/s),
    });
  });

  test('can be destroyed while it compiles', async () => {
    const { device } = await slowDevice(() => 20);
    const [x, y] = [upload(device, [1]), upload(device, [0])];
    device.launch(newKernel(1), { x, y }, { factor: 1 }, [1]);
    const read = device.read(y);
    device.destroy();
    await expect(read).rejects.toThrow();
  });

  test('makes the caller wait for the compiler before it keeps too much', async () => {
    const { device, compiler } = await slowDevice(() => 1000);
    using _ = device.scope();
    const [x, y] = [upload(device, [1]), upload(device, [0])];
    const kernel = newKernel(0);
    for (let i = 0; i < 100; i++) {
      device.launch(kernel, { x, y }, { factor: 1 }, [1]);
      device.flush();
    }
    expect(compiler.now).toEqual([kernel.name]);
    expect(await first(device, y)).toBe(100);
  });
});

describe('a submission', () => {
  const FLOPS = 1e9;
  /** Return the number of submissions of 300 dispatches of 10⁹ FLOPs, at once and in a replay. */
  async function submissions(adapterClass: AdapterClass): Promise<number[]> {
    const device = await openDevice({ adapterClass });
    devices.push(device);
    using _ = device.scope();
    const [x, y] = [upload(device, [1]), upload(device, [0])];
    const kernel: Kernel<{ x: BufferView; y: BufferView }, 'factor'> = newKernel(0, FLOPS);
    const launchAll = () => {
      for (let i = 0; i < 300; i++) device.launch(kernel, { x, y }, { factor: 1 }, [1]);
    };
    using recording = device.record(launchAll);
    const counts = [];
    for (const run of [launchAll, () => recording.replay()]) {
      device.flush();
      const before = device.counters().submissions;
      run();
      device.flush();
      counts.push(device.counters().submissions - before);
    }
    expect(await first(device, y)).toBe(600);
    return counts;
  }

  test.each([
    ['cpu', 1],
    ['wasm', 1],
    ['nvidia', 3],
    ['gpu', 6],
    ['mobile', 30],
  ] as const)('to %s has at most so many FLOPs: %i for 300 GFLOP', async (adapterClass, count) => {
    expect(await submissions(adapterClass)).toEqual([count, count]);
  });

  test('may be one dispatch of more', async () => {
    const device = await openDevice({ adapterClass: 'gpu' });
    devices.push(device);
    using _ = device.scope();
    const [x, y] = [upload(device, [1]), upload(device, [0])];
    device.flush();
    const before = device.counters().submissions;
    const kernel = newKernel(0, 1e12);
    for (let i = 0; i < 3; i++) device.launch(kernel, { x, y }, { factor: 1 }, [1]);
    expect(await first(device, y)).toBe(3);
    expect(device.counters().submissions - before).toBe(3);
  });
});
