/** Linear layers: y = x·Wᵀ + b, with GELU or a residual sum in the same kernel. */
import { boolean, expectOptions, instanceOf, type OptionKinds, oneOf } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { elementwise } from '../../kernels/elementwise.ts';
import { matmul } from '../../kernels/matmul/index.ts';
import { matmulOuter, outerPartBytes } from '../../kernels/matmulOuter/index.ts';
import { differentiable, gradientTarget } from '../autograd.ts';
import { expectOperands, FLOATS } from '../operands.ts';
import { type Gradient, type Shape, showShape, showShapes, Tensor } from '../tensor.ts';
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
  /** True if the bits of a row of the result must not depend on the other rows or their number. Default: false. */
  readonly batchInvariant?: boolean;
}

const LINEAR_OPTIONS: OptionKinds<LinearOptions> = {
  activation: oneOf(['gelu']),
  residual: instanceOf(Tensor),
  batchInvariant: boolean,
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
  { activation, residual, batchInvariant }: LinearOptions,
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
    batchInvariant,
  });
  differentiableProduct({ x, weight, bias, y: pre ?? y, residual: pre ? undefined : residual });
  if (pre) {
    differentiable('gelu', [pre, ...(residual ? [residual] : [])], y, (dy) => {
      const dPre = pre.requiresGrad ? Tensor.empty(device, shape) : undefined;
      if (dPre) elementwise(device, 'a * geluDerivative(b)', [dy, pre], dPre.view, shape);
      return [dPre, ...(residual ? [dy] : [])];
    });
    if (pre.requiresGrad && !residual) y.geluOf = pre;
  }
  return y;
}

interface Product {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
  readonly residual: Tensor | undefined;
  readonly y: Tensor;
}

/** Attach the gradient of y = x·Wᵀ + b + residual. If x is a GELU, its gradient goes to the values before it. */
function differentiableProduct({ x, weight, bias, residual, y }: Product): void {
  const { device } = x;
  const [N, K] = weight.shape as [number, number];
  const M = x.size / K;
  const { geluOf: before } = x;
  const size = { R: M, M: N, N: K };
  const gradient = (dy: Tensor, prior: Gradient): Gradient[] => {
    let dx: Tensor | undefined;
    if (x.requiresGrad) {
      dx = Tensor.empty(device, x.shape);
      const epilogue = { residual: prior?.view, geluOf: before?.view };
      matmul(device, { a: dy.view, b: weight.view, c: dx.view, M, N: K, K: N, ...epilogue });
    }
    const dWeight = weight.requiresGrad ? gradientTarget(weight) : undefined;
    const dBias = bias?.requiresGrad ? gradientTarget(bias) : undefined;
    if (dWeight || dBias) {
      const c = dWeight?.view ?? device.allocate(N * K * 4);
      matmulOuter(device, { a: dy.view, b: x.view, c, columnSums: dBias?.view, ...size });
    }
    return [dx, dWeight?.result, ...(bias ? [dBias?.result] : []), ...(residual ? [dy] : [])];
  };
  const inputs = [before ?? x, weight, ...(bias ? [bias] : []), ...(residual ? [residual] : [])];
  // What was accumulated before GELU must not be multiplied by its derivative again.
  const accumulates = before ? undefined : 0;
  const hasParts = weight.requiresGrad || bias?.requiresGrad;
  differentiable('linear', inputs, y, gradient, {
    accumulates,
    partBytes: hasParts ? outerPartBytes(device, size) : undefined,
  });
}
