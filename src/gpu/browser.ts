/** The adapter of the browser (or of any runtime with `navigator.gpu`), and the tuner's choices for it. */
import { createStore, get, set } from 'idb-keyval';
import { AdapterError } from './adapters/error.ts';
import type { MatmulPrecision } from './device.ts';
import { adapterTraits, type KernelChoices } from './kernelChoices.ts';

/** Open the adapter. @throws AdapterError if the runtime has no WebGPU, or no adapter. */
export async function openAdapter(): Promise<GPUAdapter> {
  const { navigator } = globalThis as { readonly navigator?: Partial<NavigatorGPU> };
  if (!navigator?.gpu) {
    throw new AdapterError(
      'NO_ADAPTER',
      'this browser has no WebGPU, or the page is not served from a secure context',
      'navigator.gpu',
      'Use a browser with WebGPU, and serve the page over HTTPS or from localhost.',
    );
  }
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new AdapterError(
      'NO_ADAPTER',
      'the browser has WebGPU but offers no adapter',
      'navigator.gpu.requestAdapter',
      'Turn on hardware acceleration, or update the graphics driver.',
    );
  }
  return adapter;
}

const choicesStore = () => createStore('mathformer', 'kernels');

type Identified = Pick<GPUAdapter, 'info' | 'features'>;

/** Return the key of an adapter's choices, which hold for one version of the browser. */
function identityOf({ info, features }: Identified, matmulPrecision: MatmulPrecision): string {
  const { navigator } = globalThis as { readonly navigator?: { readonly userAgent?: string } };
  const traits = Object.values(adapterTraits(info));
  return JSON.stringify([...traits, matmulPrecision, navigator?.userAgent, ...[...features].sort()]);
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
