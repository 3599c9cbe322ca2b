/** Causal self-attention with ALiBi over sequences packed end to end. */
import { ShapeError } from '../../base/errors.ts';
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
import type { RowTiles } from './packing.ts';

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
