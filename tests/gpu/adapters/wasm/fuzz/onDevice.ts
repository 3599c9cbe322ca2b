/** Runs a program on a device of WebGPU. */

import type { Program } from './program.ts';
import type { Contents } from './run.ts';

/** Return the errors with which a device's compiler refuses a shader. */
export async function refusals(device: GPUDevice, code: string): Promise<string[]> {
  device.pushErrorScope('validation');
  const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
  await device.popErrorScope();
  return messages
    .filter(({ type }) => type === 'error')
    .map(({ lineNum, linePos, message }) => `${lineNum}:${linePos} ${message}`);
}

/** Run a program whose text is `code`. Return the contents of its bindings at the end. */
export async function runOnDevice(device: GPUDevice, program: Program, code: string): Promise<Contents> {
  const buffers = new Map<number, GPUBuffer>();
  for (const { binding, space } of program.variables) {
    if (binding === undefined) continue;
    const bytes = program.data.get(binding) ?? new Uint8Array(0);
    const usage = space === 'uniform' ? GPU_UNIFORM : GPU_STORAGE;
    const buffer = device.createBuffer({ size: bytes.length, usage, mappedAtCreation: true });
    new Uint8Array(buffer.getMappedRange()).set(bytes);
    buffer.unmap();
    buffers.set(binding, buffer);
  }
  const bindGroupLayout = device.createBindGroupLayout({
    entries: program.variables.flatMap(({ binding, space }) =>
      binding === undefined ? [] : [{ binding, visibility: COMPUTE, buffer: { type: BUFFER_TYPES[space] } }],
    ),
  });
  const pipeline = await device.createComputePipelineAsync({
    layout: device.createPipelineLayout({ bindGroupLayouts: [bindGroupLayout] }),
    compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
  });
  const entries = [...buffers].map(([binding, buffer]) => ({ binding, resource: { buffer } }));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: bindGroupLayout, entries }));
  pass.dispatchWorkgroups(...program.workgroups);
  pass.end();
  const copies = [...buffers].map(([binding, { size }]) => ({
    binding,
    copy: device.createBuffer({ size, usage: MAP_READ | COPY_DST }),
  }));
  for (const { binding, copy } of copies)
    encoder.copyBufferToBuffer(buffers.get(binding) ?? copy, 0, copy, 0, copy.size);
  device.queue.submit([encoder.finish()]);
  const contents = new Map<number, Uint8Array<ArrayBuffer>>();
  for (const { binding, copy } of copies) {
    await copy.mapAsync(MAP_MODE_READ);
    contents.set(binding, new Uint8Array(copy.getMappedRange().slice(0)));
    copy.destroy();
  }
  for (const buffer of buffers.values()) buffer.destroy();
  return contents;
}

const BUFFER_TYPES: Readonly<Record<string, GPUBufferBindingType>> = {
  uniform: 'uniform',
  read: 'read-only-storage',
  read_write: 'storage',
};

// Flags of WebGPU, which Node has no globals for.
const MAP_READ = 0x1;
const COPY_SRC = 0x4;
const COPY_DST = 0x8;
const GPU_UNIFORM = 0x40 | COPY_SRC;
const GPU_STORAGE = 0x80 | COPY_SRC;
const COMPUTE = 0x4;
const MAP_MODE_READ = 0x1;
