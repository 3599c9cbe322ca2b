/** Causal self-attention with ALiBi over sequences packed end to end. */
import { ShapeError } from '../../base/errors.ts';
import type { Device } from '../../gpu/device.ts';
import {
  ATTENTION_TILE_ROWS,
  attentionBackward,
  attentionFits,
  attentionForward,
  MAX_HEAD,
} from '../../kernels/attention/index.ts';
import { differentiable } from '../autograd.ts';
import { expectOperands, FLOATS } from '../operands.ts';
import { showShape, Tensor } from '../tensor.ts';

/** Which rows of a matrix belong to one sequence, as the kernels read it. */
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
 * How sequences of different lengths lie in one matrix of rows: end to end, without padding.
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
 * out (R,d) of qkv (R,3d), rows [q | k | v], each of `heads` heads side by side:
 * softmax(q·kᵀ/√(d/heads) − slope·(i − j), j ≤ i)·v within each sequence of `packing`.
 * `slopes` (heads) are constants (Press et al., 2108.12409).
 * @throws ShapeError if the shapes disagree, or for heads above 256 values.
 */
export function attention(qkv: Tensor, packing: RowTiles, slopes: Tensor): Tensor {
  expectOperands('attention', { qkv: [qkv, FLOATS], slopes: [slopes, FLOATS] });
  const { device } = qkv;
  const heads = slopes.size;
  const d = (qkv.shape[1] ?? 0) / 3;
  const headDim = d / heads;
  const R = packing.rows;
  if (qkv.shape.length !== 2 || qkv.shape[0] !== R || headDim % 4 !== 0) {
    throw new ShapeError(
      'attention',
      `qkv ${showShape(qkv.shape)} for ${R} rows and ${heads} heads`,
      'qkv must be (rows, 3·heads·headDim) with headDim a multiple of 4',
    );
  }
  if (!attentionFits(device, headDim)) {
    const problem = `heads of ${headDim} values; the kernels take up to ${MAX_HEAD}`;
    throw new ShapeError('attention', problem, 'use more heads, or fewer columns');
  }
  const tiles = packing.tiles(device, ATTENTION_TILE_ROWS);
  expectOperands('attention', { qkv: [qkv, FLOATS], tiles: [tiles, ['u32']] });
  const shape = {
    R,
    heads,
    headDim,
    slopes: slopes.view,
    tiles: tiles.view,
    tileCount: tiles.size / 4,
  };
  const out = Tensor.empty(device, [R, d]);
  const logSumExp = Tensor.empty(device, [heads, R]);
  attentionForward(device, shape, qkv.view, out.view, logSumExp.view);
  differentiable('attention', [qkv], [out], ([dOut]) => {
    if (!dOut) return [];
    const dQkv = Tensor.empty(device, qkv.shape);
    const saved = { qkv: qkv.view, out: out.view, logSumExp: logSumExp.view };
    attentionBackward(device, shape, saved, dOut.view, dQkv.view);
    return [dQkv];
  });
  return out;
}
