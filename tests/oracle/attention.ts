/** Causal attention over sequences packed end to end, one sequence and head at a time. */
import * as oracle from './array.ts';

/** Heads of packed attention. */
export interface AttentionHeads {
  readonly headDim: number;
  readonly heads: number;
  readonly kvHeads: number;
  /** ALiBi slopes of the query heads. */
  readonly slopes?: readonly number[] | undefined;
}

/** softmax(q·kᵀ/√headDim − slope·(i − j), j ≤ i)·v of one head of one sequence; q, k and v are (T,headDim). */
function oneHead(q: oracle.Array64, k: oracle.Array64, v: oracle.Array64, slope: number): oracle.Array64 {
  const [T, headDim] = q.shape as [number, number];
  const positions = Array.from({ length: T * T }, (_, at) => [Math.floor(at / T), at % T] as const);
  const bias = oracle.array(
    positions.map(([i, j]) => -slope * (i - j)),
    [T, T],
  );
  const future = oracle.array(
    positions.map(([i, j]) => Number(j > i)),
    [T, T],
  );
  const scores = oracle.mul(oracle.matmul(q, oracle.transpose(k)), 1 / Math.sqrt(headDim));
  const masked = oracle.maskedFill(oracle.add(scores, bias), future, Number.NEGATIVE_INFINITY);
  return oracle.matmul(oracle.softmax(masked), v);
}

/** Return (R, heads·headDim) of qkv (R, (heads + 2·kvHeads)·headDim), whose rows are sequences of these lengths. */
export function packedAttention(
  qkv: oracle.Array64,
  lengths: readonly number[],
  { headDim, heads, kvHeads, slopes }: AttentionHeads,
): oracle.Array64 {
  let first = 0;
  const sequences = lengths.map((length) => {
    const rows = oracle.slice(qkv, 0, first, first + length);
    first += length;
    const headAt = (head: number) => oracle.slice(rows, 1, head * headDim, (head + 1) * headDim);
    const outputs = Array.from({ length: heads }, (_, h) => {
      const kv = Math.floor(h / (heads / kvHeads));
      return oneHead(headAt(h), headAt(heads + kv), headAt(heads + kvHeads + kv), slopes?.[h] ?? 0);
    });
    return oracle.cat(outputs, 1);
  });
  return oracle.cat(sequences, 0);
}
