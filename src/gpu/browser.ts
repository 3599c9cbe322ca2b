/** Opens the adapter of the browser (or of any runtime that has `navigator.gpu`). */
import { AdapterError } from './adapters/error.ts';

/** @throws AdapterError if the runtime has no WebGPU, or no adapter for it */
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
