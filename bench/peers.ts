/**
 * The same product by other libraries of this world, in the same process and on the same adapter: tfjs-backend-webgpu,
 * jax-js on WebGPU, and jax-js's WebAssembly, the CPU's best in JavaScript. Each is compared from the call to its result in
 * memory; one that cannot be loaded is left out with a line.
 */
import { globals } from 'webgpu';
import type { Device } from '../src/gpu/device.ts';
import { openAdapter } from '../src/gpu/node.ts';
import { Generator, matmul, randn } from '../src/tensor/index.ts';
import type { Comparison } from './comparison.ts';

const SIZES = [512, 1024];

/** Prepares two n × n matrices; the function multiplies them and waits for the result. */
type Prepare = (n: number) => Promise<() => Promise<unknown>>;

/** What libraries for browsers look for. */
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
  if (!(await tf.setBackend('webgpu'))) throw new Error('it finds no WebGPU');
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
  if (!backends.includes(backend)) throw new Error(`it has no ${backend} here`);
  return async (n) => {
    defaultDevice(backend);
    const matrix = (seed: number) => random.normal(random.key(seed), [n, n]);
    const [a, b] = [matrix(0), matrix(1)];
    return () => numpy.matmul(a.ref, b.ref).data();
  };
}

/** Libraries that can be loaded; `skipped` hears of the others. */
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

/** The product of two n × n matrices by every library that can be loaded, for each n. */
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
