/** `config.json` of a Hugging Face llama (transformers' `LlamaConfig`), and the config it stands for. */
import { z } from 'zod';
import type { LlamaConfig } from '../../model/architectures/llama.ts';
import { checkedConfig, off, parseOptions, type SpecialTokens, specialTokenIds } from './configJson.ts';

const size = (otherwise: number) => z.int().min(1).default(otherwise);
const theta = z.number().positive();
const full = z.literal('full_attention');
const whole = z.literal(1).default(1);
/** Positions that turn as they are. Strict: a key such as `factor`, or settings of each kind of layer, would change them. */
const unscaled = z
  .strictObject({
    rope_type: z.literal('default').default('default'),
    type: z.literal('default').default('default'),
    rope_theta: theta.optional(),
    partial_rotary_factor: whole,
  })
  .nullish();

/**
 * The keys with a meaning for the logits. One that is missing has transformers' default; values without a counterpart
 * here are refused, as they would be another model.
 */
const llamaSchema = z.looseObject({
  model_type: z.literal('llama'),
  architectures: z.array(z.literal(['LlamaForCausalLM', 'LLaMAForCausalLM', 'LlamaModel'])).nullish(),
  vocab_size: size(32_000),
  hidden_size: size(4096),
  intermediate_size: size(11_008),
  num_hidden_layers: size(32),
  num_attention_heads: size(32),
  num_key_value_heads: z.int().min(1).nullish(),
  head_dim: z.int().min(1).nullish(),
  hidden_act: z.literal(['silu', 'swish']).default('silu'),
  max_position_embeddings: size(2048),
  rms_norm_eps: z.number().min(0).default(1e-6),
  rope_theta: theta.default(10_000),
  /** Up to transformers 4. */
  rope_scaling: unscaled,
  /** From transformers 5. */
  rope_parameters: unscaled,
  partial_rotary_factor: whole,
  attention_bias: z.boolean().default(false),
  attention_dropout: off,
  mlp_bias: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(false),
  sliding_window: off,
  use_sliding_window: off,
  layer_types: z.array(full).nullish(),
  quantization_config: off,
});

/** The keys of fields whose value is copied. */
const KEYS = {
  vocabSize: 'vocab_size',
  dModel: 'hidden_size',
  dFF: 'intermediate_size',
  nLayers: 'num_hidden_layers',
  nHeads: 'num_attention_heads',
  nKVHeads: 'num_key_value_heads',
  headDim: 'head_dim',
  maxPositions: 'max_position_embeddings',
  rmsNormEps: 'rms_norm_eps',
  ropeTheta: 'rope_theta',
  attentionBias: 'attention_bias',
  mlpBias: 'mlp_bias',
  tieEmbeddings: 'tie_word_embeddings',
} as const satisfies Partial<Record<keyof LlamaConfig, keyof z.output<typeof llamaSchema>>>;

/** The config that a `config.json` stands for. @throws CheckpointError naming the key that has no counterpart here. */
export function fromLlamaConfig(candidate: unknown): LlamaConfig {
  const llama = parseOptions(llamaSchema, candidate);
  const { hidden_size: dModel, num_attention_heads: nHeads, rope_parameters, rope_scaling } = llama;
  const fields = {
    ...Object.fromEntries(Object.entries(KEYS).map(([field, key]) => [field, llama[key]])),
    dropout: 0,
    nKVHeads: llama.num_key_value_heads ?? nHeads,
    headDim: llama.head_dim ?? dModel / nHeads,
    ropeTheta: rope_parameters?.rope_theta ?? rope_scaling?.rope_theta ?? llama.rope_theta,
  };
  return checkedConfig('llama', fields, KEYS);
}

/** The content of `config.json`. */
export function toLlamaConfig(config: LlamaConfig, tokens: SpecialTokens): object {
  const fields = new Map<string, unknown>(Object.entries(config));
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    ...Object.fromEntries(Object.entries(KEYS).map(([field, key]) => [key, fields.get(field)])),
    hidden_act: 'silu',
    rope_scaling: null,
    attention_dropout: 0,
    ...specialTokenIds(tokens),
    dtype: 'float32',
    torch_dtype: 'float32',
  };
}
