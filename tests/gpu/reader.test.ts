/** Reads: several at a time, joint ones, and the staging buffers that they share. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { StagingBuffers } from '../../src/gpu/staging.ts';
import { Tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';
import { normals } from '../oracle/random.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

/** Return the first values of a view, which has at least 16 bytes. */
const floats = async (bytes: Promise<ArrayBuffer>, count: number): Promise<number[]> => [
  ...new Float32Array(await bytes, 0, count),
];

test('reads in flight have buffers of their own, which later reads use again', async () => {
  using _ = device.scope();
  const values = [3, 1500, 4, 70].map((count) => normals(count, count));
  const tensors = values.map((each) => Tensor.from(device, each));
  const all = () => Promise.all(tensors.map(({ view, size }) => floats(device.read(view), size)));
  const expected = values.map((each) => [...each]);
  expect(await all()).toEqual(expected);
  const { stagingBytes } = device.memory();
  expect(stagingBytes).toBeGreaterThan(0);
  for (let i = 0; i < 5; i++) expect(await all()).toEqual(expected);
  expect(device.memory().stagingBytes).toBe(stagingBytes);
  device.emptyCache();
  expect(device.memory().stagingBytes).toBe(0);
  expect(await all()).toEqual(expected);
});

test('a joint read counts once, and has the values of the time when each was added', async () => {
  using _ = device.scope();
  const [a, b] = [Tensor.from(device, [1, 2, 3]), Tensor.from(device, normals(1, 40_000))];
  const before = device.counters().reads;
  const read = device.readTogether();
  const first = floats(read.add(a.view), 3);
  const large = floats(read.add(b.view), 40_000);
  a.set([4, 5, 6]);
  const second = floats(read.add(a.view), 3);
  read.finish();
  expect(await first).toEqual([1, 2, 3]);
  expect(await second).toEqual([4, 5, 6]);
  expect(await large).toEqual([...normals(1, 40_000)]);
  expect(device.counters().reads).toBe(before + 1);
});

test('nothing is read inside a recording', async () => {
  const read = device.readTogether();
  const view = device.allocatePersistent(16);
  let refused: Promise<unknown> = Promise.resolve();
  using _ = device.record(() => {
    refused = expect(read.add(view)).rejects.toThrow(/recording/);
  });
  await refused;
  device.release(view);
});

describe('staging buffers', () => {
  test('that are not kept have the size of what is read, which an adapter allows', () => {
    const made: number[] = [];
    const gpu = {
      createBuffer: ({ size }: GPUBufferDescriptor) => {
        made.push(size);
        return { size, destroy: () => {} };
      },
    } as unknown as GPUDevice;
    const staging = new StagingBuffers(gpu);
    const bytes = 2 ** 27 + 4;
    staging.give(staging.take(bytes));
    expect(made).toEqual([bytes]);
    expect(staging.bytes).toBe(0);
  });

  test('are kept up to a size in all', () => {
    const made: number[] = [];
    const destroyed: number[] = [];
    const gpu = {
      createBuffer: ({ size }: GPUBufferDescriptor) => {
        made.push(size);
        return { size, destroy: () => destroyed.push(size) };
      },
    } as unknown as GPUDevice;
    const staging = new StagingBuffers(gpu);
    const taken = [100, 5000, 2 ** 23, 2 ** 23, 2 ** 23].map((bytes) => staging.take(bytes));
    expect(made).toEqual([4096, 8192, 2 ** 23, 2 ** 23, 2 ** 23]);
    for (const buffer of taken) staging.give(buffer);
    // Of 24 MiB no more than 16 are kept.
    expect(destroyed).toEqual([2 ** 23, 2 ** 23]);
    expect(staging.bytes).toBe(4096 + 8192 + 2 ** 23);
    staging.take(8000);
    expect(made.length).toBe(5);
    staging.trim();
    expect(staging.bytes).toBe(8192);
  });
});
