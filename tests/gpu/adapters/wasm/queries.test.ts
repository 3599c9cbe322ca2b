/** Timestamps of passes, as `--profile` uses them. */
import { describe, expect, it } from 'vitest';
import { ADAPTERS, pipelineOf } from './gpuDevices.ts';

/** Takes a while. */
const WORK = /* wgsl */ `
  @group(0) @binding(0) var<storage, read_write> sums: array<u32>;
  @compute @workgroup_size(1) fn main(@builtin(workgroup_id) at: vec3u) {
    var sum = 0u;
    for (var i = 0u; i < 100u; i++) { sum = sum * 3u + i; }
    sums[at.x] = sum;
  }`;

describe.each(ADAPTERS)('timestamps with %s', (_, open) => {
  it('are nanoseconds that grow from pass to pass', async () => {
    const device = await (await open()).requestDevice({ requiredFeatures: ['timestamp-query'] });
    const querySet = device.createQuerySet({ type: 'timestamp', count: 6 });
    const entries: GPUBindGroupLayoutEntry[] = [{ binding: 0, visibility: 4, buffer: { type: 'storage' } }];
    const { layout, pipeline } = pipelineOf(device, WORK, entries);
    const sums = device.createBuffer({ size: 400, usage: GPUBufferUsage.STORAGE });
    const group = device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer: sums } }] });
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const resolved = device.createBuffer({ size: 48, usage: QUERY_RESOLVE | COPY_SRC });
    const staging = device.createBuffer({ size: 48, usage: MAP_READ | COPY_DST });
    const encoder = device.createCommandEncoder();
    for (const i of [0, 2, 4]) {
      const timestampWrites = { querySet, beginningOfPassWriteIndex: i, endOfPassWriteIndex: i + 1 };
      const pass = encoder.beginComputePass({ timestampWrites });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(10);
      pass.end();
    }
    encoder.resolveQuerySet(querySet, 0, 6, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 48);
    const before = performance.now();
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const elapsed = performance.now() - before;
    const times = [...new BigUint64Array(staging.getMappedRange())].map((time) => Number(time) / 1e6);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeLessThan(elapsed + 1);
    querySet.destroy();
    device.destroy();
  });

  it('need the feature', async () => {
    const device = await (await open()).requestDevice();
    expect(() => device.createQuerySet({ type: 'timestamp', count: 2 })).toThrow(TypeError);
    device.destroy();
  });
});
