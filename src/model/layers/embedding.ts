/** The embedding of tokens. */
import { embedding as rowsOf, type Tensor } from '../../tensor/index.ts';
import { compose, joined, type Layer, uniform, type Weight } from './layer.ts';
import { dropped, type Pass } from './pass.ts';

/** Initial values of embeddings, and of the output layer that belongs to them. */
export const EMBEDDING_INITIAL = uniform(0.02);

/** x (R,d) = scale·W[tokens], W (vocabulary, d); dropout has stream 0. */
export interface Embedding extends Layer {
  readonly weight: Weight;
  /** Factor of its rows. */
  readonly scale: number;
  readonly dModel: number;
  forward(tokens: Tensor, pass: Pass): Tensor;
}

export function embedding(
  name: string,
  { vocabSize, dModel }: { readonly vocabSize: number; readonly dModel: number },
  scale = 1,
): Embedding {
  const parameter = { name: `${name}.weight`, shape: [vocabSize, dModel], initial: EMBEDDING_INITIAL };
  const weight = joined(parameter.name, [parameter]);
  return {
    ...compose(),
    weight,
    scale,
    dModel,
    weights: [weight],
    parameters: [parameter],
    forward: (tokens, pass) => dropped(rowsOf(tokens, pass.weight(weight), scale), 0, pass),
    mostRows: (floats) => Math.floor(floats / dModel),
    tuningShapes: ({ training }) => [{ kind: 'outer', R: training, M: vocabSize, N: dModel, oneHot: true }],
  };
}
