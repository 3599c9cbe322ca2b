/** In place of src/gpu/node.ts for tests in a page: the browser's own adapter, or `wasm` where a test or the address asks for it. */
import { openAdapter as open } from '../../../src/gpu/browser.ts';

/** `wasm`, or the browser's WebGPU. @throws Error if the browser has none. */
export async function openAdapter({ name = 'webgpu' }: { readonly name?: string } = {}) {
  const adapter = await open({ adapter: name, threads: 2 });
  if (name === 'webgpu' && adapter.info.vendor === 'mathformer') throw new Error('no WebGPU here');
  return { adapter };
}
