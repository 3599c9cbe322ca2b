/** The kernels of training steps on a GPU, with their costs. Nothing is run. */

import { WgslError } from '../../src/gpu/adapters/wasm/wgsl/index.ts';
import type { DeviceOptions } from '../../src/gpu/device.ts';
import { Device } from '../../src/gpu/device.ts';
import type { Completion, CompletionSampler } from '../../src/model/sampler.ts';
import { EOS } from '../../src/tasks/arithmetic/tokenizer.ts';
import { type CountedDispatch, countingAdapter, type Pretended } from '../countingAdapter.ts';
import type { StepCase } from '../stepCases.ts';
import { type KernelCost, kernelCost } from './kernelCost.ts';

/** A kernel of a step. */
export interface StepKernel {
  readonly kernel: string;
  /** Dispatches of a step. */
  readonly dispatches: number;
  /** Most workgroups of a dispatch. */
  readonly workgroups: number;
  /** Bytes of the bound storage buffers of all dispatches. */
  readonly bytes: number;
  /** Undefined if the WGSL has something that cannot be read, such as f16. */
  readonly cost: KernelCost | undefined;
}

/** Tokens of each completion. */
const COMPLETION = 40;

/** A sampler without a device: each completion has as many tokens, so that costs do not depend on a model's weights. */
const sampler: CompletionSampler = {
  async generate(prompts, { groupSize = 1, maxNewTokens }) {
    const length = Math.min(COMPLETION, maxNewTokens);
    const completion = (prompt: number): Completion => ({
      prompt,
      tokens: [...new Array<number>(length - 1).fill(1), EOS],
      logps: new Float32Array(length).fill(-1),
      finished: true,
    });
    return prompts.flatMap((_, prompt) => Array.from({ length: groupSize }, () => completion(prompt)));
  },
  dispose() {},
};

/** Return the kernels of a warm step on an adapter that is pretended, in the order of their first dispatch. */
export async function stepKernels(
  each: StepCase,
  pretended: Pretended,
  options: DeviceOptions = { adapterClass: 'gpu' },
): Promise<StepKernel[]> {
  const counting = countingAdapter(pretended);
  const idle = await Device.open(counting.adapter, options);
  try {
    const step = each.prepare(idle, { replay: true, source: () => sampler });
    await step();
    counting.take();
    await step();
    return byKernel(counting.take());
  } finally {
    idle.destroy();
  }
}

function byKernel(dispatches: readonly CountedDispatch[]): StepKernel[] {
  const groups = new Map<string, CountedDispatch[]>();
  for (const dispatch of dispatches) {
    const group = groups.get(dispatch.wgsl);
    if (group) group.push(dispatch);
    else groups.set(dispatch.wgsl, [dispatch]);
  }
  return [...groups].map(([wgsl, group]) => ({
    kernel: group[0]?.kernel ?? '',
    dispatches: group.length,
    workgroups: Math.max(...group.map(({ workgroups: [x, y, z] }) => x * y * z)),
    bytes: group.reduce((total, { bytes }) => total + bytes, 0),
    cost: costOf(wgsl),
  }));
}

const costs = new Map<string, KernelCost | undefined>();

function costOf(wgsl: string): KernelCost | undefined {
  if (!costs.has(wgsl)) {
    try {
      costs.set(wgsl, kernelCost(wgsl));
    } catch (error) {
      if (!(error instanceof WgslError)) throw error;
      costs.set(wgsl, undefined);
    }
  }
  return costs.get(wgsl);
}

/** Limits of a kernel: WebGPU's default limits, and private arrays that stay in registers or a cache. */
export const LIMITS = {
  privateBytes: 256,
  workgroupBytes: 16_384,
  threads: 256,
  storageBuffers: 8,
} as const;

/** Return in plain words what a kernel takes beyond the limits; empty if it keeps to them. */
export function excesses(cost: KernelCost): string[] {
  const most = (name: keyof typeof LIMITS, text: string): string[] =>
    cost[name] > LIMITS[name] ? [`${cost[name]} ${text}, at most ${LIMITS[name]}`] : [];
  return [
    ...most('privateBytes', 'bytes of private arrays'),
    ...most('workgroupBytes', 'bytes of workgroup memory'),
    ...most('threads', 'invocations'),
    ...most('storageBuffers', 'storage buffers'),
    ...(cost.lonelyLoops.length > 0 ? ['one lane loops while the others wait'] : []),
  ];
}
