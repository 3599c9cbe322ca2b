/**
 * The architecture of the original mathFormer: pre-LayerNorm blocks of ALiBi attention and a GELU feed-forward layer,
 * dense or a mixture of experts. Parameters have the original's names, in the original's order.
 */
import { z } from 'zod';
import { attention } from '../layers/attention.ts';
import { type Decoder, decoder } from '../layers/decoder.ts';
import { EMBEDDING_INITIAL, embedding } from '../layers/embedding.ts';
import { geluFeedForward } from '../layers/feedForward.ts';
import type { ConfigProblem } from '../layers/layer.ts';
import { linear } from '../layers/linear.ts';
import { mixtureOfExperts } from '../layers/mixtureOfExperts.ts';
import { layerNorm } from '../layers/norm.ts';
import { alibi } from '../layers/position.ts';
import { type Architecture, baseFields } from './architecture.ts';

const fields = {
  ...baseFields,
  /** E: experts per block, 0 for a dense feed-forward layer. */
  numExperts: z.int().min(0).max(256),
  /** Experts each token is sent to, 1 … E; 0 for a dense model. */
  activeExperts: z.int().min(0).max(256),
  /** Linear and LayerNorm layers have a bias. */
  bias: z.boolean(),
  /** A LayerNorm precedes the output projection. */
  finalNorm: z.boolean(),
  /** Embeddings are multiplied by √d. */
  scaleEmbedding: z.boolean(),
};

/** A config of this architecture, or of `mpt`. */
export type AlibiConfig<Name extends string = 'mathformer' | 'mpt'> = Readonly<
  z.output<z.ZodObject<typeof fields>>
> & { readonly architecture: Name };

/** The flags by which the two architectures differ. */
type AlibiFlags = Pick<AlibiConfig, 'bias' | 'finalNorm' | 'tieEmbeddings' | 'scaleEmbedding'>;

/** Keeps a config from a hostile file from naming more parameters than memory can list. */
const MAX_FEED_FORWARDS = 16_384;

/** An architecture of ALiBi attention and LayerNorm, with these flags unless a config changes them. */
export function alibiArchitecture<Name extends 'mathformer' | 'mpt'>(
  name: Name,
  flags: AlibiFlags,
): Architecture<AlibiConfig<Name>> {
  return {
    schema: z.strictObject({ architecture: z.literal(name), ...fields }),
    flags,
    defaults: () => ({ numExperts: 0, activeExperts: 0, ...flags }),
    problemOf,
    describe: ({ numExperts, activeExperts }) =>
      numExperts === 0 ? '' : `, ${numExperts} experts (${activeExperts} active)`,
    decoder: layers,
  };
}

export const mathformer = alibiArchitecture('mathformer', {
  bias: true,
  finalNorm: false,
  tieEmbeddings: false,
  scaleEmbedding: true,
});

function layers(config: AlibiConfig): Decoder {
  const { vocabSize, dModel, nHeads: heads, dFF, bias } = config;
  const { numExperts: experts, activeExperts: active } = config;
  const position = alibi(heads);
  const tokens = embedding('tok_emb', config, config.scaleEmbedding ? Math.sqrt(dModel) : 1);
  return decoder({
    embedding: tokens,
    blocks: Array.from({ length: config.nLayers }, (_, layer) => {
      const block = `blocks.${layer}`;
      const stream = 2 * layer + 1;
      const dense = { block, dModel, dFF, bias, stream: stream + 1 };
      return {
        attention: attention({ block, dModel, heads, headDim: dModel / heads, bias, position, stream }),
        feedForward: experts > 0 ? mixtureOfExperts({ ...dense, experts, active }) : geluFeedForward(dense),
        norms: [layerNorm(`${block}.norm1`, dModel, bias), layerNorm(`${block}.norm2`, dModel, bias)],
      };
    }),
    finalNorm: config.finalNorm ? layerNorm('norm_f', dModel, bias) : undefined,
    output: linear({
      name: 'out_proj',
      inputs: dModel,
      outputs: vocabSize,
      bias,
      initial: { weight: EMBEDDING_INITIAL, bias: () => 0 },
      tiedTo: config.tieEmbeddings ? tokens.weight : undefined,
    }),
  });
}

function problemOf({
  dModel,
  nHeads,
  nLayers,
  numExperts,
  activeExperts,
}: AlibiConfig): ConfigProblem | undefined {
  if (dModel % nHeads !== 0) {
    const next = Math.ceil(dModel / nHeads) * nHeads;
    return {
      problem: `dModel ${dModel} is not divisible by nHeads ${nHeads}`,
      fix: `use a multiple such as dModel ${next}, or another nHeads`,
    };
  }
  if (activeExperts > numExperts) {
    return {
      problem: `activeExperts ${activeExperts} exceeds numExperts ${numExperts}`,
      fix: numExperts === 0 ? 'set numExperts too, or activeExperts to 0' : `use at most ${numExperts}`,
    };
  }
  if (numExperts > 0 && activeExperts === 0) {
    return {
      problem: `activeExperts is 0 although numExperts is ${numExperts}`,
      fix: `set activeExperts to 1 … ${numExperts}`,
    };
  }
  if (nLayers * numExperts <= MAX_FEED_FORWARDS) return undefined;
  return {
    problem: `nLayers ${nLayers} × numExperts ${numExperts} is over ${MAX_FEED_FORWARDS} experts`,
    fix: 'use fewer layers or experts',
  };
}
