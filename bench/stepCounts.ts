/** Count the dispatches of training steps, on the adapter itself and on GPUs. Kernels are not run, so nothing is timed. */
import { Device, type DeviceOptions } from '../src/gpu/device.ts';
import { countingAdapter, type Pretended, plainGpu } from './countingAdapter.ts';
import type { StepCase } from './stepCases.ts';

/** Dispatches of a step. */
export interface StepCount {
  readonly name: string;
  /** With the kernels of this adapter. */
  readonly adapter: number;
  /** With the kernels of GPUs that have subgroups of 32 lanes. */
  readonly gpu: number;
  /** With the kernels of GPUs in browsers without subgroups. */
  readonly withoutSubgroups: number;
  /** The number that a step may take on a GPU; null without a limit. */
  readonly limit: number | null;
}

/** Lanes of the subgroups of most GPUs. */
const LANES = 32;

/** Count the dispatches of a warm step. `device` samples completions. */
async function countStep(
  each: StepCase,
  device: Device,
  pretended: Pretended,
  options: DeviceOptions = {},
): Promise<number> {
  const counting = countingAdapter(pretended);
  const idle = await Device.open(counting.adapter, options);
  try {
    const step = each.prepare(idle, { replay: true, sampledOn: device });
    await step();
    counting.take();
    await step();
    return counting.take().length;
  } finally {
    idle.destroy();
  }
}

/** Count the dispatches of a warm step of each case. `device` is open on the adapter, and samples completions. */
export async function countSteps(device: Device, cases: readonly StepCase[]): Promise<StepCount[]> {
  const { info, gpu } = device;
  const own: Pretended = { info, features: gpu.features, limits: gpu.limits };
  const counts: StepCount[] = [];
  for (const each of cases) {
    counts.push({
      name: each.name,
      adapter: await countStep(each, device, own),
      gpu: await countStep(each, device, plainGpu(LANES), { adapterClass: 'gpu' }),
      withoutSubgroups: await countStep(each, device, plainGpu(0), { adapterClass: 'gpu' }),
      limit: each.mostDispatches,
    });
  }
  return counts;
}

/** Return true if a step keeps to its limit on every GPU. */
export const holds = ({ gpu, withoutSubgroups, limit }: StepCount): boolean =>
  limit === null || Math.max(gpu, withoutSubgroups) <= limit;
