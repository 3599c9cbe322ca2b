/** The adapter of a browser (or of any runtime with `navigator.gpu`), and the tuner's choices for it. */
import { createStore, get, set } from 'idb-keyval';
import { isSoftware } from './adapterClass.ts';
import type { AdapterOptions } from './adapterOptions.ts';
import { AdapterError } from './adapters/error.ts';
import type { MatmulPrecision } from './device.ts';
import { adapterTraits, type KernelChoices } from './kernelChoices.ts';

/** The part of `navigator` that is used. */
interface Navigator extends Partial<NavigatorGPU> {
  readonly hardwareConcurrency?: number;
  readonly userAgent?: string;
}

const navigatorOf = (): Navigator =>
  (globalThis as { readonly navigator?: Navigator | undefined }).navigator ?? {};

/**
 * Open the adapter of a browser: its WebGPU on hardware, or else `wasm`, which is faster than WebGPU in software. `webgpu`
 * opens its WebGPU, on hardware or not.
 * @throws AdapterError if the browser has no WebGPU and `webgpu` is asked for, or no WebAssembly SIMD either.
 */
export async function openAdapter({ adapter, ...options }: AdapterOptions = {}): Promise<GPUAdapter> {
  const name = adapter?.trim().toLowerCase();
  if (name === 'wasm') return openWasmAdapter(options);
  const found = await navigatorOf().gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (name === 'webgpu') return found ?? withoutWebGpu();
  return found && !isSoftware(found.info) ? found : openWasmAdapter(options);
}

function withoutWebGpu(): never {
  const fix =
    'leave the adapter out, which computes with WebAssembly, or allow WebGPU in the settings of the browser';
  throw new AdapterError('NO_ADAPTER', 'this browser offers no WebGPU here', 'webgpu', fix);
}

/** Open `wasm`. Its compiler is loaded only here. */
async function openWasmAdapter({ threads, relaxed }: AdapterOptions): Promise<GPUAdapter> {
  const [{ openWasm }, { startWebThread: startThread }] = await Promise.all([
    import('./adapters/wasm/index.ts'),
    import('./adapters/wasm/webThread.ts'),
  ]);
  const { hardwareConcurrency = 1 } = navigatorOf();
  return openWasm({ threads: threads ?? hardwareConcurrency, relaxed, startThread }).adapter;
}

const choicesStore = () => createStore('mathformer', 'kernels');

type Identified = Pick<GPUAdapter, 'info' | 'features'>;

/** Return the key of an adapter's choices, which hold for one version of the browser. */
function identityOf({ info, features }: Identified, matmulPrecision: MatmulPrecision): string {
  const traits = Object.values(adapterTraits(info));
  return JSON.stringify([...traits, matmulPrecision, navigatorOf().userAgent, ...[...features].sort()]);
}

/** Return the choices kept in IndexedDB for this adapter, for `DeviceOptions.kernelChoices`. */
export async function keptKernelChoices(
  adapter: Identified,
  matmulPrecision: MatmulPrecision = 'highest',
): Promise<KernelChoices> {
  return (await get<KernelChoices>(identityOf(adapter, matmulPrecision), choicesStore())) ?? {};
}

/** Add choices, such as `choicesOf(await tune(…))`, to those kept for this adapter. */
export async function keepKernelChoices(
  adapter: Identified,
  choices: KernelChoices,
  matmulPrecision: MatmulPrecision = 'highest',
): Promise<void> {
  const kept = await keptKernelChoices(adapter, matmulPrecision);
  await set(identityOf(adapter, matmulPrecision), { ...kept, ...choices }, choicesStore());
}
