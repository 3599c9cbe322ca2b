/** The adapter `wasm-checked`: it computes the same bits as `wasm`, slowly, and finds the faults of kernels. */
import { WasmAdapter } from '../adapter.ts';
import { checkShader } from '../wgsl/index.ts';
import { openChecked } from './executor.ts';

/**
 * Open an adapter that checks every kernel. A fault is an uncaptured error of the device, so that the next read throws it.
 *
 * @param subgroupSize lanes of a subgroup; 0 for an adapter without subgroups.
 */
export function openCheckedAdapter(subgroupSize = 0): GPUAdapter {
  return new WasmAdapter({
    traits: ['checked', ...(subgroupSize > 0 ? [`subgroups of ${subgroupSize}`] : [])],
    subgroupSize,
    sharedMemory: false,
    checkShader,
    openExecutor: openChecked(subgroupSize),
  });
}
