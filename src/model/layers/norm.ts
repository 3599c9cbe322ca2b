/** Normalisation of the residual stream. */
import { layerNorm as normalised, type Tensor } from '../../tensor/index.ts';
import { compose, joined, type Layer, type Weight } from './layer.ts';
import type { Pass } from './pass.ts';

/** A norm of rows (R,d). */
export interface Norm extends Layer {
  forward(x: Tensor, pass: Pass): Tensor;
}

/** (x − mean)/√(variance + 1e-5)·w + b over each row (Ba et al., 1607.06450). */
export function layerNorm(name: string, dModel: number, bias: boolean): Norm {
  const vector = (kind: string, value: number): Weight =>
    joined(`${name}.${kind}`, [{ name: `${name}.${kind}`, shape: [dModel], initial: () => value }]);
  const weight = vector('weight', 1);
  const shift = bias ? vector('bias', 0) : undefined;
  const weights = [weight, ...(shift ? [shift] : [])];
  return {
    ...compose(),
    weights,
    parameters: weights.flatMap(({ parts }) => parts),
    forward: (x, pass) => normalised(x, pass.weight(weight), shift && pass.weight(shift)),
  };
}
