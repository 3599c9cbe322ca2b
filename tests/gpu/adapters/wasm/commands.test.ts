/** Pipelines, bind groups and commands, and the errors that WebGPU reports for wrong ones. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADAPTERS, errorOf, pipelineOf, read } from './gpuDevices.ts';

const COMPUTE = 4;
/** Adds `params.add`, and the number of the invocation, to every element. */
const ADD = /* wgsl */ `
  struct Params { add: u32, factor: u32 }
  @group(0) @binding(0) var<uniform> params: Params;
  @group(0) @binding(2) var<storage, read> source: array<u32>;
  @group(0) @binding(5) var<storage, read_write> target_: array<u32>;
  @compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= arrayLength(&target_)) { return; }
    target_[id.x] = source[id.x] * params.factor + params.add + id.x;
  }`;
const ENTRIES: readonly GPUBindGroupLayoutEntry[] = [
  { binding: 5, visibility: COMPUTE, buffer: { type: 'storage' } },
  { binding: 0, visibility: COMPUTE, buffer: { type: 'uniform', hasDynamicOffset: true } },
  { binding: 2, visibility: COMPUTE, buffer: { type: 'read-only-storage' } },
];
/** Writes the counts and numbers of workgroups. */
const GRID = /* wgsl */ `
  @group(0) @binding(0) var<storage, read_write> seen: array<vec4u>;
  @compute @workgroup_size(1)
  fn main(@builtin(workgroup_id) at: vec3u, @builtin(num_workgroups) grid: vec3u) {
    seen[at.x + grid.x * (at.y + grid.y * at.z)] = vec4u(at, grid.x + 10 * grid.y + 100 * grid.z);
  }`;

