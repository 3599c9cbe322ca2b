/** Linear layers: y = x·Wᵀ + b, with GELU or a residual sum in the same kernel. */
import { expectOptions, instanceOf, type OptionKinds, oneOf } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { elementwise } from '../../kernels/elementwise.ts';
import { matmul } from '../../kernels/matmul/index.ts';
import { matmulOuter } from '../../kernels/matmulOuter/index.ts';
import { differentiable, gradientTarget } from '../autograd.ts';
import { expectOperands, FLOATS } from '../operands.ts';
import { type Shape, showShape, showShapes, Tensor } from '../tensor.ts';
import { weightOperand } from '../transposes.ts';
import { add, gelu } from './elementwise.ts';
import { matmul as product } from './matmul.ts';
import { transpose } from './movement.ts';
import { reshape } from './reshape.ts';

/** Options of `linear`, computed in the same kernel. */
export interface LinearOptions {
  readonly activation?: 'gelu';
  /** (…,N): added to the result. */
  readonly residual?: Tensor;
}

const LINEAR_OPTIONS: OptionKinds<LinearOptions> = {
  activation: oneOf(['gelu']),
  residual: instanceOf(Tensor),
};

/**
 * y (…,N) = x (…,K)·Wᵀ + b for W (N,K) and b (N), like PyTorch's `nn.Linear`. If K is a multiple of 4, it takes one kernel
 * forward and two backward; otherwise it is composed of other ops.
 * @throws ShapeError if the shapes disagree.
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor, options: LinearOptions = {}): Tensor {
  expectOptions('linear', options, LINEAR_OPTIONS);
  const { residual } = options;
  expectOperands('linear', {
    x: [x, FLOATS],
    weight: [weight, FLOATS],
    bias: [bias, FLOATS],
    residual: [residual, FLOATS],
  });
  const [N, K] = weight.shape as [number, number];
  if (weight.shape.length !== 2 || x.shape.at(-1) !== K || (bias && bias.size !== N)) {
    const fix = 'the weight must be (outputs, inputs), the last size of x the inputs, the bias (outputs)';
    throw new ShapeError('linear', showShapes({ x, weight, bias }), fix);
  }
  const shape = [...x.shape.slice(0, -1), N];
  if (residual && showShape(residual.shape) !== showShape(shape)) {
    throw new ShapeError(
      'linear',
      `the result is ${showShape(shape)}, the residual ${showShape(residual.shape)}`,
      'the residual must have the shape of the result',
    );
  }
  if (K === 0 || K % 4 !== 0) return composed(x, weight, bias, options);
  return fused(x, weight, bias, options, shape);
}

function composed(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  { activation, residual }: LinearOptions,
): Tensor {
  const plain = product(x, transpose(weight));
  const sum = bias ? add(plain, reshape(bias, [bias.size])) : plain;
  const active = activation ? gelu(sum) : sum;
  return residual ? add(active, residual) : active;
}

function fused(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  { activation, residual }: LinearOptions,
  shape: Shape,
): Tensor {
  const { device } = x;
  const [N, K] = weight.shape as [number, number];
  const M = x.size / K;
  const y = Tensor.empty(device, shape);
  const pre = activation && Tensor.empty(device, shape);
  matmul(device, {
    a: x.view,
    ...weightOperand(weight),
    c: y.view,
    M,
    N,
    K,
    bias: bias?.view,
    residual: residual?.view,
    pre: pre?.view,
  });
  const inputs = [x, weight, ...(bias ? [bias] : []), ...(residual ? [residual] : [])];
  differentiable(
    'linear',
    inputs,
    y,
    (dy, prior) => {
      let dPre = dy;
      if (pre) {
        dPre = Tensor.empty(device, shape);
        elementwise(device, 'a * geluDerivative(b)', [dy, pre], dPre.view, shape);
      }
      let dx: Tensor | undefined;
      if (x.requiresGrad) {
        dx = Tensor.empty(device, x.shape);
        matmul(device, { a: dPre.view, b: weight.view, c: dx.view, M, N: K, K: N, residual: prior?.view });
      }
      const dWeight = weight.requiresGrad ? gradientTarget(weight) : undefined;
      const dBias = bias?.requiresGrad ? gradientTarget(bias) : undefined;
      if (dWeight || dBias) {
        const c = dWeight?.view ?? device.allocate(N * K * 4);
        matmulOuter(device, { a: dPre.view, b: x.view, c, columnSums: dBias?.view, R: M, M: N, N: K });
      }
      return [dx, dWeight?.result, ...(bias ? [dBias?.result] : []), ...(residual ? [dy] : [])];
    },
    0,
  );
  return y;
}
