/** Positions: how attention tells near tokens from far ones. */

/** Slopes of a linear bias on the scores of each head. */
export interface Alibi {
  readonly kind: 'alibi';
  readonly slopes: Float32Array<ArrayBuffer>;
}

export const alibi = (nHeads: number): Alibi => ({ kind: 'alibi', slopes: alibiSlopes(nHeads) });

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

const slopeOfPowerOfTwo = (head: number, nHeads: number): number => 2 ** ((-8 * (head + 1)) / nHeads);
