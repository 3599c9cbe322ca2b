/** Buffers: their creation, writes and mappings, as WebGPU's specification says (sections 5.1 to 5.3, 19.2). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADAPTERS, errorOf, read } from './gpuDevices.ts';

describe.each(ADAPTERS)('buffers with %s', (_, open) => {
  let device: GPUDevice;
  beforeEach(async () => {
    device = await (await open()).requestDevice();
  });
  afterEach(() => device.destroy());

  const storage = (words: number): GPUBuffer => {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    return device.createBuffer({ size: 4 * words, usage: STORAGE | COPY_SRC | COPY_DST });
  };

  it('are zero, also in memory that another one had', async () => {
    const first = storage(1000);
    device.queue.writeBuffer(first, 0, new Uint32Array(1000).fill(7));
    await device.queue.onSubmittedWorkDone();
    first.destroy();
    const second = storage(1200);
    expect(await read(device, second)).toEqual(new Uint32Array(1200));
  });

  it('have what was written, in order with copies', async () => {
    const [a, b] = [storage(4), storage(4)];
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(a, 0, b, 0, 16);
    const commands = encoder.finish();
    device.queue.writeBuffer(a, 0, new Uint32Array([1, 2, 3, 4]));
    device.queue.submit([commands]);
    device.queue.writeBuffer(a, 4, new Uint32Array([9, 8, 7]), 1, 2);
    device.queue.writeBuffer(b, 12, new Float32Array([1]));
    expect([...(await read(device, a))]).toEqual([1, 8, 7, 4]);
    expect([...(await read(device, b))]).toEqual([1, 2, 3, 0x3f80_0000]);
  });

  it('take the data of a write when it is called', async () => {
    const buffer = storage(2);
    for (let i = 0; i < 100; i++) {
      const encoder = device.createCommandEncoder();
      encoder.clearBuffer(buffer, 4, 4);
      device.queue.submit([encoder.finish()]);
      const data = new Uint32Array([i, i]);
      device.queue.writeBuffer(buffer, 0, data);
      data.fill(99);
    }
    expect([...(await read(device, buffer))]).toEqual([99, 99]);
  });

  it('are copied and cleared in parts', async () => {
    const [a, b] = [storage(8), storage(8)];
    device.queue.writeBuffer(a, 0, new Uint32Array([1, 2, 3, 4, 5, 6, 7, 8]));
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(a, 8, b, 4, 16);
    encoder.clearBuffer(a, 4, 8);
    encoder.clearBuffer(b, 16);
    device.queue.submit([encoder.finish()]);
    expect([...(await read(device, a))]).toEqual([1, 0, 0, 4, 5, 6, 7, 8]);
    expect([...(await read(device, b))]).toEqual([0, 3, 4, 5, 0, 0, 0, 0]);
  });

  it('are copied and cleared over many pieces', async () => {
    const words = 300_001;
    const [a, b] = [storage(words), storage(words)];
    const data = Uint32Array.from({ length: words }, (_, i) => i ^ 0x5a5a);
    device.queue.writeBuffer(a, 0, data);
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(a, 0, b, 0, 4 * words);
    encoder.clearBuffer(a, 4, 4 * (words - 2));
    device.queue.submit([encoder.finish()]);
    expect((await read(device, b)).every((word, i) => word === data[i])).toBe(true);
    const cleared = await read(device, a);
    expect([cleared[0], cleared[words - 1]]).toEqual([data[0], data[words - 1]]);
    expect(cleared.subarray(1, words - 1).some((word) => word !== 0)).toBe(false);
  });

  it('can be mapped at their creation, and the range is detached at the end', async () => {
    const usage = GPUBufferUsage.COPY_SRC;
    const buffer = device.createBuffer({ size: 16, usage, mappedAtCreation: true });
    expect(buffer.mapState).toBe('mapped');
    const range = buffer.getMappedRange(8, 8);
    new Uint32Array(range).set([5, 6]);
    buffer.unmap();
    expect([buffer.mapState, range.byteLength]).toEqual(['unmapped', 0]);
    expect([...(await read(device, buffer))]).toEqual([0, 0, 5, 6]);
  });

  it('can be mapped for writing, and again for what was written', async () => {
    const { MAP_WRITE, COPY_SRC } = GPUBufferUsage;
    const buffer = device.createBuffer({ size: 16, usage: MAP_WRITE | COPY_SRC });
    for (const value of [3, 4]) {
      await buffer.mapAsync(GPUMapMode.WRITE, 8, 8);
      new Uint32Array(buffer.getMappedRange(8, 8))[0] += value;
      buffer.unmap();
    }
    expect([...(await read(device, buffer))]).toEqual([0, 0, 7, 0]);
  });

  it('give ranges only inside the mapping, and each byte once', async () => {
    const { MAP_READ, COPY_DST } = GPUBufferUsage;
    const buffer = device.createBuffer({ size: 64, usage: MAP_READ | COPY_DST });
    expect(() => buffer.getMappedRange()).toThrow();
    await buffer.mapAsync(GPUMapMode.READ, 8, 32);
    expect(buffer.getMappedRange(8, 8).byteLength).toBe(8);
    expect(() => buffer.getMappedRange(8, 8)).toThrow();
    expect(() => buffer.getMappedRange(0, 8)).toThrow();
    expect(() => buffer.getMappedRange(32, 16)).toThrow();
    expect(() => buffer.getMappedRange(18, 4)).toThrow();
    expect(buffer.getMappedRange(16, 24).byteLength).toBe(24);
  });

  it('reject a mapping that ends before it begins', async () => {
    const { MAP_READ, COPY_DST } = GPUBufferUsage;
    for (const end of ['unmap', 'destroy'] as const) {
      const buffer = device.createBuffer({ size: 16, usage: MAP_READ | COPY_DST });
      const mapped = buffer.mapAsync(GPUMapMode.READ);
      expect(buffer.mapState).toBe('pending');
      buffer[end]();
      await expect(mapped).rejects.toMatchObject({ name: 'AbortError' });
      expect(buffer.mapState).toBe('unmapped');
    }
  });

  it.each([
    ['a usage that lacks it', 8, 1, 0, 16],
    ['the other mode', 1 | 8, 2, 0, 16],
    ['no mode', 1 | 8, 0, 0, 16],
    ['an offset that is no multiple of 8', 1 | 8, 1, 4, 8],
    ['a size that is no multiple of 4', 1 | 8, 1, 0, 6],
    ['more than there is', 1 | 8, 1, 8, 16],
  ])('reject a mapping with %s', async (_, usage, mode, offset, size) => {
    const buffer = device.createBuffer({ size: 16, usage });
    let mapped: Promise<undefined> = Promise.resolve(undefined);
    const message = await errorOf(device, () => {
      mapped = buffer.mapAsync(mode, offset, size);
      mapped.catch(() => {});
    });
    expect(message).toBeDefined();
    await expect(mapped).rejects.toMatchObject({ name: 'OperationError' });
  });

  it.each([
    ['no usage', { size: 16, usage: 0 }],
    ['MAP_READ with STORAGE', { size: 16, usage: 1 | 0x80 }],
    ['MAP_WRITE with COPY_DST', { size: 16, usage: 2 | 8 }],
    ['more than maxBufferSize', { size: 2 ** 40, usage: 8 }],
  ])('are invalid with %s', async (_, descriptor) => {
    expect(await errorOf(device, () => device.createBuffer(descriptor))).toBeDefined();
  });

  it('throw for a size that cannot be mapped at creation', () => {
    expect(() => device.createBuffer({ size: 6, usage: 8, mappedAtCreation: true })).toThrow(RangeError);
  });

  it.each([
    ['a usage without COPY_DST', { size: 16, usage: 4 }, 0, 16],
    ['an offset that is no multiple of 4', { size: 16, usage: 8 }, 2, 4],
    ['more than fits', { size: 16, usage: 8 }, 8, 16],
  ])('report a write with %s', async (_, descriptor, offset, bytes) => {
    const buffer = device.createBuffer(descriptor);
    const write = () => device.queue.writeBuffer(buffer, offset, new Uint8Array(bytes));
    expect(await errorOf(device, write)).toBeDefined();
  });

  it('throw for data that is no multiple of 4 bytes, or shorter than asked for', () => {
    const buffer = device.createBuffer({ size: 16, usage: 8 });
    expect(() => device.queue.writeBuffer(buffer, 0, new Uint8Array(3))).toThrow();
    expect(() => device.queue.writeBuffer(buffer, 0, new Uint32Array(2), 1, 2)).toThrow();
  });

  it('are refused in a submission while they are mapped, and after their end', async () => {
    const target = storage(4);
    for (const end of ['map', 'destroy'] as const) {
      const { MAP_WRITE, COPY_SRC } = GPUBufferUsage;
      const source = device.createBuffer({ size: 16, usage: MAP_WRITE | COPY_SRC });
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(source, 0, target, 0, 16);
      const commands = encoder.finish();
      if (end === 'map') await source.mapAsync(GPUMapMode.WRITE);
      else source.destroy();
      expect(await errorOf(device, () => device.queue.submit([commands]))).toMatch(/mapped|destroyed/);
    }
  });

  it('may be destroyed twice, and as soon as the work that uses them is submitted', async () => {
    const [source, target] = [storage(1000), storage(1000)];
    device.queue.writeBuffer(source, 0, new Uint32Array(1000).fill(3));
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, target, 0, 4000);
    device.queue.submit([encoder.finish()]);
    source.destroy();
    source.destroy();
    const other = storage(1000);
    device.queue.writeBuffer(other, 0, new Uint32Array(1000).fill(5));
    expect(await read(device, target)).toEqual(new Uint32Array(1000).fill(3));
    expect(await read(device, other)).toEqual(new Uint32Array(1000).fill(5));
  });
});
