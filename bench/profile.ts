/** What a profiling device says of the work it did: time by the GPU's clock, and the least time of every dispatch. */
import type { Device } from '../src/gpu/device.ts';
import type { ProfiledDispatch } from '../src/gpu/profiler.ts';
import { bound, type Ceilings } from './bound.ts';
import { total } from './statistics.ts';

/** Reads a device's profile piece by piece. */
export class Profile {
  readonly device: Device;
  #seen = 0;

  constructor(device: Device) {
    this.device = device;
  }

  /** Leaves out everything so far. */
  async skip(): Promise<void> {
    this.#seen = (await this.device.profile()).length;
  }

  /** The dispatches since the last call of either. */
  async next(): Promise<readonly ProfiledDispatch[]> {
    const all = await this.device.profile();
    const from = this.#seen;
    this.#seen = all.length;
    return all.slice(from);
  }
}

/** Seconds on the GPU's clock; undefined without timestamps. */
function seconds({ start, end }: ProfiledDispatch): number | undefined {
  return start === undefined || end === undefined ? undefined : Math.max(0, end - start) / 1000;
}

/** Seconds on the GPU's clock of all together; undefined without timestamps. */
export function secondsOn(dispatches: readonly ProfiledDispatch[]): number | undefined {
  const times = dispatches.map(seconds);
  return times.includes(undefined) ? undefined : total(times.map((time) => time ?? 0));
}

/**
 * What a kernel's dispatches need together, where launches cannot tell: FLOPs that depend on the lengths of sequences,
 * or bytes where a part of what is bound is used. By the start of the kernel's name.
 */
export interface KnownWork {
  readonly kernel: string;
  readonly flops?: number;
  readonly bytes?: number;
}

/** One kernel's part of a step. */
export interface KernelShare {
  readonly kernel: string;
  readonly dispatches: number;
  /** Seconds on the GPU's clock; null without timestamps. */
  readonly gpu: number | null;
  /** Seconds that its work takes at least, without the cost of dispatching. */
  readonly bound: number;
}

/** What a share is of: the time on the GPU's clock, or without timestamps the least time. */
export const shareOf = ({ gpu, bound }: Pick<KernelShare, 'gpu' | 'bound'>): number => gpu ?? bound;

export const longestFirst = (a: KernelShare, b: KernelShare): number => shareOf(b) - shareOf(a);

/**
 * A step's kernels, those that take longest first. The bound of a kernel is the sum over its dispatches of
 * max(FLOPs / P, bytes / W), with the bytes bound and the FLOPs that the kernel declares; of known work it is that of all
 * its dispatches together.
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

/** Seconds that a step takes at least: its kernels', and t0 for every dispatch. */
export const stepBound = (kernels: readonly KernelShare[], { t0 }: Ceilings): number =>
  total(kernels.map(({ bound, dispatches }) => bound + dispatches * t0));
