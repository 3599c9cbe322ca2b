/** Checks indices on the GPU: of those outside, the largest (of i32 by its bits) is put in the device's list of faults. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import type { CheckedPlace } from '../gpu/faults.ts';
import { defineKernel } from '../gpu/kernel.ts';
import { perElement } from '../gpu/perElement.ts';

const checkKernel = defineKernel({
  name: 'check indices',
  params: { count: 'u32', size: 'u32', ignored: 'u32', ignores: 'u32', place: 'u32' },
  reads: { index: 'array<u32>' },
  writes: { faults: 'array<atomic<u32>>' },
  ...perElement('count')`let value = index[id];
  if (value < params.size || (params.ignores == 1 && value == params.ignored)) { return; }
  atomicStore(&faults[params.place * 2], 1u);
  atomicMax(&faults[params.place * 2 + 1], value);`,
});

/** Lets reads of what depends on the index throw the error that `describe` makes of an index outside. */
export function checkIndices(
  device: Device,
  index: BufferView,
  target: { readonly count: number; readonly size: number; readonly ignored?: number | undefined },
  place: CheckedPlace,
): void {
  const { count, size, ignored } = target;
  device.checked(place, index, 'index', (faults, number) => {
    const ignores = { ignored: (ignored ?? 0) >>> 0, ignores: Number(ignored !== undefined) };
    const params = { count, size, ...ignores, place: number };
    device.launch(checkKernel, { index, faults }, params);
  });
}
