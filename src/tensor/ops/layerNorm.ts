/** Normalisation of the last dimension: LayerNorm, and RMSNorm, which does not subtract the mean. */
import { expectKind, real } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { layerNormBackward, layerNormForward, layerNormPartBytes } from '../../kernels/layerNorm/index.ts';
import { differentiable, gradientTarget } from '../autograd.ts';
import { expectOperands, FLOATS } from '../operands.ts';
import { showShapes, Tensor } from '../tensor.ts';
import { add, mul, rsqrt, square, sub } from './elementwise.ts';
import { mean } from './reduce.ts';

/** Maximum size of a fused row: larger rows do not fit the registers of a thread. */
const MAX_FUSED = 2048;

/** The distance from 1 to the next f32: the default of PyTorch's RMSNorm. */
const F32_EPSILON = 2 ** -23;

/**
 * y = (x − mean)/√(var + eps)·weight + bias over the last dimension d of x (…,d); weight and bias are (d), var is the
 * mean of the squared deviations. If d is a multiple of 4 up to 2,048, it takes one kernel forward, two or three backward.
 */
export function layerNorm(x: Tensor, weight?: Tensor, bias?: Tensor, eps = 1e-5): Tensor {
  return normalise('layerNorm', x, { weight, bias, eps, centred: true });
}

/** y = x/√(mean(x²) + eps)·weight over the last dimension d of x (…,d); weight is (d). */
export function rmsNorm(x: Tensor, weight?: Tensor, eps = F32_EPSILON): Tensor {
  return normalise('rmsNorm', x, { weight, bias: undefined, eps, centred: false });
}

interface Normalisation {
  readonly weight: Tensor | undefined;
  readonly bias: Tensor | undefined;
  readonly eps: number;
  /** True if the mean is subtracted. */
  readonly centred: boolean;
}

function normalise(name: string, x: Tensor, options: Normalisation): Tensor {
  const { weight, bias } = options;
  expectKind(name, 'eps', options.eps, real({ min: 0 }));
  expectOperands(name, { x: [x, FLOATS], weight: [weight, FLOATS], bias: [bias, FLOATS] });
  const d = x.shape.at(-1);
  const fits = (y: Tensor | undefined): boolean => y === undefined || y.size === d;
  if (d === undefined || !fits(weight) || !fits(bias)) {
    const operands = { x, weight, ...(options.centred && { bias }) };
    const fix = 'x must have a dimension; weight and bias must have its last size';
    throw new ShapeError(name, showShapes(operands), fix);
  }
  return d > 0 && d % 4 === 0 && d <= MAX_FUSED ? fused(name, x, d, options) : composed(x, options);
}

function composed(x: Tensor, { weight, bias, eps, centred }: Normalisation): Tensor {
  const rows = { axes: [-1], keepDims: true };
  const deviation = centred ? sub(x, mean(x, rows)) : x;
  const normal = mul(deviation, rsqrt(add(mean(square(deviation), rows), eps)));
  const scaled = weight ? mul(normal, weight) : normal;
  return bias ? add(scaled, bias) : scaled;
}

function fused(name: string, x: Tensor, d: number, options: Normalisation): Tensor {
  const { weight, bias, eps, centred } = options;
  const { device } = x;
  const R = x.size / d;
  const y = Tensor.empty(device, x.shape);
  const stats = Tensor.empty(device, [R, 2]);
  const scale = weight ? { weight: weight.view } : {};
  const views = { x: x.view, ...scale, stats: stats.view, R, d, centred };
  layerNormForward(device, { ...views, ...(bias ? { bias: bias.view } : {}), y: y.view, eps });
  differentiable(
    name,
    [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])],
    y,
    (dy, prior) => {
      const dx = x.requiresGrad ? Tensor.empty(device, x.shape) : undefined;
      const dWeight = weight?.requiresGrad ? gradientTarget(weight) : undefined;
      const dBias = bias?.requiresGrad ? gradientTarget(bias) : undefined;
      const targets = { dx: dx?.view, dWeight: dWeight?.view, dBias: dBias?.view };
      layerNormBackward(device, { ...views, ...targets, dy: dy.view, residual: prior?.view });
      return [dx, ...(weight ? [dWeight?.result] : []), dBias?.result];
    },
    { accumulates: 0, partBytes: layerNormPartBytes(device, views) },
  );
  return y;
}
