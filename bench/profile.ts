/** Evaluate the profile of a device: time on the GPU's clock, and the least possible time of each kernel. */
import type { Device } from '../src/gpu/device.ts';
import type { ProfiledDispatch } from '../src/gpu/profiler.ts';
import { bound, type Ceilings } from './bound.ts';
import { total } from './statistics.ts';

/** Read a device's profile piece by piece. */
export class Profile {
  readonly device: Device;
  #seen = 0;

  constructor(device: Device) {
    this.device = device;
  }

  /** Skip all dispatches so far. */
  async skip(): Promise<void> {
    this.#seen = (await this.device.profile()).length;
  }

  /** Return the dispatches since the last call of `skip` or `next`. */
  async next(): Promise<readonly ProfiledDispatch[]> {
    const all = await this.device.profile();
    const from = this.#seen;
    this.#seen = all.length;
    return all.slice(from);
  }
}

/** Return the seconds of a dispatch on the GPU's clock; undefined without timestamps. */
function seconds({ start, end }: ProfiledDispatch): number | undefined {
  return start === undefined || end === undefined ? undefined : Math.max(0, end - start) / 1000;
}

/** Return the total seconds of dispatches on the GPU's clock; undefined without timestamps. */
export function secondsOn(dispatches: readonly ProfiledDispatch[]): number | undefined {
  const times = dispatches.map(seconds);
  return times.includes(undefined) ? undefined : total(times.map((time) => time ?? 0));
}

/**
 * Work of all dispatches of a kernel together, where a dispatch alone does not determine it: FLOPs that depend on sequence
 * lengths, or bytes of buffers that are only partly used. Kernels are matched by the start of their name.
 */
export interface KnownWork {
  readonly kernel: string;
  readonly flops?: number;
  readonly bytes?: number;
}

/** One kernel's share of a step. */
export interface KernelShare {
  readonly kernel: string;
  readonly dispatches: number;
  /** Seconds on the GPU's clock; null without timestamps. */
  readonly gpu: number | null;
  /** Least possible seconds, without the cost of dispatching. */
  readonly bound: number;
}

/** Return the time that ranks kernels: that on the GPU's clock, or without timestamps the bound. */
export const shareOf = ({ gpu, bound }: Pick<KernelShare, 'gpu' | 'bound'>): number => gpu ?? bound;

export const longestFirst = (a: KernelShare, b: KernelShare): number => shareOf(b) - shareOf(a);

/**
 * Return the kernels of a step, the slowest first. The bound of a kernel is the sum over its dispatches of
 * max(FLOPs / P, bytes / W), from the size of the bound buffers and the FLOPs that the kernel declares. For kernels in
 * `known` it follows from the known work instead.
 */
export function sharesByKernel(
  dispatches: readonly ProfiledDispatch[],
  ceilings: Ceilings,
  known: readonly KnownWork[] = [],
): KernelShare[] {
  const groups = new Map<string, ProfiledDispatch[]>();
  for (const dispatch of dispatches) {
    const name = known.find(({ kernel }) => dispatch.kernel.startsWith(kernel))?.kernel ?? dispatch.kernel;
    const group = groups.get(name);
    if (group) group.push(dispatch);
    else groups.set(name, [dispatch]);
  }
  const shares = [...groups].map(([kernel, group]) => {
    const work = known.find((each) => each.kernel === kernel);
    return {
      kernel,
      dispatches: group.length,
      gpu: secondsOn(group) ?? null,
      bound: work
        ? knownBound(group, work, ceilings)
        : total(group.map((each) => dispatchBound(each, ceilings))),
    };
  });
  return shares.sort(longestFirst);
}

const dispatchBound = ({ flops, bytes }: ProfiledDispatch, ceilings: Ceilings): number =>
  bound({ flops, bytes, dispatches: 0 }, ceilings);

function knownBound(group: readonly ProfiledDispatch[], work: KnownWork, ceilings: Ceilings): number {
  const flops = work.flops ?? total(group.map((each) => each.flops));
  const bytes = work.bytes ?? total(group.map((each) => each.bytes));
  return bound({ flops, bytes, dispatches: 0 }, ceilings);
}

/** Return the least possible seconds of a step: the bounds of its kernels, plus t0 for every dispatch. */
export const stepBound = (kernels: readonly KernelShare[], { t0 }: Ceilings): number =>
  total(kernels.map(({ bound, dispatches }) => bound + dispatches * t0));
