/**
 * The adapter named by MATHFORMER_ADAPTER computes a matrix product with workgroup memory and barriers, which weak drivers
 * often get wrong. CI runs this folder on lavapipe too.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OpenedAdapter, openAdapter } from '../../src/gpu/node.ts';

const SIZE = 24;
const TILE = 8;

let opened: OpenedAdapter;
let device: GPUDevice;
beforeAll(async () => {
  opened = await openAdapter();
  device = await opened.adapter.requestDevice();
});
afterAll(() => device.destroy());

it('is the adapter that was asked for', () => {
  const asked = process.env.MATHFORMER_ADAPTER;
  if (asked === 'wasm') expect(opened.kind).toBe('wasm');
  else if (asked === 'lavapipe') expect(opened.kind).toBe('software');
  else if (asked === 'hardware') expect(opened.kind).toBe('hardware');
  else expect(opened.adapter.features.size).toBeGreaterThan(0);
});

it('multiplies matrices of small integers exactly', async () => {
  const a = Float32Array.from({ length: SIZE * SIZE }, (_, i) => ((i * 7) % 11) - 5);
  const b = Float32Array.from({ length: SIZE * SIZE }, (_, i) => ((i * 5) % 13) - 6);
  const expected = Float32Array.from({ length: SIZE * SIZE }, (_, i) => {
    const row = Math.floor(i / SIZE);
    let sum = 0;
    for (let k = 0; k < SIZE; k++) sum += (a[row * SIZE + k] ?? NaN) * (b[k * SIZE + (i % SIZE)] ?? NaN);
    return sum;
  });
  expect(await multiply(a, b)).toEqual(expected);
});

async function multiply(a: Float32Array<ArrayBuffer>, b: Float32Array<ArrayBuffer>): Promise<Float32Array> {
  const module = device.createShaderModule({
    code: /* wgsl */ `
      const SIZE = ${SIZE}u;
      const TILE = ${TILE}u;
      @group(0) @binding(0) var<storage, read> a: array<f32>;
      @group(0) @binding(1) var<storage, read> b: array<f32>;
      @group(0) @binding(2) var<storage, read_write> product: array<f32>;
      var<workgroup> tileA: array<f32, TILE * TILE>;
      var<workgroup> tileB: array<f32, TILE * TILE>;

      @compute @workgroup_size(TILE, TILE)
      fn main(@builtin(global_invocation_id) at: vec3u, @builtin(local_invocation_id) local: vec3u) {
        let slot = local.y * TILE + local.x;
        var sum = 0.0;
        for (var start = 0u; start < SIZE; start += TILE) {
          tileA[slot] = a[at.y * SIZE + start + local.x];
          tileB[slot] = b[(start + local.y) * SIZE + at.x];
          workgroupBarrier();
          for (var k = 0u; k < TILE; k++) { sum += tileA[local.y * TILE + k] * tileB[k * TILE + local.x]; }
          workgroupBarrier();
        }
        product[at.y * SIZE + at.x] = sum;
      }`,
  });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const size = a.byteLength;
  const inputs = [a, b].map((matrix) => {
    const buffer = device.createBuffer({ size, usage: STORAGE | COPY_DST });
    device.queue.writeBuffer(buffer, 0, matrix);
    return buffer;
  });
  const product = device.createBuffer({ size, usage: STORAGE | COPY_SRC });
  const readable = device.createBuffer({ size, usage: MAP_READ | COPY_DST });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [...inputs, product].map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(SIZE / TILE, SIZE / TILE);
  pass.end();
  encoder.copyBufferToBuffer(product, 0, readable, 0, size);
  device.queue.submit([encoder.finish()]);
  await readable.mapAsync(GPUMapMode.READ);
  return new Float32Array(readable.getMappedRange()).slice();
}
