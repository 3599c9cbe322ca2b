/**
 * The whole model of the project as plain float64 arithmetic, one sequence at a time: no batching, no padding, no
 * cache. Parameters go by the names in the checkpoints, of the original (`tok_emb.weight`, `blocks.0.q_proj.weight`)
 * or of the MPT shape (`transformer.wte.weight`), whichever are present.
 */
import type { AlibiConfig } from '../../src/model/architectures/mathformer.ts';
import {
  type Array64,
  add,
  array,
  cat,
  crossEntropy,
  embedding,
  gelu,
  indexSelect,
  layerNorm,
  linear,
  maskedFill,
  matmul,
  mul,
  reshape,
  slice,
  softmax,
  transpose,
} from './array.ts';
import { type LlamaOracleConfig, llamaForward } from './llama.ts';

/** The fields of a model's configuration that its arithmetic depends on; sizes come from the parameters. */
export type AlibiOracleConfig = Pick<
  AlibiConfig,
  'nHeads' | 'nLayers' | 'numExperts' | 'activeExperts' | 'scaleEmbedding' | 'finalNorm' | 'tieEmbeddings'
>;

/** A config of any architecture. */
export type OracleConfig = AlibiOracleConfig | LlamaOracleConfig;

/** The flags of the two shapes, restated here so that a slip in the engine's own table shows. */
export const MATHFORMER_SHAPE = { scaleEmbedding: true, finalNorm: false, tieEmbeddings: false } as const;
export const MPT_SHAPE = { scaleEmbedding: false, finalNorm: true, tieEmbeddings: true } as const;

export type Parameters64 = ReadonlyMap<string, Array64>;

/** The names of the weights in one shape of checkpoints. `prefix(layer)` precedes the names of a block. */
interface Names {
  readonly embedding: string;
  readonly output: string;
  readonly finalNorm: string;
  readonly prefix: (layer: number) => string;
  readonly norm1: string;
  readonly norm2: string;
  readonly attentionOut: string;
  readonly up: string;
  readonly down: string;
}

const ORIGINAL_NAMES: Names = {
  embedding: 'tok_emb',
  output: 'out_proj',
  finalNorm: 'norm_f',
  prefix: (layer) => `blocks.${layer}.`,
  norm1: 'norm1',
  norm2: 'norm2',
  attentionOut: 'out_proj',
  up: 'linear1',
  down: 'linear2',
};

const MPT_NAMES: Names = {
  embedding: 'transformer.wte',
  output: 'lm_head',
  finalNorm: 'transformer.norm_f',
  prefix: (layer) => `transformer.blocks.${layer}.`,
  norm1: 'norm_1',
  norm2: 'norm_2',
  attentionOut: 'attn.out_proj',
  up: 'ffn.up_proj',
  down: 'ffn.down_proj',
};

/** Hears the attention probabilities (H,T,T) of each layer, in order. */
export type OnProbabilities = (probabilities: Array64) => void;

/** Logits (T,V) of every sequence. Sequences may differ in length. */
export function forward(
  config: OracleConfig,
  params: Parameters64,
  tokens: readonly (readonly number[])[],
  onProbabilities: OnProbabilities = () => undefined,
): Array64[] {
  return tokens.map((sequence) => forwardOne(config, params, sequence, onProbabilities));
}

function forwardOne(
  config: OracleConfig,
  params: Parameters64,
  tokens: readonly number[],
  onProbabilities: OnProbabilities,
): Array64 {
  if ('nKVHeads' in config) return llamaForward(config, params, tokens, onProbabilities);
  const names = params.has(`${MPT_NAMES.embedding}.weight`) ? MPT_NAMES : ORIGINAL_NAMES;
  const table = required(params, `${names.embedding}.weight`);
  const rows = embedding(table, { data: tokens, shape: [tokens.length] });
  let x = config.scaleEmbedding ? mul(rows, Math.sqrt(table.shape[1])) : rows;
  for (let layer = 0; layer < config.nLayers; layer++) {
    const prefix = names.prefix(layer);
    const normed = norm(params, prefix + names.norm1, x);
    x = add(x, attention(config, params, names, prefix, normed, onProbabilities));
    x = add(x, feedForward(config, params, names, prefix, norm(params, prefix + names.norm2, x)));
  }
  if (config.finalNorm) x = norm(params, names.finalNorm, x);
  const output = config.tieEmbeddings ? table : required(params, `${names.output}.weight`);
  return linear(x, output, params.get(`${names.output}.bias`));
}

/** Press et al., 2108.12409: a geometric sequence for powers of two, else filled up from twice the next lower one. */
export function alibiSlopes(nHeads: number): number[] {
  const power = 2 ** Math.floor(Math.log2(nHeads));
  const geometric = (count: number): number[] =>
    Array.from({ length: count }, (_, h) => 2 ** ((-8 * (h + 1)) / count));
  const extra = geometric(2 * power).filter((_, h) => h % 2 === 0);
  return [...geometric(power), ...extra].slice(0, nHeads);
}

