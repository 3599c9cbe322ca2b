/** A decoder-only transformer: an embedding, blocks around a residual stream, an output layer. */
import type { Tensor } from '../../tensor/index.ts';
import type { ResidualLayer } from './attention.ts';
import type { Embedding } from './embedding.ts';
import { compose, type Layer } from './layer.ts';
import type { Linear } from './linear.ts';
import type { Norm } from './norm.ts';
import type { Pass } from './pass.ts';

/** One block; norms precede the attention and the feed-forward layer. */
export interface Block {
  readonly attention: ResidualLayer;
  readonly feedForward: ResidualLayer;
  readonly norms: readonly [Norm, Norm];
}

interface DecoderLayers {
  readonly embedding: Embedding;
  readonly blocks: readonly Block[];
  readonly finalNorm?: Norm | undefined;
  readonly output: Linear;
}

/** All layers of a model. */
export interface Decoder extends Layer {
  /** The residual stream (R,d) after the last block, normalised if there is a final norm. Tokens are u32 (R). */
  hidden(tokens: Tensor, pass: Pass): Tensor;
  /** Logits (R,V) of hidden states (R,d). */
  logits(hidden: Tensor, pass: Pick<Pass, 'weight'>): Tensor;
}

export function decoder({ embedding, blocks, finalNorm, output }: DecoderLayers): Decoder {
  const layers = blocks.flatMap(({ attention, feedForward, norms }) => [attention, feedForward, ...norms]);
  return {
    ...compose(embedding, ...layers, ...(finalNorm ? [finalNorm] : []), output),
    hidden: (tokens, pass) => {
      let x = embedding.forward(tokens, pass);
      for (const { attention, feedForward, norms } of blocks) {
        x = attention.forward(norms[0].forward(x, pass), x, pass);
        x = feedForward.forward(norms[1].forward(x, pass), x, pass);
      }
      return finalNorm ? finalNorm.forward(x, pass) : x;
    },
    logits: (hidden, pass) => output.forward(hidden, pass),
  };
}
