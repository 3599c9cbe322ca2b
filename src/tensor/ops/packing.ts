/** Sequences packed end to end: the sequence of each row, and its position there. */
import type { Device } from '../../gpu/device.ts';
import { ATTENTION_TILE_ROWS } from '../../kernels/attention/index.ts';
import { tilePositions } from '../../kernels/positions.ts';
import { expectOperands } from '../operands.ts';
import { Tensor } from '../tensor.ts';

/** The sequences of the rows of a matrix, in the form that the kernels read. */
export interface RowTiles {
  /** Rows in total. */
  readonly rows: number;
  /** Return u32 (tiles,4): first row of a tile of at most `tileRows` rows, first and end row of its sequence, or zeros. */
  tiles(device: Device, tileRows: number): Tensor;
}

/** Return the tiles of consecutive sequences, four values each. */
export function tilesOf(lengths: readonly number[], tileRows: number): number[] {
  const values: number[] = [];
  let start = 0;
  for (const length of lengths) {
    for (let row = 0; row < length; row += tileRows) values.push(start + row, start, start + length, 0);
    start += length;
  }
  return values;
}

/**
 * Sequences of different lengths in one matrix of rows, end to end, without padding.
 * A rectangular batch (B,T) is B sequences of length T.
 */
export class Packing implements RowTiles {
  readonly lengths: readonly number[];
  /** First row of each sequence; the last entry is the number of rows. */
  readonly offsets: readonly number[];
  /** Rows in total. */
  readonly rows: number;
  readonly #tiles = new Map<number, Tensor>();

  constructor(lengths: readonly number[]) {
    this.lengths = lengths;
    const offsets = [0];
    for (const length of lengths) offsets.push((offsets.at(-1) as number) + length);
    this.offsets = offsets;
    this.rows = offsets.at(-1) as number;
  }

  /** Uploaded once. */
  tiles(device: Device, tileRows: number): Tensor {
    let tiles = this.#tiles.get(tileRows);
    if (!tiles || tiles.device !== device || tiles.view.buffer.released) {
      const values = tilesOf(this.lengths, tileRows);
      tiles = Tensor.from(device, Uint32Array.from(values), [values.length / 4, 4]);
      this.#tiles.set(tileRows, tiles);
    }
    return tiles;
  }
}

/**
 * Return the position of each row in its sequence, counted from 0: u32 (rows), for `rope`. It is undefined for rows without
 * a tile.
 */
export function rowPositions(device: Device, packing: RowTiles): Tensor {
  const tiles = packing.tiles(device, ATTENTION_TILE_ROWS);
  expectOperands('rowPositions', { tiles: [tiles, ['u32']] });
  const positions = Tensor.empty(device, [packing.rows], 'u32');
  tilePositions(device, { tiles: tiles.view, positions: positions.view }, tiles.size / 4);
  return positions;
}
