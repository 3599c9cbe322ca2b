/** Devices for tests of WebGPU's semantics: this adapter's, and Dawn's, which shows that a test asks for what WebGPU says. */
import { openCheckedAdapter } from '../../../../src/gpu/adapters/wasm/checked/adapter.ts';
import { openWasm } from '../../../../src/gpu/adapters/wasm/index.ts';
import { startNodeThread } from '../../../../src/gpu/adapters/wasm/nodeThread.ts';
import { AdapterError, openAdapter } from '../../../../src/gpu/node.ts';

/** Open an adapter with two threads. */
export const threaded = (threads = 2, options: { readonly memoryLimit?: number } = {}): GPUAdapter =>
  openWasm({ threads, startThread: startNodeThread, ...options }).adapter;

/** Return the name of an adapter of Dawn's; undefined where the system has none. */
async function dawnsName(): Promise<string | undefined> {
  for (const name of ['hardware', 'lavapipe']) {
    try {
      return (await openAdapter({ name })) && name;
    } catch (error) {
      if (!(error instanceof AdapterError)) throw error;
    }
  }
  return undefined;
}

const dawn = await dawnsName();

export const ADAPTERS: readonly (readonly [string, () => Promise<GPUAdapter>])[] = [
  ['threads', async () => threaded()],
  ['no threads', async () => openWasm({ threads: 1 }).adapter],
  ['the checking mode', async () => openCheckedAdapter()],
  ...(dawn ? [['Dawn', async () => (await openAdapter({ name: dawn })).adapter] as const] : []),
];

/** Return the message of the error that `work` causes in a scope; undefined if there is none. */
export async function errorOf(
  device: GPUDevice,
  work: () => void,
  filter: GPUErrorFilter = 'validation',
): Promise<string | undefined> {
  device.pushErrorScope(filter);
  work();
  return (await device.popErrorScope())?.message;
}

/** Copy a buffer's bytes to one that can be mapped, and read it. */
export async function read(device: GPUDevice, buffer: GPUBuffer): Promise<Uint32Array> {
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = device.createBuffer({ size: buffer.size, usage });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const words = new Uint32Array(staging.getMappedRange()).slice();
  staging.destroy();
  return words;
}

/** Return a bind group layout, and a pipeline for group 0 with it. */
export function pipelineOf(
  device: GPUDevice,
  code: string,
  entries: readonly GPUBindGroupLayoutEntry[],
): { readonly layout: GPUBindGroupLayout; readonly pipeline: GPUComputePipeline } {
  const layout = device.createBindGroupLayout({ entries });
  const pipeline = device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module: device.createShaderModule({ code }) },
  });
  return { layout, pipeline };
}
