/** The parts of a device, and how they are connected. */
import { adapterClass } from './adapterClass.ts';
import { CommandBatch } from './batch.ts';
import { BufferPool } from './buffers.ts';
import { Commands } from './commands.ts';
import type { DeviceContext } from './context.ts';
import type { DeviceLimits, DeviceOptions } from './deviceOptions.ts';
import { Failure } from './failure.ts';
import { Faults } from './faults.ts';
import { ImmediateSink } from './immediate.ts';
import { PipelineCache } from './pipelines.ts';
import { Poison, tracksWrites } from './poison.ts';
import { Reader } from './reader.ts';
import { SharedMemory } from './sharedMemory.ts';
import { waitingFor } from './waiting.ts';

/** Parts of a device, with those that take its commands and reads. */
export interface DeviceParts extends DeviceContext {
  readonly immediate: ImmediateSink;
  readonly commands: Commands;
  readonly reader: Reader;
}

/** Make the parts of a device. */
export function makeParts(gpu: GPUDevice, limits: DeviceLimits, options: DeviceOptions): DeviceParts {
  const wait = waitingFor(gpu);
  const failure = new Failure(gpu);
  const pipelines = new PipelineCache(gpu, ({ name }, message) => failure.reportKernel(name, message));
  const { profile, adapterClass: asked } = options;
  const batch = new CommandBatch(gpu, { profile, adapterClass: asked ?? adapterClass(gpu.adapterInfo) });
  const pool = new BufferPool(
    gpu,
    {
      destroying: () => {
        batch.submitNow();
        pipelines.forgetBindGroups();
      },
      outOfMemory: (error) => failure.add(error),
    },
    limits,
    options.memoryLimit,
  );
  const context: DeviceContext = {
    ...{ gpu, wait, failure, pipelines, batch, pool },
    faults: new Faults(pool, batch),
    shared: new SharedMemory(pool),
    poison: options.debug || tracksWrites(gpu.adapterInfo) ? new Poison(gpu, batch) : undefined,
  };
  const immediate = new ImmediateSink(context);
  const commands = new Commands(immediate, gpu.limits.maxComputeWorkgroupsPerDimension);
  return { ...context, immediate, commands, reader: new Reader(context) };
}
