/** Error scopes, uncaptured errors, loss and the end of a device. */
import { describe, expect, it } from 'vitest';
import { ADAPTERS, threaded } from './gpuDevices.ts';

const INVALID: GPUBufferDescriptor = { size: 16, usage: 0 };

describe.each(ADAPTERS)('errors with %s', (_, open) => {
  it('go to the innermost scope of their kind, which keeps the first', async () => {
    const device = await (await open()).requestDevice();
    device.pushErrorScope('validation');
    device.pushErrorScope('out-of-memory');
    device.createBuffer({ ...INVALID, label: 'first' });
    device.createBuffer({ ...INVALID, label: 'second' });
    expect(await device.popErrorScope()).toBeNull();
    expect((await device.popErrorScope())?.message).toMatch(/first/);
    await expect(device.popErrorScope()).rejects.toMatchObject({ name: 'OperationError' });
    device.destroy();
  });

  it('are events if no scope wants them', async () => {
    const device = await (await open()).requestDevice();
    const messages: string[] = [];
    const event = new Promise((resolve) =>
      device.addEventListener('uncapturederror', resolve, { once: true }),
    );
    device.addEventListener('uncapturederror', ({ error }) => messages.push(error.message));
    device.createBuffer(INVALID);
    await event;
    expect(messages).toHaveLength(1);
    device.destroy();
  });

  it('end with the device, which tells that it was destroyed', async () => {
    const device = await (await open()).requestDevice();
    const { MAP_READ, COPY_DST } = GPUBufferUsage;
    const buffer = device.createBuffer({ size: 16, usage: MAP_READ | COPY_DST });
    let errors = 0;
    device.addEventListener('uncapturederror', () => errors++);
    device.destroy();
    device.destroy();
    expect(await device.lost).toMatchObject({ reason: 'destroyed' });
    device.createBuffer(INVALID);
    const encoder = device.createCommandEncoder();
    encoder.clearBuffer(buffer);
    device.queue.submit([encoder.finish()]);
    await expect(buffer.mapAsync(1)).rejects.toBeDefined();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(errors).toBe(0);
  });

  it('of a device that requires too much are rejections', async () => {
    const adapter = await open();
    const requiredLimits = { maxBufferSize: adapter.limits.maxBufferSize + 1 };
    await expect(adapter.requestDevice({ requiredLimits })).rejects.toMatchObject({ name: 'OperationError' });
  });
});

describe('memory', () => {
  const MIB = 2 ** 20;
  const usage = 0x80;

  it('that is not there makes an invalid buffer, and an error of its kind', async () => {
    const device = await threaded(1, { memoryLimit: 40 * MIB }).requestDevice();
    device.pushErrorScope('validation');
    device.pushErrorScope('out-of-memory');
    const large = device.createBuffer({ size: 100 * MIB, usage });
    expect((await device.popErrorScope())?.message).toMatch(/104857600 bytes/);
    const layout = device.createBindGroupLayout({
      entries: [{ binding: 0, visibility: 4, buffer: { type: 'storage' } }],
    });
    device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer: large } }] });
    expect((await device.popErrorScope())?.message).toMatch(/invalid/);
    expect(() => device.createBuffer({ size: 100 * MIB, usage, mappedAtCreation: true })).toThrow(RangeError);
    const small = device.createBuffer({ size: 20 * MIB, usage });
    small.destroy();
    device.pushErrorScope('out-of-memory');
    device.createBuffer({ size: 30 * MIB, usage });
    expect(await device.popErrorScope()).toBeNull();
    device.destroy();
  });

  it('is limited to what a device requires', async () => {
    const adapter = threaded(1);
    const device = await adapter.requestDevice();
    expect(device.limits.maxBufferSize).toBe(268_435_456);
    const { maxBufferSize } = adapter.limits;
    const larger = await adapter.requestDevice({ requiredLimits: { maxBufferSize } });
    expect(larger.limits.maxBufferSize).toBe(maxBufferSize);
    for (const each of [device, larger]) each.destroy();
  });
});
