/** The device runs commands in order, keeps recordings, and reports failures. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GpuError } from '../../src/base/errors.ts';
import type { BufferView } from '../../src/gpu/buffers.ts';
import type { Device } from '../../src/gpu/device.ts';
import { defineKernel, GROUP_ARGS, GROUP_INDEX, linearGrid } from '../../src/gpu/kernel.ts';
import { openDevice } from '../device.ts';

/** y = y·factor + x, so that the result shows the order of dispatches. */
const accumulate = defineKernel({
  name: 'accumulate',
  params: { count: 'u32', factor: 'f32' },
  reads: { x: 'array<f32>' },
  writes: { y: 'array<f32>' },
  code: `
@compute @workgroup_size(64)
fn main(${GROUP_ARGS}, @builtin(local_invocation_index) thread: u32) {
  let id = ${GROUP_INDEX} * 64 + thread;
  if (id < params.count) { y[id] = y[id] * params.factor + x[id]; }
}`,
});

const invalid = defineKernel({
  name: 'misspelt kernel',
  params: {},
  reads: {},
  writes: { y: 'array<f32>' },
  code: '@compute @workgroup_size(1) fn main() { y[0] = undeclared_value; }',
});

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

function upload(values: readonly number[]): BufferView {
  const view = device.allocate(values.length * 4);
  device.upload(view, Float32Array.from(values));
  return view;
}

const read = async (view: BufferView, count: number): Promise<number[]> => [
  ...new Float32Array(await device.read(view), 0, count),
];

const run = (x: BufferView, y: BufferView, factor: number, count = 4): void =>
  device.launch(accumulate, { x, y }, { count, factor }, linearGrid(Math.ceil(count / 64)));

describe('order', () => {
  test('uploads, launches, copies and clears take effect in turn', async () => {
    using _ = device.scope();
    const [x, y, early] = [upload([1, 2, 3, 4]), upload([1, 1, 1, 1]), device.allocate(16)];
    run(x, y, 2);
    device.copy(y, early, 16);
    device.upload(x, Float32Array.of(10, 20, 30, 40));
    run(x, y, 10);
    device.clear(x);
    run(x, y, -1);
    expect(await read(early, 4)).toEqual([3, 4, 5, 6]);
    expect(await read(y, 4)).toEqual([-40, -60, -80, -100]);
    expect(await read(x, 4)).toEqual([0, 0, 0, 0]);
  });

  test('a batch of thousands, over several submissions', async () => {
    using _ = device.scope();
    const [x, y] = [upload([1, 0, 0, 1]), upload([0, 0, 0, 0])];
    const before = device.counters();
    for (let i = 0; i < 3000; i++) {
      // Parameters and uploads share the arena, which fills up on the way.
      if (i % 100 === 0) device.upload(x, Float32Array.of(1, 0, 0, i));
      run(x, y, 1);
    }
    const expected = 100 * Array.from({ length: 30 }, (_unused, i) => i * 100).reduce((a, b) => a + b);
    expect(await read(y, 4)).toEqual([3000, 0, 0, expected]);
    const after = device.counters();
    expect(after.dispatches - before.dispatches).toBe(3000);
    expect(after.submissions - before.submissions).toBeGreaterThan(1);
    expect(after.submissions - before.submissions).toBeLessThan(30);
    expect(after.reads - before.reads).toBe(1);
  });

  test('a part of a buffer is bound, written, copied and read by itself', async () => {
    using _ = device.scope();
    const whole = device.allocate(1024);
    device.clear(whole);
    const part: BufferView = { buffer: whole.buffer, offset: 512, bytes: 16 };
    device.upload(part, Float32Array.of(1, 2, 3, 4));
    run(upload([1, 1, 1, 1]), part, 3);
    const copy = device.allocate(16);
    device.copy(part, copy, 16);
    expect(await read(copy, 4)).toEqual([4, 7, 10, 13]);
    expect(await read(part, 4)).toEqual([4, 7, 10, 13]);
    const values = await read(whole, 256);
    expect(values.slice(128, 132)).toEqual([4, 7, 10, 13]);
    expect(values.filter((value) => value !== 0)).toHaveLength(4);
  });

  test('a launch of no workgroups and an upload of no bytes do nothing', async () => {
    using _ = device.scope();
    const y = upload([5, 6, 7, 8]);
    device.launch(accumulate, { x: y, y }, { count: 4, factor: 9 }, [0]);
    device.upload(y, new Float32Array(0));
    expect(await read(y, 4)).toEqual([5, 6, 7, 8]);
  });

  test('reads may overlap', async () => {
    using _ = device.scope();
    const [x, y] = [upload([1, 1, 1, 1]), upload([0, 0, 0, 0])];
    const first = read(y, 1);
    run(x, y, 1);
    const second = read(y, 1);
    run(x, y, 1);
    expect(await Promise.all([first, second, read(y, 1)])).toEqual([[0], [1], [2]]);
  });
});

