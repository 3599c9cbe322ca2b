/**
 * The same product by other libraries of this world, in the same process and on the same adapter: tfjs-backend-webgpu,
 * jax-js on WebGPU, and jax-js's WebAssembly, the CPU's best in JavaScript. Each is timed from the call to its result in
 * memory, in turns; one that cannot be loaded is left out with a line.
 */
import { globals } from 'webgpu';
import type { Device } from '../src/gpu/device.ts';
import { openAdapter } from '../src/gpu/node.ts';
import { Generator, matmul, randn } from '../src/tensor/index.ts';
import { quantile } from './statistics.ts';

const SIZES = [512, 1024];
const WARM = 3;
const ROUNDS = 7;

/** Prepares two n × n matrices; the function multiplies them and waits for the result. */
type Prepare = (n: number) => Promise<() => Promise<unknown>>;

export interface PeerResult {
  readonly library: string;
  readonly n: number;
  /** GFLOP/s, median. */
  readonly speed: number;
}

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

/** Speeds of all that can be loaded; `skipped` hears of the others. */
export async function measurePeers(
  device: Device,
  skipped: (library: string, reason: string) => void,
): Promise<PeerResult[]> {
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
  const results: PeerResult[] = [];
  for (const n of SIZES) {
    const runs = [];
    for (const [library, prepare] of libraries) {
      const multiply = await prepare(n);
      for (let i = 0; i < WARM; i++) await multiply();
      runs.push({ library, multiply, times: [] as number[] });
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const { multiply, times } of runs) {
        const started = performance.now();
        await multiply();
        times.push((performance.now() - started) / 1000);
      }
    }
    for (const { library, times } of runs) {
      results.push({ library, n, speed: (2 * n ** 3) / quantile(times, 0.5) / 1e9 });
    }
  }
  return results;
}
