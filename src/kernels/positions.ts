/** The position of each row in its sequence, from what attention is told about rows. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, THREAD_ARGS } from '../gpu/kernel.ts';
import { perElement } from '../gpu/perElement.ts';
import { ATTENTION_TILE_ROWS } from './attention/index.ts';
import { STATE_WGSL } from './decode/state.ts';
import { NO_ROW } from './rows.ts';

const tilesKernel = defineKernel({
  name: 'positions of tiles',
  params: { tiles: 'u32' },
  reads: { tiles: 'array<vec4u>' },
  writes: { positions: 'array<u32>' },
  code: `
@compute @workgroup_size(${ATTENTION_TILE_ROWS})
fn main(${THREAD_ARGS}) {
  let number = ${GROUP_INDEX};
  if (number >= params.tiles) { return; }
  let tile = tiles[number];       // first row of the tile, first and end row of its sequence
  let row = tile.x + thread;
  if (row < tile.z) { positions[row] = row - tile.y; }
}`,
});

/** positions u32 (R) of packed rows: each row's distance from the first row of its sequence. */
export function tilePositions(
  device: Device,
  views: {
    /** u32 (tiles,4), of `ATTENTION_TILE_ROWS` rows: first row of a tile, first and end row of its sequence. */
    readonly tiles: BufferView;
    readonly positions: BufferView;
  },
  tiles: number,
): void {
  device.launch(tilesKernel, views, { tiles }, linearGrid(tiles));
}

const slotsKernel = defineKernel({
  name: 'positions of slots',
  params: { M: 'u32' },
  reads: { slots: 'array<Slot>', rows: 'array<Row>' },
  writes: { positions: 'array<u32>' },
  functions: STATE_WGSL,
  ...perElement('M', { id: 'row' })`let slot = rows[row].slot;
  if (slot == ${NO_ROW}u) { positions[row] = 0; } else { positions[row] = slots[slot].position; }`,
});

/** positions u32 (M) of the tokens that a decoding step appends; 0 for rows without a sequence. */
export function slotPositions(
  device: Device,
  views: {
    /** `Slot` (slots) */
    readonly slots: BufferView;
    /** `Row` (M) */
    readonly rows: BufferView;
    readonly positions: BufferView;
  },
  M: number,
): void {
  device.launch(slotsKernel, views, { M });
}
