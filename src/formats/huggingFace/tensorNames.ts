/** Transformers' names of the tensors of each kind of model. */

import type { LlamaConfig } from '../../model/architectures/llama.ts';
import type { AlibiConfig } from '../../model/architectures/mathformer.ts';
import { architectureOf } from '../../model/config.ts';
import { CheckpointError, quoted } from '../error.ts';
import { OUTPUT, type TensorNames } from './weights.ts';

/** Names that begin like these, with their layer between. */
const MPT_BLOCK = {
  norm1: 'norm_1',
  qkv: 'attn.Wqkv',
  out_proj: 'attn.out_proj',
  norm2: 'norm_2',
  linear1: 'ffn.up_proj',
  linear2: 'ffn.down_proj',
};

/** MPT has one matrix for q, k and v, in this order, as the model has here. */
export function mptNames(config: AlibiConfig): TensorNames {
  const prefix = 'transformer.';
  const embedding = `${prefix}wte.weight`;
  const names = new Map([
    ['tok_emb.weight', embedding],
    ['norm_f.weight', `${prefix}norm_f.weight`],
    ['out_proj.weight', OUTPUT],
  ]);
  for (let layer = 0; layer < config.nLayers; layer++) {
    for (const [name, theirs] of Object.entries(MPT_BLOCK)) {
      names.set(`blocks.${layer}.${name}.weight`, `${prefix}blocks.${layer}.${theirs}.weight`);
    }
  }
  const { weights } = architectureOf(config).decoder(config);
  const named = weights.map((weight) => {
    const name = names.get(weight.name);
    if (name) return [name, weight] as const;
    const problem = 'MPT has no such tensor';
    throw new CheckpointError('INTERNAL', quoted(weight.name), problem, 'please report this');
  });
  return { prefix, embedding, weights: new Map(named) };
}

/** The architecture names its parameters as transformers does. */
export function llamaNames(config: LlamaConfig): TensorNames {
  const { parameters } = architectureOf(config).decoder(config);
  return {
    prefix: 'model.',
    embedding: 'model.embed_tokens.weight',
    weights: new Map(parameters.map((parameter) => [parameter.name, { ...parameter, parts: [parameter] }])),
  };
}
