/** Causal self-attention over sequences packed end to end. */
import { expectOptions, instanceOf, integer, type OptionKinds } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import {
  ATTENTION_TILE_ROWS,
  attentionBackward,
  attentionFits,
  attentionForward,
  MAX_HEAD,
} from '../../kernels/attention/index.ts';
import { differentiableByKernel } from '../autograd.ts';
import { expectOperands, FLOATS } from '../operands.ts';
import { showShape, Tensor } from '../tensor.ts';
import type { RowTiles } from './packing.ts';

/** Options of `attention`: heads and ALiBi slopes. */
export interface AttentionOptions {
  /** Number of query heads. Default: the number of slopes. */
  readonly heads?: number;
  /**
   * Number of key-value heads, a divisor of `heads`: each serves heads/kvHeads query heads, in order (grouped queries,
   * Ainslie et al., 2305.13245). Default: `heads`.
   */
  readonly kvHeads?: number;
  /** (heads), constants: slope·(i − j) is subtracted from scores (ALiBi, Press et al., 2108.12409). */
  readonly slopes?: Tensor;
}

const OPTIONS: OptionKinds<AttentionOptions> = {
  heads: integer(1),
  kvHeads: integer(1),
  slopes: instanceOf(Tensor),
};

/**
 * Return (R, heads·headDim) for qkv (R, (heads + 2·kvHeads)·headDim), with rows [q | k | v] of consecutive heads:
 * softmax(q·kᵀ/√headDim − slope·(i − j), j ≤ i)·v within each sequence of `packing`.
 * @throws ShapeError if the shapes disagree, or for heads above 256 values.
 */
export function attention(qkv: Tensor, packing: RowTiles, options: AttentionOptions): Tensor {
  expectOptions('attention', options, OPTIONS);
  const { slopes } = options;
  expectOperands('attention', { qkv: [qkv, FLOATS], slopes: [slopes, FLOATS] });
  const { device } = qkv;
  const { heads, kvHeads } = checkedHeads(options);
  const headDim = (qkv.shape[1] ?? 0) / (heads + 2 * kvHeads);
  const R = packing.rows;
  if (qkv.shape.length !== 2 || qkv.shape[0] !== R || headDim % 4 !== 0) {
    const shared = kvHeads === heads ? '' : `, ${kvHeads} of keys and values`;
    throw new ShapeError(
      'attention',
      `qkv ${showShape(qkv.shape)} for ${R} rows and ${heads} heads${shared}`,
      'qkv must be (rows, (heads + 2·kvHeads)·headDim) with headDim a multiple of 4',
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
    kvHeads,
    headDim,
    slopes: slopes?.view,
    tiles: tiles.view,
    tileCount: tiles.size / 4,
  };
  const out = Tensor.empty(device, [R, heads * headDim]);
  const logSumExp = Tensor.empty(device, [heads, R]);
  attentionForward(device, shape, qkv.view, out.view, logSumExp.view);
  differentiableByKernel('attention', qkv, out, (dOut, dQkv) => {
    const saved = { qkv: qkv.view, out: out.view, logSumExp: logSumExp.view };
    attentionBackward(device, shape, saved, dOut.view, dQkv.view);
  });
  return out;
}

function checkedHeads({ heads: given, kvHeads, slopes }: AttentionOptions) {
  const heads = given ?? slopes?.size;
  if (heads === undefined) {
    throw new ShapeError('attention', 'neither heads nor slopes are given', 'give the number of heads');
  }
  if (slopes && slopes.size !== heads) {
    throw new ShapeError(
      'attention',
      `slopes ${showShape(slopes.shape)} for ${heads} heads`,
      'give one for each',
    );
  }
  if (kvHeads !== undefined && heads % kvHeads !== 0) {
    throw new ShapeError('attention', `${kvHeads} kvHeads for ${heads} heads`, 'give a divisor of heads');
  }
  return { heads, kvHeads: kvHeads ?? heads };
}
