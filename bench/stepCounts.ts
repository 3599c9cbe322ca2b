/** Count the dispatches of training steps, on the adapter itself and on GPUs. Kernels are not run, so nothing is timed. */
import { Device, type DeviceOptions } from '../src/gpu/device.ts';
import { Sampler } from '../src/model/sampler.ts';
import { EOS } from '../src/tasks/arithmetic/tokenizer.ts';
import { countingAdapter, type Pretended, plainGpu } from './countingAdapter.ts';
import { policyOf, type StepCase, type StepForm } from './stepCases.ts';

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
export const LANES = 32;

type Source = NonNullable<StepForm['source']>;

/** Count the dispatches of a warm step. */
async function countStep(
  each: StepCase,
  source: Source,
  pretended: Pretended,
  options: DeviceOptions = {},
): Promise<number> {
  const counting = countingAdapter(pretended);
  const idle = await Device.open(counting.adapter, options);
  try {
    const step = each.prepare(idle, { replay: true, source });
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
  const source: Source = (size) => new Sampler(policyOf(device, size), { eos: EOS });
  const counts: StepCount[] = [];
  for (const each of cases) {
    counts.push({
      name: each.name,
      adapter: await countStep(each, source, own),
      gpu: await countStep(each, source, plainGpu(LANES), { adapterClass: 'gpu' }),
      withoutSubgroups: await countStep(each, source, plainGpu(0), { adapterClass: 'gpu' }),
      limit: each.mostDispatches,
    });
  }
  return counts;
}

/** Return true if a step keeps to its limit on every GPU. */
export const holds = ({ gpu, withoutSubgroups, limit }: StepCount): boolean =>
  limit === null || Math.max(gpu, withoutSubgroups) <= limit;
