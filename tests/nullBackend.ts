/** Dawn without a driver: its null backend compiles for every feature, and runs nothing. */
import { create } from 'webgpu';

/** Instances are kept as long as the process: Dawn crashes or hangs once one is collected whose devices are used. */
const kept: GPU[] = [];

/** Open the null backend, with further flags of Dawn. */
export function openNullBackend(...flags: readonly string[]): GPU {
  const gpu = create(['backend=null', ...flags]);
  kept.push(gpu);
  return gpu;
}
