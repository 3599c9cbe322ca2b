/** Normalisation of the residual stream. */
import { layerNorm as normalised, rmsNorm as scaled, type Tensor } from '../../tensor/index.ts';
import { compose, joined, type Layer, type Weight } from './layer.ts';
import type { Pass } from './pass.ts';

/** A norm of rows (R,d). */
export interface Norm extends Layer {
  forward(x: Tensor, pass: Pass): Tensor;
}

const vector = (name: string, dModel: number, value: number): Weight =>
  joined(name, [{ name, shape: [dModel], initial: () => value }]);

/** (x − mean)/√(variance + 1e-5)·w + b over each row (Ba et al., 1607.06450). */
export function layerNorm(name: string, dModel: number, bias: boolean): Norm {
  const weight = vector(`${name}.weight`, dModel, 1);
  const shift = bias ? vector(`${name}.bias`, dModel, 0) : undefined;
  const weights = [weight, ...(shift ? [shift] : [])];
  return {
    ...compose(),
    weights,
    parameters: weights.flatMap(({ parts }) => parts),
    forward: (x, pass) => normalised(x, pass.weight(weight), shift && pass.weight(shift)),
  };
}

/** x/√(mean(x²) + eps)·w over each row (Zhang & Sennrich, 1910.07467). */
export function rmsNorm(name: string, dModel: number, eps: number): Norm {
  const weight = vector(`${name}.weight`, dModel, 1);
  return {
    ...compose(),
    weights: [weight],
    parameters: weight.parts,
    forward: (x, pass) => scaled(x, pass.weight(weight), eps),
  };
}
