/** The parts that an adapter computes with: a checker of shaders, and an executor of commands. */
import type { Executor, ExecutorEvents } from './executor.ts';
import type { DeviceMemory } from './memory.ts';
import type { Shader } from './wgsl/tree.ts';

/** Make the executor of a device with this memory. Its threads are ready when the promise resolves. */
export type OpenExecutor = (memory: DeviceMemory, events: ExecutorEvents) => Promise<Executor>;

export interface Backend {
  /** Added to the adapter's description, e.g. `relaxed`. All that changes results or the choice of kernels, and nothing else. */
  readonly traits: readonly string[];
  /** Lanes of a subgroup; 0 without subgroups. */
  readonly subgroupSize: number;
  /** True if the executor's threads need shared memory. */
  readonly sharedMemory: boolean;
  /** Check the source of a shader. @throws WgslError */
  checkShader(source: string): Shader;
  readonly openExecutor: OpenExecutor;
}
