/**
 * For debugging: notes in the list of faults whether an op made a NaN or an infinity of finite inputs. The second word of
 * its place is 1 while an input was not finite; the first becomes 1 for a fault. Values are tested on their bits, since
 * WGSL promises nothing about NaN.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { perElement } from '../gpu/perElement.ts';

const checkKernel = memoize((note: string) =>
  defineKernel({
    name: `check finite: ${note}`,
    params: { count: 'u32', place: 'u32' },
    reads: { x: 'array<u32>' },
    writes: { faults: 'array<atomic<u32>>' },
    ...perElement('count')`if ((x[id] & 0x7f800000u) == 0x7f800000u) { ${note} }`,
  }),
);

const NOTES = {
  input: 'atomicStore(&faults[params.place * 2 + 1], 1u);',
  output:
    'if (atomicLoad(&faults[params.place * 2 + 1]) == 0) { atomicStore(&faults[params.place * 2], 1u); }',
} as const;

/** Forgets what was noted of the inputs of an earlier call at this place. */
export function startCheck(device: Device, faults: BufferView, place: number): void {
  device.clear({ buffer: faults.buffer, offset: faults.offset + place * 8 + 4, bytes: 4 });
}

/** Notes whether any of `count` f32 values, an input or an output of the op at a place, is not finite. */
export function checkFinite(
  device: Device,
  role: 'input' | 'output',
  x: BufferView,
  count: number,
  faults: BufferView,
  place: number,
): void {
  device.launch(checkKernel(NOTES[role]), { x, faults }, { count, place });
}
