/** The module that a page loads to train on the WebAssembly adapter. */
import { openDevice } from '../../../src/index.browser.ts';
import { type Digests, trainingDigests } from '../../determinism/training.ts';

/** The results of a page, and if its memory could be shared between threads. */
export interface PageResult {
  readonly digests: Digests;
  readonly isolated: boolean;
}

export async function run(): Promise<PageResult> {
  const device = await openDevice({ adapter: 'wasm' });
  const digests = await trainingDigests(device);
  device.destroy();
  return { digests, isolated: crossOriginIsolated };
}
