/** Sequences packed end to end: which rows belong to one, and where in it. */
import type { Device } from '../../gpu/device.ts';
import { ATTENTION_TILE_ROWS } from '../../kernels/attention/index.ts';
import { tilePositions } from '../../kernels/positions.ts';
import { expectOperands } from '../operands.ts';
import { Tensor } from '../tensor.ts';

/** The sequences that the rows of a matrix belong to, as the kernels read them. */
export interface RowTiles {
  /** Rows in total. */
  readonly rows: number;
  /** u32 (tiles,4): first row of a tile of at most `tileRows` rows, first and end row of its sequence; 0s are no tile. */
  tiles(device: Device, tileRows: number): Tensor;
}

/** The tiles of sequences that lie end to end, four values each. */
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
 * Sequences of different lengths in one matrix of rows: end to end, without padding.
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
 * The position of each row in its sequence, counted from 0: u32 (rows), for `rope`.
 * Rows that no tile covers have none: their values are undefined.
 */
export function rowPositions(device: Device, packing: RowTiles): Tensor {
  const tiles = packing.tiles(device, ATTENTION_TILE_ROWS);
  expectOperands('rowPositions', { tiles: [tiles, ['u32']] });
  const positions = Tensor.empty(device, [packing.rows], 'u32');
  tilePositions(device, { tiles: tiles.view, positions: positions.view }, tiles.size / 4);
  return positions;
}
