/**
 * Llama as Hugging Face's `LlamaForCausalLM` computes it: pre-RMSNorm blocks of attention with rotary positions and
 * grouped key-value heads, and a SwiGLU feed-forward layer. Parameters have transformers' names.
 */
import { z } from 'zod';
import { attention } from '../layers/attention.ts';
import { type Decoder, decoder } from '../layers/decoder.ts';
import { EMBEDDING_INITIAL, embedding } from '../layers/embedding.ts';
import { swigluFeedForward } from '../layers/feedForward.ts';
import { linear } from '../layers/linear.ts';
import { rmsNorm } from '../layers/norm.ts';
import { rope } from '../layers/position.ts';
import { type Architecture, baseFields } from './architecture.ts';

const fields = {
  ...baseFields,
  /** Key-value heads, a divisor of `nHeads`. */
  nKVHeads: baseFields.nHeads,
  /** Width of a head, even. */
  headDim: z
    .int()
    .min(2)
    .max(2 ** 16)
    .multipleOf(2),
  /** Base of the frequencies of RoPE. */
  ropeTheta: z.number().positive(),
  /** Added to the mean square in RMSNorm. */
  rmsNormEps: z.number().min(0).max(1),
  /** q, k, v and the output of attention have a bias. */
  attentionBias: z.boolean(),
  /** The feed-forward layer has biases. */
  mlpBias: z.boolean(),
  /** The longest sequence that the model is meant for; longer ones are computed all the same. */
  maxPositions: z.int().min(1),
};

/** A config of this architecture. */
export type LlamaConfig = Readonly<z.output<z.ZodObject<typeof fields>>> & { readonly architecture: 'llama' };

const flags = { attentionBias: false, mlpBias: false };

export const llama: Architecture<LlamaConfig> = {
  schema: z.strictObject({ architecture: z.literal('llama'), ...fields }),
  flags,
  defaults: ({ dModel, nHeads }) => ({
    tieEmbeddings: false,
    nKVHeads: nHeads,
    headDim: dModel / nHeads,
    ropeTheta: 10_000,
    rmsNormEps: 1e-6,
    ...flags,
    maxPositions: 2048,
  }),
  problemOf: ({ nHeads, nKVHeads }) => {
    if (nHeads % nKVHeads === 0) return undefined;
    const fix = 'use a divisor of nHeads, such as 1 or nHeads itself';
    return { problem: `nKVHeads ${nKVHeads} does not divide nHeads ${nHeads}`, fix };
  },
  describe: ({ nHeads, nKVHeads }) =>
    `, llama${nKVHeads === nHeads ? '' : ` with ${nKVHeads} key-value heads`}`,
  decoder: layers,
};

function layers(config: LlamaConfig): Decoder {
  const { vocabSize, dModel, dFF, nHeads: heads, nKVHeads: kvHeads, headDim, rmsNormEps } = config;
  const position = rope(headDim, config.ropeTheta);
  const tokens = embedding('model.embed_tokens', config);
  const whole = decoder({
    embedding: tokens,
    blocks: Array.from({ length: config.nLayers }, (_, layer) => {
      const name = `model.layers.${layer}`;
      const stream = 2 * layer + 1;
      return {
        attention: attention({
          ...{
            block: `${name}.self_attn`,
            output: 'o_proj',
            dModel,
            heads,
            kvHeads,
            headDim,
            position,
            stream,
          },
          bias: config.attentionBias,
        }),
        feedForward: swigluFeedForward({
          ...{ block: `${name}.mlp`, dModel, dFF, stream: stream + 1 },
          bias: config.mlpBias,
        }),
        norms: [
          rmsNorm(`${name}.input_layernorm`, dModel, rmsNormEps),
          rmsNorm(`${name}.post_attention_layernorm`, dModel, rmsNormEps),
        ],
      };
    }),
    finalNorm: rmsNorm('model.norm', dModel, rmsNormEps),
    output: linear({
      name: 'lm_head',
      inputs: dModel,
      outputs: vocabSize,
      initial: { weight: EMBEDDING_INITIAL, bias: () => 0 },
      tiedTo: config.tieEmbeddings ? tokens.weight : undefined,
    }),
  });
  // Old files repeat the frequencies in each block, others once.
  return { ...whole, constants: [...whole.constants, position.constantOf('model')] };
}
