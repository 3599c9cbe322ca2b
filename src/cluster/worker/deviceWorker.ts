/** A worker on a WebGPU device. */
import type { Device, DeviceOptions } from '../../gpu/device.ts';
import { machineClass } from '../protocol/machineClass.ts';
import { type MakeSampler, rolloutMachineOf } from './rolloutMachine.ts';
import { RolloutWorker, type RolloutWorkerOptions } from './worker.ts';

/** Options of a worker on a device. */
export interface DeviceWorkerOptions extends Omit<RolloutWorkerOptions, 'open' | 'facts'> {
  /** Opens a device with a run's kernels and precision; again after it was lost. */
  open(options: Pick<DeviceOptions, 'kernelChoices' | 'matmulPrecision'>): Promise<Device>;
  /** A name for people. */
  readonly name: string;
  /** The program and system that it runs in. */
  readonly platform: string;
  /** Versions of the package, and of Dawn or the browser. */
  readonly versions: { readonly mathformer: string; readonly driver: string };
  /** Makes the sampler. Default: `Sampler`. */
  readonly makeSampler?: MakeSampler | undefined;
}

/** Make a worker on a device. A device is opened once to see what it is. @throws AdapterError if none opens. */
export async function deviceWorker(options: DeviceWorkerOptions): Promise<RolloutWorker> {
  const { open, name, platform, versions, makeSampler, ...others } = options;
  const { description, machine } = await seen(options);
  return new RolloutWorker({
    ...others,
    facts: { name, platform, version: versions.mathformer, class: machine, adapter: description },
    async open({ adapter, kernels, matmulPrecision, eos }, model) {
      // Kernels are chosen for an adapter: another one may not have them.
      const kernelChoices = adapter === description ? kernels : {};
      const device = await open({ kernelChoices, matmulPrecision });
      return rolloutMachineOf(device, model, { eos }, makeSampler);
    },
  });
}

async function seen({ open, versions }: DeviceWorkerOptions) {
  const device = await open({});
  try {
    return {
      description: device.info.description || device.name,
      machine: await machineClass(device, versions),
    };
  } finally {
    device.destroy();
  }
}
