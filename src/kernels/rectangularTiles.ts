/** The tiles that attention walks, for sequences of one length: made where they are used, without an upload. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel } from '../gpu/kernel.ts';
import { perElement } from '../gpu/perElement.ts';

const tilesKernel = defineKernel({
  name: 'rectangular tiles',
  params: { count: 'u32', perSequence: 'u32', rows: 'u32', length: 'u32' },
  reads: {},
  writes: { tiles: 'array<vec4u>' },
  ...perElement('count')`let start = id / params.perSequence * params.length;
  tiles[id] = vec4u(start + id % params.perSequence * params.rows, start, start + params.length, 0);`,
});

/** tiles u32 (sequences·⌈length / rows⌉, 4): first row of a tile of `rows` rows, first and end row of its sequence. */
export function rectangularTiles(
  device: Device,
  tiles: BufferView,
  size: { readonly sequences: number; readonly length: number; readonly rows: number },
): void {
  const { sequences, length, rows } = size;
  const perSequence = Math.ceil(length / rows);
  const count = sequences * perSequence;
  device.launch(tilesKernel, { tiles }, { count, perSequence, rows, length });
}
