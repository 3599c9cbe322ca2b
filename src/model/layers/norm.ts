/** Normalisation of the residual stream. */
import type { ChunkNorm } from '../../kernels/chunk/index.ts';
import type { NormShape } from '../../kernels/rowTuningCases.ts';
import { layerNorm as normalised, rmsNorm as scaled, type Tensor } from '../../tensor/index.ts';
import { compose, joined, type Layer, type Weight } from './layer.ts';
import type { Pass } from './pass.ts';

/** A norm of rows (R,d). */
export interface Norm extends Layer {
  /** The norm as the kernels of a chunk see it. */
  readonly chunk: ChunkNorm<Weight>;
  forward(x: Tensor, pass: Pass): Tensor;
}

const vector = (name: string, dModel: number, value: number): Weight =>
  joined(name, [{ name, shape: [dModel], initial: () => value }]);

/** Return the launches of a norm. Those of decoding have the same keys. */
const shapesOf =
  (shape: Omit<NormShape, 'R'>): Layer['tuningShapes'] =>
  ({ training }) => [{ kind: 'norm', R: training, ...shape }];

/** Added to the variance in LayerNorm. */
const LAYER_NORM_EPS = 1e-5;

/** (x − mean)/√(variance + 1e-5)·w + b over each row (Ba et al., 1607.06450). */
export function layerNorm(name: string, dModel: number, bias: boolean): Norm {
  const weight = vector(`${name}.weight`, dModel, 1);
  const shift = bias ? vector(`${name}.bias`, dModel, 0) : undefined;
  const weights = [weight, ...(shift ? [shift] : [])];
  return {
    ...compose(),
    weights,
    parameters: weights.flatMap(({ parts }) => parts),
    chunk: { weight, bias: shift, centred: true, eps: LAYER_NORM_EPS },
    tuningShapes: shapesOf({ d: dModel, centred: true, bias }),
    forward: (x, pass) => normalised(x, pass.weight(weight), shift && pass.weight(shift), LAYER_NORM_EPS),
  };
}

/** x/√(mean(x²) + eps)·w over each row (Zhang & Sennrich, 1910.07467). */
export function rmsNorm(name: string, dModel: number, eps: number): Norm {
  const weight = vector(`${name}.weight`, dModel, 1);
  return {
    ...compose(),
    weights: [weight],
    parameters: weight.parts,
    chunk: { weight, bias: undefined, centred: false, eps },
    tuningShapes: shapesOf({ d: dModel, centred: false, bias: false }),
    forward: (x, pass) => scaled(x, pass.weight(weight), eps),
  };
}
