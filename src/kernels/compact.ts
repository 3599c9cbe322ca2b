/** The places of what is true, in order: the second half of every selection by a mask. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel } from '../gpu/kernel.ts';
import { perElement } from '../gpu/perElement.ts';

const compactKernel = defineKernel({
  name: 'compact',
  params: { size: 'u32' },
  reads: { flags: 'array<u32>', counts: 'array<u32>' },
  writes: { places: 'array<u32>' },
  ...perElement('size')`if (flags[id] != 0) { places[counts[id] - 1] = id; }`,
});

/** places = every i of `size` with a flag, ascending; `counts` are the running sums of the flags, u32 0 or 1. */
export function compact(
  device: Device,
  views: { readonly flags: BufferView; readonly counts: BufferView; readonly places: BufferView },
  size: number,
): void {
  device.launch(compactKernel, views, { size });
}
