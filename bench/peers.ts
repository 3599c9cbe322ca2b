/**
 * Comparisons of matrix products with other libraries, in the same process and on the same adapter: tfjs-backend-webgpu,
 * and jax-js on WebGPU and on WebAssembly. Each is timed from the call until the result is in CPU memory. A library that
 * cannot be loaded is skipped with a message.
 */
import { globals } from 'webgpu';
import type { Device } from '../src/gpu/device.ts';
import { openAdapter } from '../src/gpu/node.ts';
import { Generator, matmul, randn } from '../src/tensor/index.ts';
import type { Comparison } from './comparison.ts';

const SIZES = [512, 1024];

/** Prepare two n × n matrices. Return a function that multiplies them and waits for the result. */
type Prepare = (n: number) => Promise<() => Promise<unknown>>;

/** Define the globals that libraries for browsers expect. */
function pretendBrowser(): void {
  for (const [name, value] of Object.entries(globals)) {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  const gpu = {
    requestAdapter: async () => (await openAdapter()).adapter,
    getPreferredCanvasFormat: () => 'bgra8unorm',
  };
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'node' }, configurable: true });
}

function ours(device: Device): Prepare {
  return async (n) => {
    const generator = new Generator(n);
    const [a, b] = [randn(device, [n, n], { generator }), randn(device, [n, n], { generator })];
    return () => {
      using _ = device.scope();
      return matmul(a, b).data();
    };
  };
}

async function tensorflow(): Promise<Prepare> {
  const tf = await import('@tensorflow/tfjs-core');
  await import('@tensorflow/tfjs-backend-webgpu');
  if (!(await tf.setBackend('webgpu'))) throw new Error('WebGPU is not available to it');
  return async (n) => {
    const [a, b] = [tf.randomNormal([n, n]), tf.randomNormal([n, n])];
    return async () => {
      const product = tf.matMul(a, b);
      await product.data();
      product.dispose();
    };
  };
}

async function jax(backend: 'webgpu' | 'wasm'): Promise<Prepare> {
  const { init, defaultDevice, numpy, random } = await import('@jax-js/jax');
  const backends = await init();
  if (!backends.includes(backend)) throw new Error(`its backend ${backend} is not available`);
  return async (n) => {
    defaultDevice(backend);
    const matrix = (seed: number) => random.normal(random.key(seed), [n, n]);
    const [a, b] = [matrix(0), matrix(1)];
    return () => numpy.matmul(a.ref, b.ref).data();
  };
}

/** Load the libraries. `skipped` is called for each that cannot be loaded. */
async function loaded(
  device: Device,
  skipped: (library: string, reason: string) => void,
): Promise<Map<string, Prepare>> {
  pretendBrowser();
  const libraries = new Map<string, Prepare>([['mathformer', ours(device)]]);
  const candidates: [string, () => Promise<Prepare>][] = [
    ['tfjs-backend-webgpu', tensorflow],
    ['jax-js, WebGPU', () => jax('webgpu')],
    ['jax-js, WebAssembly', () => jax('wasm')],
  ];
  for (const [library, load] of candidates) {
    try {
      libraries.set(library, await load());
    } catch (error) {
      skipped(library, error instanceof Error ? error.message : String(error));
    }
  }
  return libraries;
}

/** Return for each n one comparison of the product of two n × n matrices, by all libraries that can be loaded. */
export async function peerComparisons(
  device: Device,
  skipped: (library: string, reason: string) => void,
): Promise<Comparison[]> {
  const libraries = await loaded(device, skipped);
  const comparisons: Comparison[] = [];
  for (const n of SIZES) {
    const contenders = [];
    for (const [name, prepare] of libraries) contenders.push({ name, run: await prepare(n) });
    comparisons.push({ name: `peers ${n}³`, contenders });
  }
  return comparisons;
}
