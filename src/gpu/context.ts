/** The parts of a device that its commands, reads and recordings work with. */
import type { CommandBatch } from './batch.ts';
import type { BufferPool } from './buffers.ts';
import type { Failure } from './failure.ts';
import type { Faults } from './faults.ts';
import type { PipelineCache } from './pipelines.ts';
import type { Poison } from './poison.ts';
import type { SharedMemory } from './sharedMemory.ts';
import type { Wait } from './waiting.ts';

/** Memory, compiled kernels, the open batch, and what may be wrong with values. */
export interface DeviceContext {
  readonly gpu: GPUDevice;
  readonly pool: BufferPool;
  readonly pipelines: PipelineCache;
  readonly batch: CommandBatch;
  readonly faults: Faults;
  readonly failure: Failure;
  readonly wait: Wait;
  /** Memory that all recordings share. */
  readonly shared: SharedMemory;
  /** Fills fresh memory in debug mode. */
  readonly poison: Poison | undefined;
}
