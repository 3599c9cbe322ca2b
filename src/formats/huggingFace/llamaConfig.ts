/** `config.json` of a Hugging Face llama (transformers' `LlamaConfig`), and the config it stands for. */
import { z } from 'zod';
import type { LlamaConfig } from '../../model/architectures/llama.ts';
import { checkedConfig, off, parseOptions, type SpecialTokens, specialTokenIds } from './configJson.ts';

const size = (otherwise: number) => z.int().min(1).default(otherwise);
const theta = z.number().positive();
const full = z.literal('full_attention');
const unscaled = {
  rope_type: z.literal('default').default('default'),
  type: z.literal('default').optional(),
};

/**
 * The keys with a meaning for the logits. One that is missing has transformers' default; values without a counterpart
 * here are refused, as they would be another model.
 */
const llamaSchema = z.looseObject({
  model_type: z.literal('llama'),
  vocab_size: size(32_000),
  hidden_size: size(4096),
  intermediate_size: size(11_008),
  num_hidden_layers: size(32),
  num_attention_heads: size(32),
  num_key_value_heads: z.int().min(1).nullish(),
  head_dim: z.int().min(1).nullish(),
  hidden_act: z.literal('silu').default('silu'),
  max_position_embeddings: size(2048),
  rms_norm_eps: z.number().min(0).default(1e-6),
  rope_theta: theta.default(10_000),
  rope_scaling: z.union([z.null(), z.looseObject(unscaled)]).default(null),
  rope_parameters: z
    .union([z.null(), z.looseObject({ ...unscaled, rope_theta: theta.optional() })])
    .default(null),
  partial_rotary_factor: z.literal(1).default(1),
  attention_bias: z.boolean().default(false),
  attention_dropout: off,
  mlp_bias: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(false),
  sliding_window: off,
  use_sliding_window: off,
  layer_types: z.union([z.null(), z.array(full)]).default(null),
  quantization_config: off,
});

/** The config that a `config.json` stands for. @throws CheckpointError naming the key that has no counterpart here. */
export function fromLlamaConfig(candidate: unknown): LlamaConfig {
  const llama = parseOptions(llamaSchema, candidate);
  const { hidden_size: dModel, num_attention_heads: nHeads } = llama;
  return checkedConfig('llama', {
    vocabSize: llama.vocab_size,
    dModel,
    nHeads,
    dFF: llama.intermediate_size,
    nLayers: llama.num_hidden_layers,
    dropout: 0,
    tieEmbeddings: llama.tie_word_embeddings,
    nKVHeads: llama.num_key_value_heads ?? nHeads,
    headDim: llama.head_dim ?? Math.floor(dModel / nHeads),
    ropeTheta: llama.rope_parameters?.rope_theta ?? llama.rope_theta,
    rmsNormEps: llama.rms_norm_eps,
    attentionBias: llama.attention_bias,
    mlpBias: llama.mlp_bias,
    maxPositions: llama.max_position_embeddings,
  });
}

/** The content of `config.json`. */
export function toLlamaConfig(config: LlamaConfig, tokens: SpecialTokens): object {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: config.vocabSize,
    hidden_size: config.dModel,
    intermediate_size: config.dFF,
    num_hidden_layers: config.nLayers,
    num_attention_heads: config.nHeads,
    num_key_value_heads: config.nKVHeads,
    head_dim: config.headDim,
    hidden_act: 'silu',
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.rmsNormEps,
    rope_theta: config.ropeTheta,
    rope_scaling: null,
    attention_bias: config.attentionBias,
    attention_dropout: 0,
    mlp_bias: config.mlpBias,
    tie_word_embeddings: config.tieEmbeddings,
    ...specialTokenIds(tokens),
    dtype: 'float32',
    torch_dtype: 'float32',
  };
}
