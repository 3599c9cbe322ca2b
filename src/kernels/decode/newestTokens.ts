/** The input of a decoding step: the newest token of each row's sequence. */
import type { BufferView } from '../../gpu/buffers.ts';
import type { Device } from '../../gpu/device.ts';
import { defineKernel } from '../../gpu/kernel.ts';
import { perElement } from '../../gpu/perElement.ts';
import { NO_ROW } from '../rows.ts';
import { STATE_WGSL } from './state.ts';

const kernel = defineKernel({
  name: 'newest tokens',
  params: { M: 'u32' },
  reads: { slots: 'array<Slot>', rows: 'array<Row>' },
  writes: { ids: 'array<u32>' },
  functions: STATE_WGSL,
  ...perElement('M', { id: 'row' })`let slot = rows[row].slot;
  if (slot == ${NO_ROW}u) { ids[row] = 0; } else { ids[row] = slots[slot].token; }`,
});

/** Write the newest token of each of M rows to ids u32 (M); 0 for rows without a sequence. */
export function newestTokens(
  device: Device,
  views: {
    /** `Slot` (slots) */
    readonly slots: BufferView;
    /** `Row` (M) */
    readonly rows: BufferView;
    readonly ids: BufferView;
  },
  M: number,
): void {
  device.launch(kernel, views, { M });
}