describe('recordings', () => {
  test('replay the same launches to the bit, with fresh values in the same buffers', async () => {
    using _ = device.scope();
    const [x, y, z] = [upload([0.1, 0.2, 0.3, 0.4]), upload([1, 1, 1, 1]), upload([0, 0, 0, 0])];
    const steps = () => {
      run(x, y, 0.7);
      run(y, z, 1.3);
    };
    using recording = device.record(steps);
    expect(recording.dispatches).toBe(2);
    expect(await read(y, 4)).toEqual([1, 1, 1, 1]);
    for (let i = 0; i < 5; i++) recording.replay();
    const replayed = [await read(y, 4), await read(z, 4)];
    device.upload(y, Float32Array.of(1, 1, 1, 1));
    device.clear(z);
    for (let i = 0; i < 5; i++) steps();
    expect([await read(y, 4), await read(z, 4)]).toEqual(replayed);
    device.upload(x, Float32Array.of(0, 0, 0, 0));
    device.upload(y, Float32Array.of(1, 1, 1, 1));
    recording.replay();
    expect(await read(y, 1)).toEqual([Math.fround(0.7)]);
  });
});

describe('errors', () => {
  test('a released buffer cannot be bound, even once its memory has another owner', () => {
    using _ = device.scope();
    const [x, y] = [upload([1, 2, 3, 4]), upload([1, 2, 3, 4])];
    device.release(x);
    const stale = () => run(x, y, 1);
    expect(stale).toThrow(GpuError);
    expect(stale).toThrow(/accumulate: the buffer bound as 'x' was already released/);
    const owners = [upload([0]), upload([0])];
    expect(owners.some(({ buffer }) => buffer.gpu === x.buffer.gpu)).toBe(true);
    expect(stale).toThrow(expect.objectContaining({ code: 'USE_AFTER_FREE', where: 'accumulate' }));
  });

  test('an upload that does not fit is refused', () => {
    using _ = device.scope();
    expect(() => device.upload(device.allocate(16), new Float32Array(5))).toThrow(/upload of 20 bytes/);
  });

  test('a kernel that does not compile is named by the next read, with the compiler’s words', async () => {
    const broken = await openDevice();
    const y = broken.allocate(16);
    broken.clear(y);
    broken.launch(invalid, { y }, {}, [1]);
    const failure = await broken.read(y).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(GpuError);
    expect(failure).toMatchObject({
      code: 'KERNEL_INVALID',
      message: expect.stringMatching(/kernel misspelt kernel: .*undeclared_value/s),
    });
    await expect(broken.read(y)).rejects.toBe(failure);
    await expect(broken.idle()).rejects.toBe(failure);
    broken.destroy();
  });

  test('a command the driver refuses is reported by the next read', async () => {
    const broken = await openDevice();
    const y = broken.allocate(16);
    // Offsets of bindings must be multiples of 256 bytes or less, never of 4.
    const misplaced = { buffer: y.buffer, offset: 4, bytes: 16 };
    broken.launch(accumulate, { x: misplaced, y }, { count: 4, factor: 1 }, [1]);
    await expect(broken.read(y)).rejects.toThrow(GpuError);
    broken.destroy();
  });
});

test('linearGrid covers every group within the limit of a dimension', () => {
  for (const groups of [0, 1, 65_535, 65_536, 131_071, 1_000_003]) {
    const [x, y, z] = linearGrid(groups);
    expect(Math.max(x, y, z)).toBeLessThanOrEqual(65_535);
    expect(x * y * z).toBeGreaterThanOrEqual(groups);
    expect(x * y * z - groups).toBeLessThan(y);
  }
});
