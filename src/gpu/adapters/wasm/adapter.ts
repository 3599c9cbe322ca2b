/** The adapter: a GPUAdapter that computes with WebAssembly. */
import type { Backend } from './backend.ts';
import { defineConstants } from './constants.ts';
import { WasmDevice } from './device.ts';
import { adapterLimits, deviceLimits } from './limits.ts';
import { MOST_BYTES } from './memory.ts';

class AdapterInfo implements GPUAdapterInfo {
  declare readonly __brand: 'GPUAdapterInfo';
  readonly vendor = 'mathformer';
  /** Kernels made for `wasm` are preferred there; with subgroups, those made for GPUs. */
  readonly architecture: string;
  readonly device = '';
  /** Identifies the kernels and their results: the number of threads changes neither. */
  readonly description: string;
  readonly isFallbackAdapter = false;
  readonly subgroupMinSize: number;
  readonly subgroupMaxSize: number;

  constructor({ traits, subgroupSize }: Backend) {
    this.architecture = subgroupSize > 0 ? 'simt' : 'wasm';
    this.description = ['WebAssembly SIMD', ...traits].join(', ');
    // WebGPU's values for adapters without subgroups.
    this.subgroupMinSize = subgroupSize || 4;
    this.subgroupMaxSize = subgroupSize || 128;
  }
}

export class WasmAdapter implements GPUAdapter {
  declare readonly __brand: 'GPUAdapter';
  readonly features: ReadonlySet<string>;
  readonly isFallbackAdapter = false;
  readonly limits = adapterLimits();
  readonly info: GPUAdapterInfo;
  readonly #backend: Backend;
  readonly #memoryLimit: number;

  /** @param memoryLimit maximum bytes of a device's memory; at most 4 GiB. */
  constructor(
    backend: Backend,
    { memoryLimit = MOST_BYTES }: { readonly memoryLimit?: number | undefined } = {},
  ) {
    defineConstants();
    this.#backend = backend;
    this.#memoryLimit = memoryLimit;
    this.info = new AdapterInfo(backend);
    this.features = new Set(['timestamp-query', ...(backend.subgroupSize > 0 ? ['subgroups'] : [])]);
  }

  async requestAdapterInfo(): Promise<GPUAdapterInfo> {
    return this.info;
  }

  /** Open a device. @throws DOMException for a limit that the adapter has not; TypeError for such a feature. */
  async requestDevice(descriptor: GPUDeviceDescriptor = {}): Promise<GPUDevice> {
    const { requiredFeatures = [], requiredLimits, label = '' } = descriptor;
    const features = new Set<string>(requiredFeatures);
    for (const feature of features)
      if (!this.features.has(feature)) throw new TypeError(`this adapter has no feature '${feature}'`);
    return WasmDevice.open({
      ...{ label, features, adapterInfo: this.info, limits: deviceLimits(requiredLimits) },
      ...{ backend: this.#backend, memoryLimit: this.#memoryLimit },
    });
  }
}

/** A GPU, as in `navigator.gpu`, that offers one adapter. */
export class WasmGpu implements GPU {
  declare readonly __brand: 'GPU';
  readonly wgslLanguageFeatures: ReadonlySet<string> = new Set();
  readonly #adapter: GPUAdapter;

  constructor(adapter: GPUAdapter) {
    this.#adapter = adapter;
  }

  async requestAdapter(): Promise<GPUAdapter> {
    return this.#adapter;
  }

  getPreferredCanvasFormat(): GPUTextureFormat {
    return 'rgba8unorm';
  }
}
