/**
 * A decoder as the kernels of a chunk see it: plain data, which layers declare next to their forward pass. A `Place` is where a
 * weight lies: in a declaration the weight itself, in a kernel its first vec4 among the packed weights.
 */

/** y = x·Wᵀ + b. */
export interface ChunkLinear<Place> {
  readonly weight: Place;
  readonly bias: Place | undefined;
  readonly inputs: number;
  readonly outputs: number;
}

/** LayerNorm if `centred`, RMSNorm otherwise. */
export interface ChunkNorm<Place> {
  readonly weight: Place;
  readonly bias: Place | undefined;
  readonly centred: boolean;
  readonly eps: number;
}

/** The dependence of scores on positions: ALiBi's slope of each head, or RoPE's frequencies as `ropeFrequencies` returns them. */
export type ChunkPosition =
  | { readonly kind: 'alibi'; readonly slopes: readonly number[] }
  | { readonly kind: 'rope'; readonly frequencies: readonly number[] };

/** Causal self-attention with its products; `qkv` has rows [q | k | v]. */
export interface ChunkAttention<Place> {
  readonly qkv: ChunkLinear<Place>;
  readonly out: ChunkLinear<Place>;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly position: ChunkPosition;
}

/** A dense feed-forward layer; `up` of SwiGLU has rows [gate | up]. */
export interface ChunkFeedForward<Place> {
  readonly up: ChunkLinear<Place>;
  readonly down: ChunkLinear<Place>;
  readonly activation: 'gelu' | 'swiglu';
}

/** A block: x += attention(norm(x)), then x += feedForward(norm(x)). */
export interface ChunkBlock<Place> {
  readonly norms: readonly [ChunkNorm<Place>, ChunkNorm<Place>];
  readonly attention: ChunkAttention<Place>;
  readonly feedForward: ChunkFeedForward<Place>;
}

/** All layers of a model. */
export interface ChunkDecoder<Place> {
  readonly dModel: number;
  readonly embedding: { readonly weight: Place; readonly scale: number };
  readonly blocks: readonly ChunkBlock<Place>[];
  readonly finalNorm: ChunkNorm<Place> | undefined;
  readonly output: ChunkLinear<Place>;
}

/** A model whose blocks have one form: the weights of block i lie `stride` · i vec4s after those of the first. */
export interface ChunkForm extends Omit<ChunkDecoder<number>, 'blocks'> {
  readonly block: ChunkBlock<number>;
  readonly layers: number;
  readonly stride: number;
}

/** The form in which a place is read: a matrix is packed transposed, other values as they are. */
export type PlaceUse = 'matrix' | 'values';

type PlaceOf<From, To> = (place: From, use: PlaceUse) => To;

/** Return a linear layer with other places. */
const placedLinear = <From, To>(
  { weight, bias, inputs, outputs }: ChunkLinear<From>,
  placeOf: PlaceOf<From, To>,
): ChunkLinear<To> => ({
  weight: placeOf(weight, 'matrix'),
  bias: bias === undefined ? undefined : placeOf(bias, 'values'),
  inputs,
  outputs,
});

/** Return a norm with other places. */
const placedNorm = <From, To>(
  { weight, bias, centred, eps }: ChunkNorm<From>,
  placeOf: PlaceOf<From, To>,
): ChunkNorm<To> => ({
  weight: placeOf(weight, 'values'),
  bias: bias === undefined ? undefined : placeOf(bias, 'values'),
  centred,
  eps,
});

/** Return a block with other places. */
const placedBlock = <From, To>(
  { norms, attention, feedForward }: ChunkBlock<From>,
  placeOf: PlaceOf<From, To>,
): ChunkBlock<To> => ({
  norms: [placedNorm(norms[0], placeOf), placedNorm(norms[1], placeOf)],
  attention: {
    ...attention,
    qkv: placedLinear(attention.qkv, placeOf),
    out: placedLinear(attention.out, placeOf),
  },
  feedForward: {
    ...feedForward,
    up: placedLinear(feedForward.up, placeOf),
    down: placedLinear(feedForward.down, placeOf),
  },
});

/** Return the form of a decoder with the places of its weights; undefined if its blocks do not have one form. */
export function chunkForm<From extends object>(
  decoder: ChunkDecoder<From>,
  placeOf: PlaceOf<From, number>,
): ChunkForm | undefined {
  const { blocks, embedding, finalNorm, output, dModel } = decoder;
  const [block, second, ...rest] = blocks.map((each) => placedBlock(each, placeOf));
  if (!block) return undefined;
  const stride = second ? second.norms[0].weight - block.norms[0].weight : 0;
  const isLike = (other: ChunkBlock<number>, i: number): boolean =>
    JSON.stringify(other) === JSON.stringify(placedBlock(block, (place) => place + (i + 1) * stride));
  if (!(second ? [second, ...rest] : []).every(isLike)) return undefined;
  return {
    dModel,
    embedding: { ...embedding, weight: placeOf(embedding.weight, 'values') },
    block,
    layers: blocks.length,
    stride,
    finalNorm: finalNorm && placedNorm(finalNorm, placeOf),
    output: placedLinear(output, placeOf),
  };
}
