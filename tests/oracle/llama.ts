/** A llama as plain float64 arithmetic, one sequence at a time, with transformers' names of the parameters. */
import type { LlamaConfig } from '../../src/model/architectures/llama.ts';
import {
  type Array64,
  add,
  array,
  attention,
  embedding,
  linear,
  mul,
  permute,
  repeatInterleave,
  reshape,
  rmsNorm,
  rope,
  silu,
} from './array.ts';

/** The fields of a llama's config that its arithmetic depends on; sizes come from the parameters. */
export type LlamaOracleConfig = Pick<
  LlamaConfig,
  'nHeads' | 'nKVHeads' | 'headDim' | 'nLayers' | 'ropeTheta' | 'rmsNormEps' | 'tieEmbeddings'
>;

/** Logits (T,V) of a sequence. */
export function llamaForward(
  config: LlamaOracleConfig,
  params: ReadonlyMap<string, Array64>,
  tokens: readonly number[],
  onProbabilities: (probabilities: Array64) => void = () => undefined,
): Array64 {
  const required = (name: string): Array64 => {
    const value = params.get(name);
    if (value === undefined) throw new Error(`the parameters hold no "${name}"`);
    return value;
  };
  const affine = (name: string, x: Array64): Array64 =>
    linear(x, required(`${name}.weight`), params.get(`${name}.bias`));
  const norm = (name: string, x: Array64): Array64 =>
    rmsNorm(x, required(`${name}.weight`), config.rmsNormEps);
  const { nHeads, nKVHeads, headDim, ropeTheta: theta } = config;
  const positions = tokens.map((_, position) => position);
  /** (H,T,headDim) of (T, H·headDim). */
  const apart = (x: Array64, heads: number): Array64 =>
    permute(reshape(x, [tokens.length, heads, headDim]), [1, 0, 2]);
  const turned = (x: Array64, heads: number): Array64 =>
    apart(rope(x, { positions, headDim, heads, theta }), heads);
  const diagonal = tokens.flatMap((_, i) => tokens.map((_, j) => Number(i === j)));
  const identity = array(diagonal, [tokens.length, tokens.length]);
  const shared = new Array<number>(nKVHeads).fill(nHeads / nKVHeads);

  const table = required('model.embed_tokens.weight');
  let x = embedding(table, { data: tokens, shape: [tokens.length] });
  for (let layer = 0; layer < config.nLayers; layer++) {
    const name = `model.layers.${layer}`;
    const normed = norm(`${name}.input_layernorm`, x);
    const project = (kind: string): Array64 => affine(`${name}.self_attn.${kind}_proj`, normed);
    const keys = repeatInterleave(turned(project('k'), nKVHeads), shared, 0);
    const values = repeatInterleave(apart(project('v'), nKVHeads), shared, 0);
    const queries = turned(project('q'), nHeads);
    const heads = attention(queries, keys, values, { causal: true });
    // Of the identity as values, the output is the probabilities.
    onProbabilities(attention(queries, keys, identity, { causal: true }));
    const mixed = reshape(permute(heads, [1, 0, 2]), [tokens.length, nHeads * headDim]);
    x = add(x, affine(`${name}.self_attn.o_proj`, mixed));
    const between = norm(`${name}.post_attention_layernorm`, x);
    const gate = silu(affine(`${name}.mlp.gate_proj`, between));
    x = add(x, affine(`${name}.mlp.down_proj`, mul(gate, affine(`${name}.mlp.up_proj`, between))));
  }
  const output = config.tieEmbeddings ? table : required('lm_head.weight');
  return linear(norm('model.norm', x), output);
}
