/** The device: a GPUDevice without textures, samplers and render pipelines. */
import type { Backend } from './backend.ts';
import { createBindGroup, createBindGroupLayout, createPipelineLayout } from './bindings.ts';
import { createBuffer } from './buffers.ts';
import { WasmCommandEncoder } from './encoder.ts';
import { ErrorScopes, UncapturedErrorEvent, ValidationError } from './errors.ts';
import type { Executor, ExecutorEvents } from './executor.ts';
import { DeviceMemory } from './memory.ts';
import { createComputePipeline, createComputePipelineAsync } from './pipelines.ts';
import { createQuerySet } from './queries.ts';
import { WasmQueue } from './queue.ts';
import { createShaderModule } from './shaderModule.ts';
import type { DeviceState } from './state.ts';
import { Submissions } from './submissions.ts';
import { unsupported } from './unsupported.ts';

class DeviceLostInfo implements GPUDeviceLostInfo {
  declare readonly __brand: 'GPUDeviceLostInfo';
  readonly reason: GPUDeviceLostReason;
  readonly message: string;

  constructor(reason: GPUDeviceLostReason, message: string) {
    this.reason = reason;
    this.message = message;
  }
}

/** The parts that a device is opened with. */
export interface DeviceSetting {
  readonly label: string;
  readonly adapterInfo: GPUAdapterInfo;
  readonly features: ReadonlySet<string>;
  readonly limits: GPUSupportedLimits;
  readonly backend: Backend;
  /** Maximum bytes of memory. */
  readonly memoryLimit: number;
}

export class WasmDevice extends EventTarget implements GPUDevice {
  declare readonly __brand: 'GPUDevice';
  label: string;
  readonly features: GPUSupportedFeatures;
  readonly limits: GPUSupportedLimits;
  readonly adapterInfo: GPUAdapterInfo;
  readonly queue: GPUQueue;
  readonly lost: Promise<GPUDeviceLostInfo>;
  onuncapturederror: ((this: GPUDevice, event: GPUUncapturedErrorEvent) => void) | null = null;
  readonly #state: DeviceState;
  #lose: (info: GPUDeviceLostInfo) => void = () => {};

  private constructor(setting: DeviceSetting, memory: DeviceMemory, executor: Executor) {
    super();
    const { label, adapterInfo, backend, features, limits } = setting;
    this.label = label;
    this.adapterInfo = adapterInfo;
    this.features = features;
    this.limits = limits;
    const errors = new ErrorScopes((error) => this.#uncaptured(error));
    const submissions = new Submissions(memory, executor, (reason) => this.#end('unknown', reason));
    this.#state = { backend, features, limits, errors, memory, executor, submissions, isLost: false };
    this.queue = new WasmQueue(this.#state);
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
  }

  /** Open a device: reserve its memory, and start its threads. @throws RangeError if there is no memory to reserve. */
  static async open(setting: DeviceSetting): Promise<WasmDevice> {
    const { backend, memoryLimit } = setting;
    const memory = new DeviceMemory({ mostBytes: memoryLimit, shared: backend.sharedMemory });
    const events: ExecutorEvents = { lost: () => {}, found: () => {} };
    const device = new WasmDevice(setting, memory, await backend.openExecutor(memory, events));
    events.lost = (message) => device.#end('unknown', message);
    events.found = (message) => device.#uncaptured(new ValidationError(message));
    return device;
  }

  /** Bytes of memory in use, programs included. */
  get usedBytes(): number {
    return this.#state.memory.usedBytes;
  }

  destroy(): undefined {
    this.#end('destroyed', 'the device was destroyed');
  }

  createBuffer(descriptor: GPUBufferDescriptor): GPUBuffer {
    return createBuffer(this.#state, descriptor);
  }

  createShaderModule(descriptor: GPUShaderModuleDescriptor): GPUShaderModule {
    return createShaderModule(this.#state, descriptor);
  }

  createBindGroupLayout(descriptor: GPUBindGroupLayoutDescriptor): GPUBindGroupLayout {
    return createBindGroupLayout(this.#state, descriptor);
  }

  createPipelineLayout(descriptor: GPUPipelineLayoutDescriptor): GPUPipelineLayout {
    return createPipelineLayout(this.#state, descriptor);
  }

  createBindGroup(descriptor: GPUBindGroupDescriptor): GPUBindGroup {
    return createBindGroup(this.#state, descriptor);
  }

  createComputePipeline(descriptor: GPUComputePipelineDescriptor): GPUComputePipeline {
    return createComputePipeline(this.#state, descriptor);
  }

  createComputePipelineAsync(descriptor: GPUComputePipelineDescriptor): Promise<GPUComputePipeline> {
    return createComputePipelineAsync(this.#state, descriptor);
  }

  createCommandEncoder(descriptor?: GPUCommandEncoderDescriptor): GPUCommandEncoder {
    return new WasmCommandEncoder(this.#state, descriptor);
  }

  createQuerySet(descriptor: GPUQuerySetDescriptor): GPUQuerySet {
    return createQuerySet(this.#state, descriptor);
  }

  pushErrorScope(filter: GPUErrorFilter): undefined {
    this.#state.errors.push(filter);
  }

  async popErrorScope(): Promise<GPUError | null> {
    return this.#state.errors.pop();
  }

  createTexture(): never {
    return unsupported('createTexture', 'createBuffer');
  }

  createSampler(): never {
    return unsupported('createSampler', 'createBuffer');
  }

  importExternalTexture(): never {
    return unsupported('importExternalTexture', 'createBuffer');
  }

  createRenderPipeline(): never {
    return unsupported('createRenderPipeline', 'createComputePipeline');
  }

  createRenderPipelineAsync(): never {
    return unsupported('createRenderPipelineAsync', 'createComputePipelineAsync');
  }

  createRenderBundleEncoder(): never {
    return unsupported('createRenderBundleEncoder', 'createCommandEncoder');
  }

  /** Dispatch the event of an error, unless the device is lost: errors that follow say nothing new. */
  #uncaptured(error: GPUError): void {
    if (this.#state.isLost) return;
    const event = new UncapturedErrorEvent(error);
    this.onuncapturederror?.(event);
    this.dispatchEvent(event);
  }

  #end(reason: GPUDeviceLostReason, message: string): void {
    if (this.#state.isLost) return;
    this.#state.isLost = true;
    this.#state.executor.destroy();
    this.#state.submissions.abandon();
    this.#lose(new DeviceLostInfo(reason, message));
  }
}
