/** A decoder-only transformer: an embedding, blocks around a residual stream, an output layer. */
import type { ChunkBlock, ChunkDecoder } from '../../kernels/chunk/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import type { AttentionLayer } from './attention.ts';
import type { Embedding } from './embedding.ts';
import type { FeedForwardLayer } from './feedForward.ts';
import { compose, type Layer, type Weight } from './layer.ts';
import type { Linear } from './linear.ts';
import type { Norm } from './norm.ts';
import type { Pass } from './pass.ts';

/** One block; norms precede the attention and the feed-forward layer. */
export interface Block {
  readonly attention: AttentionLayer;
  readonly feedForward: FeedForwardLayer;
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
  /** The layers as the kernels of a chunk see them, if they can all be computed so. */
  readonly chunk: ChunkDecoder<Weight> | undefined;
  /** The residual stream (R,d) after the last block, normalised if there is a final norm. Tokens are u32 (R). */
  hidden(tokens: Tensor, pass: Pass): Tensor;
  /** Logits (R,V) of hidden states (R,d). */
  logits(hidden: Tensor, pass: Pick<Pass, 'weight' | 'cache'>): Tensor;
}

export function decoder({ embedding, blocks, finalNorm, output }: DecoderLayers): Decoder {
  const layers = blocks.flatMap(({ attention, feedForward, norms }) => [attention, feedForward, ...norms]);
  return {
    ...compose(embedding, ...layers, ...(finalNorm ? [finalNorm] : []), output),
    chunk: chunkOf({ embedding, blocks, finalNorm, output }),
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

function chunkOf({ embedding, blocks, finalNorm, output }: DecoderLayers): ChunkDecoder<Weight> | undefined {
  const declared = blocks.flatMap(({ attention, feedForward, norms }): ChunkBlock<Weight>[] =>
    feedForward.chunk
      ? [
          {
            norms: [norms[0].chunk, norms[1].chunk],
            attention: attention.chunk,
            feedForward: feedForward.chunk,
          },
        ]
      : [],
  );
  if (declared.length < blocks.length) return undefined;
  const { weight, scale, dModel } = embedding;
  return {
    dModel,
    embedding: { weight, scale },
    blocks: declared,
    finalNorm: finalNorm?.chunk,
    output: output.chunk,
  };
}
