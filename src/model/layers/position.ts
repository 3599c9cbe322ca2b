/** Positions: how attention tells near tokens from far ones. */
import { pow } from '../../base/elementary.ts';
import type { ChunkPosition } from '../../kernels/chunk/index.ts';
import { ropeFrequencies, type Tensor, rope as turned } from '../../tensor/index.ts';
import type { Constant } from './layer.ts';
import type { Pass } from './pass.ts';

/** A part of attention, shared by all blocks. */
export interface Position {
  /** Scores have ALiBi's term. */
  readonly alibi: boolean;
  /** The positions as the kernels of a chunk see them. */
  readonly chunk: ChunkPosition;
  /** The constant as PyTorch saves it with a block. */
  constantOf(block: string): Constant;
  /** Rows [q | k | v] with the first `heads` heads, those of q and k, turned by the row's position. */
  turn(qkv: Tensor, heads: number, pass: Pass): Tensor;
  /** (heads): slope·distance is subtracted from scores; undefined if nothing is. */
  slopes(pass: Pass): Tensor | undefined;
}

/** Subtracts slope·distance from the scores of each head. */
export function alibi(nHeads: number): Position {
  const table = alibiSlopes(nHeads);
  const problem = `the slopes are not those of ${nHeads} ALiBi heads`;
  return {
    alibi: true,
    chunk: { kind: 'alibi', slopes: [...table] },
    constantOf: (block) => ({ name: `${block}.alibi_slopes`, values: table, table, problem }),
    turn: (qkv) => qkv,
    slopes: (pass) => pass.constant(table),
  };
}

/** Turns pairs of values by angles that grow with the position (Su et al., 2104.09864), by halves. */
export function rope(headDim: number, theta: number): Position {
  const table = ropeFrequencies(headDim, { theta });
  const values = Float32Array.from({ length: headDim / 2 }, (_, i) => pow(theta, (-2 * i) / headDim));
  const problem = `the frequencies are not those of theta ${theta}`;
  return {
    alibi: false,
    chunk: { kind: 'rope', frequencies: [...table] },
    constantOf: (block) => ({ name: `${block}.rotary_emb.inv_freq`, values, table, problem }),
    turn: (qkv, heads, pass) => turned(qkv, pass.positions(), pass.constant(table), { heads }),
    slopes: () => undefined,
  };
}

/**
 * ALiBi's slope of each head, (H): 2^(−8(h+1)/H) for H a power of two; otherwise the slopes of the nearest lower
 * power of two P, then every second slope of 2P, from its first (Press et al., arXiv 2108.12409, and their code).
 */
export function alibiSlopes(nHeads: number): Float32Array<ArrayBuffer> {
  const lower = 2 ** Math.floor(Math.log2(nHeads));
  return Float32Array.from({ length: nHeads }, (_, head) =>
    head < lower ? slopeOfPowerOfTwo(head, lower) : slopeOfPowerOfTwo(2 * (head - lower), 2 * lower),
  );
}

const slopeOfPowerOfTwo = (head: number, nHeads: number): number => pow(2, (-8 * (head + 1)) / nHeads);