describe.each(ADAPTERS)('commands with %s', (_, open) => {
  let device: GPUDevice;
  beforeEach(async () => {
    device = await (await open()).requestDevice();
  });
  afterEach(() => device.destroy());

  const storage = (words: number, usage: number = GPUBufferUsage.STORAGE): GPUBuffer =>
    device.createBuffer({
      size: 4 * words,
      usage: usage | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });

  /** Buffers of the kernel that adds: parameters at 0 and 256, and eight values. */
  function added() {
    const params = storage(128, GPUBufferUsage.UNIFORM);
    device.queue.writeBuffer(params, 0, new Uint32Array([100, 1]));
    device.queue.writeBuffer(params, 256, new Uint32Array([1000, 2]));
    const [source, target] = [storage(8), storage(8)];
    device.queue.writeBuffer(source, 0, new Uint32Array([0, 10, 20, 30, 40, 50, 60, 70]));
    const { layout, pipeline } = pipelineOf(device, ADD, ENTRIES);
    const group = device.createBindGroup({
      layout,
      entries: [
        { binding: 0, resource: { buffer: params, size: 16 } },
        { binding: 5, resource: { buffer: target } },
        { binding: 2, resource: { buffer: source } },
      ],
    });
    return { params, source, target, layout, pipeline, group };
  }

  /** Encode a pass, and submit it. */
  function pass(encode: (pass: GPUComputePassEncoder) => void): void {
    const encoder = device.createCommandEncoder();
    const compute = encoder.beginComputePass();
    encode(compute);
    compute.end();
    device.queue.submit([encoder.finish()]);
  }

  it('bind by number, with dynamic offsets, and run one after another', async () => {
    const { source, target, pipeline, group } = added();
    const encoder = device.createCommandEncoder();
    const compute = encoder.beginComputePass();
    compute.setPipeline(pipeline);
    compute.setBindGroup(0, group, [0]);
    compute.dispatchWorkgroups(2);
    compute.end();
    encoder.copyBufferToBuffer(target, 0, source, 0, 32);
    const second = encoder.beginComputePass();
    second.setPipeline(pipeline);
    second.setBindGroup(0, group, new Uint32Array([7, 256]), 1, 1);
    second.dispatchWorkgroups(2);
    second.end();
    device.queue.submit([encoder.finish()]);
    const first = [0, 10, 20, 30, 40, 50, 60, 70].map((value, i) => value + 100 + i);
    expect([...(await read(device, source))]).toEqual(first);
    expect([...(await read(device, target))]).toEqual(first.map((value, i) => 2 * value + 1000 + i));
  });

  it('bind parts of buffers', async () => {
    const { params, layout, pipeline } = added();
    const large = storage(256);
    device.queue.writeBuffer(
      large,
      0,
      Uint32Array.from({ length: 256 }, (_, i) => i),
    );
    const target = storage(256);
    const group = device.createBindGroup({
      layout,
      entries: [
        { binding: 0, resource: { buffer: params, offset: 256, size: 8 } },
        { binding: 2, resource: { buffer: large, offset: 512 } },
        { binding: 5, resource: { buffer: target, offset: 256, size: 12 } },
      ],
    });
    pass((compute) => {
      compute.setPipeline(pipeline);
      compute.setBindGroup(0, group, [0]);
      compute.dispatchWorkgroups(64);
    });
    const expected = new Uint32Array(256);
    expected.set(
      [0, 1, 2].map((i) => 2 * (128 + i) + 1000 + i),
      64,
    );
    expect(await read(device, target)).toEqual(expected);
  });

  it('know their grid', async () => {
    const pipeline = device.createComputePipeline({
      layout: 'auto',
      compute: { module: device.createShaderModule({ code: GRID }), entryPoint: 'main' },
    });
    const seen = storage(4 * 24);
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer: seen } }],
    });
    pass((compute) => {
      compute.setPipeline(pipeline);
      compute.setBindGroup(0, group);
      compute.dispatchWorkgroups(2, 3, 4);
      compute.dispatchWorkgroups(0, 3, 4);
    });
    const rows = Array.from({ length: 24 }, (_, i) => [i % 2, Math.floor(i / 2) % 3, Math.floor(i / 6), 432]);
    expect([...(await read(device, seen))]).toEqual(rows.flat());
  });

  it('compile asynchronously', async () => {
    const module = device.createShaderModule({ code: GRID });
    const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
    expect(pipeline.getBindGroupLayout(0)).toBeDefined();
    expect((await module.getCompilationInfo()).messages.filter(({ type }) => type === 'error')).toEqual([]);
  });

  it('name line and column of a shader that does not compile, and refuse its pipeline', async () => {
    const code = '@compute @workgroup_size(1)\nfn main() {\n  let x: u32 = 1.5f;\n}';
    let module: GPUShaderModule | undefined;
    expect(await errorOf(device, () => (module = device.createShaderModule({ code })))).toMatch(/3/);
    if (!module) throw new Error('there is no module');
    const [first] = (await module.getCompilationInfo()).messages;
    expect([first?.type, first?.lineNum]).toEqual(['error', 3]);
    expect(first?.linePos).toBeGreaterThan(2);
    const descriptor: GPUComputePipelineDescriptor = { layout: 'auto', compute: { module } };
    expect(await errorOf(device, () => device.createComputePipeline(descriptor))).toBeDefined();
    await expect(device.createComputePipelineAsync(descriptor)).rejects.toMatchObject({
      reason: 'validation',
    });
  });

  it.each([
    ['an entry point that is not there', { entryPoint: 'other' }],
    ['a constant that is not there', { constants: { other: 1 } }],
  ])('refuse a pipeline with %s', async (_, more) => {
    const compute = { module: device.createShaderModule({ code: GRID }), ...more };
    expect(
      await errorOf(device, () => device.createComputePipeline({ layout: 'auto', compute })),
    ).toBeDefined();
  });

  it.each([
    ['lacks a binding', []],
    ['has a binding of another type', [{ binding: 0, visibility: COMPUTE, buffer: { type: 'uniform' } }]],
    ['has a read-only binding', [{ binding: 0, visibility: COMPUTE, buffer: { type: 'read-only-storage' } }]],
  ] satisfies [string, GPUBindGroupLayoutEntry[]][])(
    'refuse a pipeline whose layout %s',
    async (_, entries) => {
      expect(await errorOf(device, () => pipelineOf(device, GRID, entries))).toBeDefined();
    },
  );

  it('refuse a layout with one binding twice', async () => {
    const entry: GPUBindGroupLayoutEntry = { binding: 1, visibility: COMPUTE, buffer: { type: 'storage' } };
    expect(
      await errorOf(device, () => device.createBindGroupLayout({ entries: [entry, entry] })),
    ).toBeDefined();
  });

  it.each([
    ['lacks an entry', (buffer: GPUBuffer) => [{ binding: 0, resource: { buffer } }]],
    [
      'has another binding',
      (buffer: GPUBuffer) => [0, 1, 5].map((binding) => ({ binding, resource: { buffer } })),
    ],
    [
      'has a misaligned offset',
      (buffer: GPUBuffer) =>
        [0, 2, 5].map((binding) => ({ binding, resource: { buffer, offset: 4, size: 16 } })),
    ],
    [
      'exceeds a buffer',
      (buffer: GPUBuffer) => [0, 2, 5].map((binding) => ({ binding, resource: { buffer, size: 9999 } })),
    ],
    [
      'has no bytes',
      (buffer: GPUBuffer) => [0, 2, 5].map((binding) => ({ binding, resource: { buffer, offset: 4096 } })),
    ],
  ])('refuse a bind group that %s', async (_, entries) => {
    const { layout } = added();
    const buffer = storage(1024, GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM);
    expect(
      await errorOf(device, () => device.createBindGroup({ layout, entries: entries(buffer) })),
    ).toBeDefined();
  });

  it('refuse a bind group with a buffer of another usage, or an invalid one', async () => {
    const { layout, source, target } = added();
    device.pushErrorScope('validation');
    const broken = device.createBuffer({ size: 16, usage: 0 });
    await device.popErrorScope();
    for (const wrong of [target, broken]) {
      const entries = [
        { binding: 0, resource: { buffer: wrong, size: 16 } },
        { binding: 2, resource: { buffer: source } },
        { binding: 5, resource: { buffer: target } },
      ];
      expect(await errorOf(device, () => device.createBindGroup({ layout, entries }))).toBeDefined();
    }
  });

  type Added = ReturnType<typeof added>;
  const MISUSES: readonly (readonly [string, (compute: GPUComputePassEncoder, all: Added) => void])[] = [
    ['without a pipeline', (compute) => compute.dispatchWorkgroups(1)],
    [
      'without a bind group',
      (compute, { pipeline }) => {
        compute.setPipeline(pipeline);
        compute.dispatchWorkgroups(1);
      },
    ],
    ['without dynamic offsets', (compute, { group }) => compute.setBindGroup(0, group)],
    ['with too many dynamic offsets', (compute, { group }) => compute.setBindGroup(0, group, [0, 0])],
    ['with a misaligned dynamic offset', (compute, { group }) => compute.setBindGroup(0, group, [4])],
    ['with a dynamic offset past the end', (compute, { group }) => compute.setBindGroup(0, group, [512])],
    [
      'with too many workgroups',
      (compute, { pipeline, group }) => {
        compute.setPipeline(pipeline);
        compute.setBindGroup(0, group, [0]);
        compute.dispatchWorkgroups(65_536);
      },
    ],
    [
      'with a buffer that is both read and written',
      (compute, { pipeline, layout, params, target }) => {
        const group = device.createBindGroup({
          layout,
          entries: [
            { binding: 0, resource: { buffer: params, size: 16 } },
            { binding: 2, resource: { buffer: target } },
            { binding: 5, resource: { buffer: target } },
          ],
        });
        compute.setPipeline(pipeline);
        compute.setBindGroup(0, group, [0]);
        compute.dispatchWorkgroups(1);
      },
    ],
    [
      'with the bind group of another layout',
      (compute, { pipeline, source }) => {
        const entries: GPUBindGroupLayoutEntry[] = [
          { binding: 2, visibility: COMPUTE, buffer: { type: 'read-only-storage' } },
        ];
        const layout = device.createBindGroupLayout({ entries });
        const group = device.createBindGroup({
          layout,
          entries: [{ binding: 2, resource: { buffer: source } }],
        });
        compute.setPipeline(pipeline);
        compute.setBindGroup(0, group);
        compute.dispatchWorkgroups(1);
      },
    ],
    [
      'with fewer bytes than the shader has',
      (compute, { pipeline, layout, params, source, target }) => {
        const group = device.createBindGroup({
          layout,
          entries: [
            { binding: 0, resource: { buffer: params, size: 4 } },
            { binding: 2, resource: { buffer: source } },
            { binding: 5, resource: { buffer: target } },
          ],
        });
        compute.setPipeline(pipeline);
        compute.setBindGroup(0, group, [0]);
        compute.dispatchWorkgroups(1);
      },
    ],
  ];
  it.each(MISUSES)('report at the end a dispatch %s, and drop the submission', async (_, misuse) => {
    const all = added();
    const encoder = device.createCommandEncoder();
    const compute = encoder.beginComputePass();
    misuse(compute, all);
    compute.end();
    encoder.clearBuffer(all.source);
    let commands: GPUCommandBuffer | undefined;
    expect(await errorOf(device, () => (commands = encoder.finish()))).toBeDefined();
    const submitted = commands;
    if (!submitted) throw new Error('there is no command buffer');
    expect(await errorOf(device, () => device.queue.submit([submitted]))).toBeDefined();
    expect((await read(device, all.source))[7]).toBe(70);
  });

  it.each([
    [
      'a usage',
      (e: GPUCommandEncoder, a: GPUBuffer, b: GPUBuffer) => e.copyBufferToBuffer(a, 0, b, 0, 16),
      1 | 8,
    ],
    [
      'an offset',
      (e: GPUCommandEncoder, a: GPUBuffer, b: GPUBuffer) => e.copyBufferToBuffer(a, 2, b, 0, 4),
      4 | 8,
    ],
    [
      'a size',
      (e: GPUCommandEncoder, a: GPUBuffer, b: GPUBuffer) => e.copyBufferToBuffer(a, 0, b, 0, 3),
      4 | 8,
    ],
    [
      'too much',
      (e: GPUCommandEncoder, a: GPUBuffer, b: GPUBuffer) => e.copyBufferToBuffer(a, 8, b, 0, 16),
      4 | 8,
    ],
    ['itself', (e: GPUCommandEncoder, a: GPUBuffer) => e.copyBufferToBuffer(a, 0, a, 8, 4), 4 | 8],
    ['a clear', (e: GPUCommandEncoder, a: GPUBuffer) => e.clearBuffer(a, 8, 16), 4 | 8],
  ])('report a copy with a wrong part: %s', async (_, encode, usage) => {
    const [a, b] = [0, 1].map(() => device.createBuffer({ size: 16, usage }));
    if (!a || !b) throw new Error('there are no buffers');
    const encoder = device.createCommandEncoder();
    encode(encoder, a, b);
    expect(await errorOf(device, () => encoder.finish())).toBeDefined();
  });

  it('cannot be submitted twice, nor encoded after the end', async () => {
    const buffer = storage(4);
    const encoder = device.createCommandEncoder();
    encoder.clearBuffer(buffer);
    const commands = encoder.finish();
    device.queue.submit([commands]);
    expect(await errorOf(device, () => device.queue.submit([commands]))).toBeDefined();
    expect(await errorOf(device, () => encoder.finish())).toBeDefined();
    const open = device.createCommandEncoder();
    const compute = open.beginComputePass();
    open.clearBuffer(buffer);
    compute.end();
    expect(await errorOf(device, () => open.finish())).toBeDefined();
  });

  it('may be many', async () => {
    const { target, source, pipeline, group } = added();
    const encoder = device.createCommandEncoder();
    for (let i = 0; i < 50; i++) {
      const compute = encoder.beginComputePass();
      compute.setPipeline(pipeline);
      compute.setBindGroup(0, group, [0]);
      compute.dispatchWorkgroups(2);
      compute.end();
      encoder.copyBufferToBuffer(target, 0, source, 0, 32);
    }
    device.queue.submit([encoder.finish()]);
    const expected = Array.from({ length: 8 }, (_, i) => 10 * i + 50 * (100 + i));
    expect([...(await read(device, source))]).toEqual(expected);
  });
});
