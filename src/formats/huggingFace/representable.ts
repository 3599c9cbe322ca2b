/** The models that MPT represents: those of the `mpt` shape as they are, and some others after a change of their weights. */

import type { AlibiConfig } from '../../model/architectures/mathformer.ts';
import type { StateDict, StateTensor } from '../../model/stateDict.ts';
import { CheckpointError } from '../error.ts';

/**
 * The same function as an MPT model computes it, to the bit: a scale of the embedding moves into the weights (which
 * unties them from the output), and biases that are all 0 go. Throws `CheckpointError` naming what MPT does not have.
 */
export function representable(
  config: AlibiConfig,
  stateDict: StateDict,
): { readonly config: AlibiConfig<'mpt'>; readonly stateDict: StateDict } {
  refuseOthers(config, stateDict);
  const { scaleEmbedding, tieEmbeddings } = config;
  const weights = new Map([...stateDict].filter(([name]) => !name.endsWith('.bias')));
  const embedding = weights.get('tok_emb.weight');
  if (scaleEmbedding && embedding) {
    if (tieEmbeddings) weights.set('out_proj.weight', embedding);
    weights.set('tok_emb.weight', scaled(embedding, Math.sqrt(config.dModel)));
  }
  return {
    config: {
      ...config,
      architecture: 'mpt',
      bias: false,
      scaleEmbedding: false,
      tieEmbeddings: tieEmbeddings && !scaleEmbedding,
    },
    stateDict: weights,
  };
}

/** Rounded as the embedding kernel rounds: factor and product to float32. */
function scaled({ shape, data }: StateTensor, factor: number): StateTensor {
  const single = Math.fround(factor);
  return { shape, data: data.map((value) => value * single) };
}

function refuseOthers(config: AlibiConfig, stateDict: StateDict): void {
  const { dModel, dFF, numExperts, finalNorm } = config;
  const bias = [...stateDict].find(
    ([name, { data }]) => name.endsWith('.bias') && data.some((value) => value !== 0),
  );
  const missing = [
    ...(bias ? [`biases (bias; ${bias[0]} is not 0)`] : []),
    ...(finalNorm ? [] : ['an output without a LayerNorm before it (finalNorm is false)']),
    ...(numExperts > 0 ? [`a mixture of experts (numExperts is ${numExperts})`] : []),
    ...(dFF === 4 * dModel ? [] : [`a feed-forward layer that is not 4·dModel wide (dFF is ${dFF})`]),
  ];
  if (missing.length === 0) return;
  const problem = `Hugging Face's MPT cannot represent ${missing.join(', nor ')}`;
  const fix = 'train a dense model with --shape mpt, which it represents exactly';
  throw new CheckpointError('UNSUPPORTED', 'model', problem, fix);
}
