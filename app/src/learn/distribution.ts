/** Distributions over the vocabulary, from logits. */

/** A token with its probability. */
export interface Likely {
  readonly id: number;
  readonly probability: number;
}

/** Return the softmax of a row of logits (rows, V) at a temperature. */
export function probabilities(
  logits: Float32Array,
  row: number,
  { vocabSize, temperature = 1 }: { readonly vocabSize: number; readonly temperature?: number },
): Float64Array {
  const values = Float64Array.from(
    logits.subarray(row * vocabSize, (row + 1) * vocabSize),
    (x) => x / temperature,
  );
  const highest = Math.max(...values);
  const weights = values.map((value) => Math.exp(value - highest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** Return the most likely tokens, the likeliest first. */
export function likeliest(distribution: Float64Array, count: number): readonly Likely[] {
  return Array.from(distribution, (probability, id) => ({ id, probability }))
    .toSorted((a, b) => b.probability - a.probability)
    .slice(0, count);
}

/** Return KL(p ‖ q) = Σ p·ln(p/q), in nats. */
export function klDivergence(p: Float64Array, q: Float64Array): number {
  return p.reduce((sum, share, id) => (share === 0 ? sum : sum + share * Math.log(share / (q[id] ?? 0))), 0);
}

/** Return the mean of values; 0 of none. */
export const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