/** x (T,d) → (T,d). Heads are contiguous column ranges of q, k and v. */
function attention(
  config: AlibiOracleConfig,
  params: Parameters64,
  names: Names,
  prefix: string,
  x: Array64,
  onProbabilities: OnProbabilities,
): Array64 {
  const [length, width] = x.shape;
  const headWidth = width / config.nHeads;
  const [q, k, v] = projections(params, prefix, x);
  const columnsOf = (a: Array64, h: number): Array64 => slice(a, 1, h * headWidth, (h + 1) * headWidth);
  const probabilities = alibiSlopes(config.nHeads).map((slope, h) => {
    const columns = (a: Array64): Array64 => columnsOf(a, h);
    const scores = mul(matmul(columns(q), transpose(columns(k))), 1 / Math.sqrt(headWidth));
    const biased = maskedFill(
      add(scores, distanceBias(length, slope)),
      futureMask(length),
      Number.NEGATIVE_INFINITY,
    );
    return softmax(biased);
  });
  onProbabilities(reshape(cat(probabilities, 0), [config.nHeads, length, length]));
  const heads = probabilities.map((each, h) => matmul(each, columnsOf(v, h)));
  return affine(params, prefix + names.attentionOut, cat(heads, 1));
}

function projections(params: Parameters64, prefix: string, x: Array64): readonly [Array64, Array64, Array64] {
  if (params.has(`${prefix}attn.Wqkv.weight`)) {
    const stacked = affine(params, `${prefix}attn.Wqkv`, x);
    const width = x.shape[1];
    const part = (i: number): Array64 => slice(stacked, 1, i * width, (i + 1) * width);
    return [part(0), part(1), part(2)];
  }
  const project = (name: string): Array64 => affine(params, prefix + name, x);
  return [project('q_proj'), project('k_proj'), project('v_proj')];
}

/** −slope·|i − j| for query i and key j. */
function distanceBias(length: number, slope: number): Array64 {
  const values = Array.from({ length: length * length }, (_, at) => {
    const [i, j] = [Math.floor(at / length), at % length];
    return -slope * Math.abs(i - j);
  });
  return array(values, [length, length]);
}

/** 1 where key j lies after query i. */
function futureMask(length: number): Array64 {
  const values = Array.from({ length: length * length }, (_, at) =>
    Number(at % length > Math.floor(at / length)),
  );
  return array(values, [length, length]);
}

function feedForward(
  config: AlibiOracleConfig,
  params: Parameters64,
  names: Names,
  prefix: string,
  x: Array64,
): Array64 {
  if (config.numExperts === 0) {
    return affine(params, prefix + names.down, gelu(affine(params, prefix + names.up, x)));
  }
  return mixtureOfExperts(config.numExperts, config.activeExperts, params, `${prefix}moe.`, x);
}

/** Send each token through its best `active` experts, weighted by the softmax over only their router logits. */
function mixtureOfExperts(
  experts: number,
  active: number,
  params: Parameters64,
  prefix: string,
  x: Array64,
): Array64 {
  const router = linear(x, required(params, `${prefix}router.weight`));
  const rows = Array.from({ length: x.shape[0] }, (_, t) => {
    const token = slice(x, 0, t, t + 1);
    const logits = slice(router, 0, t, t + 1);
    const chosen = topExperts(logits.data, experts, active);
    const weights = softmax(indexSelect(logits, 1, chosen));
    return chosen
      .map((expert, i) => {
        const hidden = gelu(affine(params, `${prefix}experts.${expert}.0`, token));
        return mul(affine(params, `${prefix}experts.${expert}.3`, hidden), slice(weights, 1, i, i + 1));
      })
      .reduce(add);
  });
  return cat(rows, 0);
}

/** Highest logits first; of equals, the lower number first. */
function topExperts(logits: Float64Array, experts: number, active: number): number[] {
  const order = Array.from({ length: experts }, (_, e) => e);
  return order.sort((a, b) => logits[b] - logits[a] || a - b).slice(0, active);
}

function norm(params: Parameters64, name: string, x: Array64): Array64 {
  return layerNorm(x, required(params, `${name}.weight`), params.get(`${name}.bias`));
}

function affine(params: Parameters64, name: string, x: Array64): Array64 {
  return linear(x, required(params, `${name}.weight`), params.get(`${name}.bias`));
}

function required(params: Parameters64, name: string): Array64 {
  const value = params.get(name);
  if (value === undefined) throw new Error(`the parameters hold no "${name}"`);
  return value;
}

/** Mean next-token cross-entropy over all sequences; targets equal to `ignoreIndex` do not count. */
export function nextTokenLoss(
  config: OracleConfig,
  params: Parameters64,
  tokens: readonly (readonly number[])[],
  ignoreIndex?: number,
): Array64 {
  const inputs = tokens.map((sequence) => sequence.slice(0, -1));
  const targets = tokens.flatMap((sequence) => sequence.slice(1));
  return crossEntropy(cat(forward(config, params, inputs), 0), targets, ignoreIndex);
}
