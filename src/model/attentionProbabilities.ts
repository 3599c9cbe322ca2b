/** A diagnostic forward pass: the attention probabilities of every layer and head for one sequence. */
import { exp } from '../base/elementary.ts';
import { MathformerError } from '../base/errors.ts';
import { noGrad, Packing, Tensor } from '../tensor/index.ts';
import type { ObservedAttention } from './layers/pass.ts';
import type { Transformer } from './transformer.ts';

/** Attention probabilities and logits of a sequence of T tokens. */
export interface AttentionProbabilities {
  readonly layers: number;
  readonly heads: number;
  /** T */
  readonly length: number;
  /** (layers, heads, T, T): the weight of token j (last axis) in the output of token i. Each row adds up to 1; 0 for j > i. */
  readonly probabilities: Float32Array<ArrayBuffer>;
  /** (T,V): logits of the next token after each token. */
  readonly logits: Float32Array<ArrayBuffer>;
}

/** Maximum number of probabilities: half a gigabyte. */
const MOST = 2 ** 27;

/**
 * Compute the attention probabilities of every layer and head, and the logits. The pass is that of `forward`; scores and
 * softmax are computed again on the host in float64, from the queries and keys that the kernels read.
 * @param tokens ids below the model's `vocabSize`, at least one.
 * @throws MathformerError for other tokens, and for a sequence whose probabilities would take more than half a gigabyte.
 */
export async function attentionProbabilities(
  model: Transformer,
  tokens: readonly number[],
): Promise<AttentionProbabilities> {
  const { nHeads: heads, nLayers: layers } = model.config;
  const length = tokens.length;
  checkTokens(tokens, model);
  const { observed, logits } = await observedForward(model, tokens);
  const probabilities = new Float32Array(layers * heads * length * length);
  for (const [layer, inputs] of observed.entries()) {
    writeProbabilities(probabilities.subarray(layer * heads * length * length), length, inputs);
  }
  return { layers, heads, length, probabilities, logits: Float32Array.from(logits) };
}

/** Queries and keys of a layer on the host. */
interface HostAttention extends Pick<ObservedAttention, 'heads' | 'kvHeads' | 'headDim'> {
  /** (T, (heads + 2·kvHeads)·headDim) */
  readonly qkv: ArrayLike<number>;
  /** (heads); undefined without ALiBi. */
  readonly slopes: ArrayLike<number> | undefined;
}

/** Compute a pass, and read what each layer's attention computes from. */
function observedForward(
  model: Transformer,
  tokens: readonly number[],
): Promise<{ readonly observed: readonly HostAttention[]; readonly logits: ArrayLike<number> }> {
  const { device } = model;
  using _ = device.scope();
  const observed: Promise<HostAttention>[] = [];
  const onAttention = ({ qkv, slopes, ...sizes }: ObservedAttention): void => {
    const values = Promise.all([qkv.data(), slopes?.data()]);
    observed.push(values.then(([read, readSlopes]) => ({ ...sizes, qkv: read, slopes: readSlopes })));
  };
  const ids = Tensor.from(device, Uint32Array.from(tokens));
  const logits = noGrad(() => model.forward(ids, new Packing([tokens.length]), { onAttention }));
  return Promise.all([Promise.all(observed), logits.data()]).then(([layers, values]) => ({
    observed: layers,
    logits: values,
  }));
}

/** Write softmax(q·kᵀ/√headDim − slope·(i − j), j ≤ i) of each head to (heads, T, T). */
function writeProbabilities(
  out: Float32Array,
  length: number,
  { qkv, slopes, heads, kvHeads, headDim }: HostAttention,
): void {
  const values = Float64Array.from(qkv);
  const width = (heads + 2 * kvHeads) * headDim;
  const scale = 1 / Math.sqrt(headDim);
  const weights = new Float64Array(length);
  for (let head = 0; head < heads; head++) {
    const keys = (heads + Math.floor((head * kvHeads) / heads)) * headDim;
    const slope = slopes?.[head] ?? 0;
    for (let i = 0; i < length; i++) {
      const query = values.subarray(i * width + head * headDim, i * width + (head + 1) * headDim);
      let highest = Number.NEGATIVE_INFINITY;
      for (let j = 0; j <= i; j++) {
        const score = dot(query, values, j * width + keys) * scale - slope * (i - j);
        weights[j] = score;
        highest = Math.max(highest, score);
      }
      let total = 0;
      for (let j = 0; j <= i; j++) {
        const weight = exp((weights[j] ?? 0) - highest);
        weights[j] = weight;
        total += weight;
      }
      const row = (head * length + i) * length;
      for (let j = 0; j <= i; j++) out[row + j] = (weights[j] ?? 0) / total;
    }
  }
}

/** Return the product of `a` with as many values of `b` from `start` on. */
function dot(a: Float64Array, b: Float64Array, start: number): number {
  let sum = 0;
  for (let c = 0; c < a.length; c++) sum += (a[c] ?? 0) * (b[start + c] ?? 0);
  return sum;
}

function checkTokens(tokens: readonly number[], { config }: Transformer): void {
  const { vocabSize, nHeads, nLayers } = config;
  const isId = (id: number): boolean => Number.isInteger(id) && id >= 0 && id < vocabSize;
  const size = nLayers * nHeads * tokens.length * tokens.length;
  const problem =
    tokens.length === 0 || !tokens.every(isId)
      ? {
          problem: `the tokens are none, or not all below ${vocabSize}`,
          fix: "give ids of the model's vocabulary",
        }
      : size > MOST && {
          problem: `${tokens.length} tokens have ${size} attention probabilities, more than ${MOST}`,
          fix: 'give a shorter text',
        };
  if (!problem) return;
  const details = { code: 'BAD_TOKENS', where: 'attentionProbabilities', fix: problem.fix };
  throw new MathformerError(problem.problem, details);
}
