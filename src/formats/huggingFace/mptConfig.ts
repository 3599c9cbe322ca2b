/**
 * `config.json` of a Hugging Face MPT model (transformers' `MptConfig`), and the `ModelConfig` it stands for.
 *
 * transformers computes one kind of MPT, whatever some options say (it always uses ALiBi, and 4·d_model hidden units);
 * the kind with another value of such an option is refused here, as it would be another model elsewhere.
 */
import { z } from 'zod';
import { ARCHITECTURES } from '../../model/architectures/index.ts';
import type { AlibiConfig } from '../../model/architectures/mathformer.ts';
import { CheckpointError } from '../error.ts';
import {
  CONFIG_FILE,
  checkedConfig,
  off,
  parseOptions,
  type SpecialTokens,
  specialTokenIds,
} from './configJson.ts';

/** MPT's default. ALiBi has no limit of its own, but transformers prepares the biases of so many positions. */
export const MAX_SEQUENCE_LENGTH = 2048;

const EXPANSION_RATIO = 4;

const size = (otherwise: number) => z.int().min(1).default(otherwise);
const dropout = z.number().min(0).lt(1).default(0);

/**
 * The keys that are read. A missing key has transformers' default, as transformers leaves such keys out. Keys that do not
 * affect the logits are ignored.
 */
const mptSchema = z.looseObject({
  model_type: z.literal('mpt'),
  vocab_size: size(50_368),
  d_model: size(2048),
  n_heads: size(16),
  n_layers: size(24),
  expansion_ratio: z.literal(EXPANSION_RATIO).default(EXPANSION_RATIO),
  no_bias: z.literal(true).default(true),
  tie_word_embeddings: z.boolean().default(true),
  layer_norm_epsilon: z.literal(1e-5).default(1e-5),
  norm_type: z.literal(['low_precision_layernorm', 'layernorm']).default('low_precision_layernorm'),
  embedding_fraction: z.literal(1).default(1),
  logit_scale: off,
  emb_pdrop: dropout,
  resid_pdrop: dropout,
  quantization_config: off,
  attn_config: z
    .looseObject({
      attn_type: z.literal('multihead_attention').default('multihead_attention'),
      alibi: z.literal(true).default(true),
      alibi_bias_max: z.literal(8).default(8),
      attn_pdrop: off,
      clip_qkv: off,
      softmax_scale: off,
      prefix_lm: off,
      qk_ln: off,
      attn_uses_sequence_id: off,
    })
    .prefault({}),
});

/** The content of `config.json` for a model that MPT represents exactly, as `representable` makes it. */
export function toMptConfig(config: AlibiConfig, tokens: SpecialTokens): object {
  return {
    architectures: ['MptForCausalLM'],
    model_type: 'mpt',
    vocab_size: config.vocabSize,
    d_model: config.dModel,
    n_heads: config.nHeads,
    n_layers: config.nLayers,
    expansion_ratio: EXPANSION_RATIO,
    max_seq_len: MAX_SEQUENCE_LENGTH,
    no_bias: true,
    tie_word_embeddings: config.tieEmbeddings,
    learned_pos_emb: false,
    layer_norm_epsilon: 1e-5,
    // vLLM takes this name alone; transformers computes the same for all.
    norm_type: 'low_precision_layernorm',
    // embedding_fraction stays out: its default is 1, and transformers refuses a 1 that is not written 1.0.
    logit_scale: null,
    // Where this project drops activations too: after the embedding, and at the end of each residual branch.
    emb_pdrop: config.dropout,
    resid_pdrop: config.dropout,
    attn_config: {
      attn_type: 'multihead_attention',
      attn_impl: 'torch',
      alibi: true,
      alibi_bias_max: 8,
      attn_pdrop: 0,
      clip_qkv: null,
      softmax_scale: null,
      prefix_lm: false,
      qk_ln: false,
      attn_uses_sequence_id: false,
    },
    ...specialTokenIds(tokens),
    dtype: 'float32',
    torch_dtype: 'float32',
  };
}

/** The config that a `config.json` stands for. @throws CheckpointError naming the option that has no counterpart here. */
export function fromMptConfig(candidate: unknown): AlibiConfig<'mpt'> {
  const mpt = parseOptions(mptSchema, candidate);
  if (mpt.emb_pdrop !== mpt.resid_pdrop) {
    const problem = `emb_pdrop is ${mpt.emb_pdrop} and resid_pdrop ${mpt.resid_pdrop}`;
    throw new CheckpointError('UNSUPPORTED', CONFIG_FILE, problem, 'set both to the same probability');
  }
  return checkedConfig('mpt', {
    vocabSize: mpt.vocab_size,
    dModel: mpt.d_model,
    nHeads: mpt.n_heads,
    dFF: EXPANSION_RATIO * mpt.d_model,
    nLayers: mpt.n_layers,
    dropout: mpt.resid_pdrop,
    ...ARCHITECTURES.mpt.defaults({ dModel: mpt.d_model, nHeads: mpt.n_heads }),
    tieEmbeddings: mpt.tie_word_embeddings,
  });
}
