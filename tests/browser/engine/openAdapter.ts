/** In place of src/gpu/node.ts for tests in a page: the browser's own adapter, or `wasm` where a test or the address asks for it. */
import { openAdapter as open } from '../../../src/gpu/browser.ts';

/** Open `wasm`, or the browser's WebGPU. @throws AdapterError if the browser has none. */
export async function openAdapter({ name = 'webgpu' }: { readonly name?: string } = {}) {
  return { adapter: await open({ adapter: name, threads: 2 }) };
}
