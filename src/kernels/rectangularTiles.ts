/** The tiles that attention walks, for sequences of one length: made where they are used, without an upload. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, THREAD_ARGS } from '../gpu/kernel.ts';

const tilesKernel = defineKernel({
  name: 'rectangular tiles',
  params: { count: 'u32', perSequence: 'u32', rows: 'u32', length: 'u32' },
  reads: {},
  writes: { tiles: 'array<vec4u>' },
  code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  if (id >= params.count) { return; }
  let start = id / params.perSequence * params.length;
  tiles[id] = vec4u(start + id % params.perSequence * params.rows, start, start + params.length, 0);
}`,
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
  device.launch(
    tilesKernel,
    { tiles },
    { count, perSequence, rows, length },
    linearGrid(Math.ceil(count / 64)),
  );
}
