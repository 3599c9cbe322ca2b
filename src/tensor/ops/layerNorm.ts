/** LayerNorm over the last dimension. */
import { ShapeError } from '../../errors.ts';
import {
  layerNormBackwardInput,
  layerNormBackwardWeight,
  layerNormForward,
} from '../../kernels/layerNorm.ts';
import { differentiable, gradientTarget } from '../autograd.ts';
import { showShape, Tensor } from '../tensor.ts';

/** y = (x − mean)/√(var + eps)·weight + bias over the last dimension d of x (…,d); weight and bias are (d). */
export function layerNorm(x: Tensor, weight: Tensor, bias?: Tensor, eps = 1e-5): Tensor {
  const d = x.shape.at(-1) ?? 0;
  if (weight.size !== d || (bias && bias.size !== d) || d === 0 || d % 4 !== 0) {
    throw new ShapeError(
      'layerNorm',
      `x ${showShape(x.shape)}, weight ${showShape(weight.shape)}, bias ${bias ? showShape(bias.shape) : 'none'}`,
      'weight and bias must have the last size of x, a positive multiple of 4',
    );
  }
  const { device } = x;
  const R = x.size / d;
  const y = Tensor.empty(device, x.shape);
  const stats = Tensor.empty(device, [R, 2]);
  const views = { x: x.view, weight: weight.view, stats: stats.view, R, d };
  layerNormForward(device, { ...views, ...(bias ? { bias: bias.view } : {}), y: y.view, eps });
  differentiable(
    'layerNorm',
    [x, weight, ...(bias ? [bias] : [])],
    [y],
    ([dy], prior) => {
      if (!dy) return [];
      const dx = x.requiresGrad ? Tensor.empty(device, x.shape) : undefined;
      if (dx) layerNormBackwardInput(device, { ...views, dy: dy.view, dx: dx.view, residual: prior?.view });
      if (!weight.requiresGrad && !bias?.requiresGrad) return [dx];
      const dWeight = gradientTarget(weight);
      const dBias = bias && gradientTarget(bias);
      layerNormBackwardWeight(device, { ...views, dy: dy.view, dWeight: dWeight.view, dBias: dBias?.view });
      return [dx, dWeight.result, dBias?.result];
    },
    0,
  );
  return y;
}
