/** The adapter that checks: faults of launches become errors of reads, and memory counts as written only where it was. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openCheckedAdapter } from '../../../../../src/gpu/adapters/wasm/checked/adapter.ts';
import type { BufferView } from '../../../../../src/gpu/buffers.ts';
import { Device } from '../../../../../src/gpu/device.ts';
import { defineKernel } from '../../../../../src/gpu/kernel.ts';
import { perElement } from '../../../../../src/gpu/perElement.ts';

let device: Device;
beforeEach(async () => {
  device = await Device.open(openCheckedAdapter());
});
afterEach(() => device.destroy());

const kernelThat = (name: string, code: string) =>
  defineKernel({
    name,
    params: { count: 'u32' },
    reads: { x: 'array<f32>' },
    writes: { y: 'array<f32>' },
    ...perElement('count')`${code}`,
  });
const copies = kernelThat('copies', 'y[id] = x[id];');
const copiesMost = kernelThat('copies most', 'if (id > 0) { y[id] = x[id]; }');
const copiesNext = kernelThat('copies next', 'y[id] = x[id + 1];');

const COUNT = 20;
const values = Float32Array.from({ length: COUNT }, (_, i) => i);
const filled = (): BufferView => {
  const view = device.allocate(4 * COUNT);
  device.upload(view, values);
  return view;
};
const launch = (kernel: typeof copies, x: BufferView): BufferView => {
  const y = device.allocate(4 * COUNT);
  device.launch(kernel, { x, y }, { count: COUNT });
  return y;
};
const read = async (view: BufferView): Promise<number[]> => [...new Float32Array(await device.read(view))];

test('a kernel without faults gives its results', async () => {
  expect(await read(launch(copies, filled()))).toEqual([...values]);
});

test('the read after a fault throws an error that names kernel, line, index and invocation', async () => {
  const y = launch(copiesNext, filled());
  await expect(device.read(y)).rejects.toMatchObject({
    code: 'GPU_ERROR',
    message: expect.stringContaining(
      "out of bounds in kernel 'copies next', line 10 `y[id] = x[id + 1];`: index 20 of 'x', which has 20 elements (lane 19 of workgroup (0, 0, 0))",
    ),
  });
});

describe('a result that was not written', () => {
  const message = expect.stringContaining(
    'undefined value: the host reads byte 0 of a result, a value that was never written',
  );

  test('is found in new memory', async () => {
    await expect(device.read(launch(copiesMost, filled()))).rejects.toMatchObject({ message });
  });

  test('is found in memory that was in use before', async () => {
    const x = filled();
    const former = launch(copies, x);
    await device.read(former);
    device.release(former);
    const { created } = device.memory();
    const y = launch(copiesMost, x);
    expect(device.memory().created).toBe(created);
    await expect(device.read(y)).rejects.toMatchObject({ message });
  });

  test('is found behind copies and kernels that pass it on, with the kernel that read it', async () => {
    const y = launch(copiesMost, filled());
    const copy = device.allocate(4 * COUNT);
    device.copy(y, copy, 4 * COUNT);
    await expect(device.read(launch(copies, copy))).rejects.toMatchObject({
      message: expect.stringContaining(
        "a value that kernel 'copies' read from 'x' where nothing was written, line 10 `y[id] = x[id];`",
      ),
    });
  });

  test('is none where it was cleared or uploaded', async () => {
    const y = device.allocate(4 * COUNT);
    device.clear(y);
    device.launch(copiesMost, { x: filled(), y }, { count: COUNT });
    expect(await read(y)).toEqual([...values]);
  });

  test('is none between single values that are read together, and is found where one was read before', async () => {
    const single = (): BufferView => {
      const y = device.allocate(4);
      device.launch(copies, { x: filled(), y }, { count: 1 });
      return y;
    };
    const together = device.readTogether();
    const both = [single(), single()].map((view) => together.add(view));
    together.finish();
    for (const bytes of await Promise.all(both)) expect(new Float32Array(bytes)[0]).toBe(0);
    expect((await read(single()))[0]).toBe(0);
    const gap = kernelThat('copies around a gap', 'if (id < 1 || id > 3) { y[id] = x[id]; }');
    await expect(device.read(launch(gap, filled()))).rejects.toMatchObject({
      message: expect.stringContaining('the host reads byte 4 of a result'),
    });
  });

  test('is none behind a result of a single value', async () => {
    const y = device.allocate(4);
    device.launch(copies, { x: filled(), y }, { count: 1 });
    expect((await read(y))[0]).toBe(0);
  });
});

test('recordings and profiles work on it', async () => {
  const profiled = await Device.open(openCheckedAdapter(), { profile: true });
  const [x, y] = [profiled.allocate(4 * COUNT), profiled.allocate(4 * COUNT)];
  profiled.upload(x, values);
  const recording = profiled.record(() => profiled.launch(copies, { x, y }, { count: COUNT }));
  recording.replay();
  expect([...new Float32Array(await profiled.read(y))]).toEqual([...values]);
  expect((await profiled.profile()).map(({ kernel }) => kernel)).toEqual(['copies']);
  profiled.destroy();
});

test.each([4, 8, 16, 32, 64])('kernels can rely on its subgroups of %i', async (size) => {
  const subgroups = await Device.open(openCheckedAdapter(size));
  expect(subgroups.subgroupSize).toBe(size);
  expect(device.subgroupSize).toBe(0);
  subgroups.destroy();
});
