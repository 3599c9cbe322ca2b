/** The module that a page of the determinism test loads, as a bundle. */
import { openDevice } from '../../src/index.browser.ts';
import { type Digests, trainingDigests } from './training.ts';

/** The results of a page, and if its memory could be shared between threads. */
export interface PageResult {
  readonly digests: Digests;
  readonly isolated: boolean;
}

/** Train on the WebAssembly adapter. */
export async function run(): Promise<PageResult> {
  const device = await openDevice({ adapter: 'wasm' });
  const digests = await trainingDigests(device);
  device.destroy();
  const { crossOriginIsolated: isolated = false } = globalThis as { readonly crossOriginIsolated?: boolean };
  return { digests, isolated };
}
