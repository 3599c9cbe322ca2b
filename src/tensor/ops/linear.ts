/** Linear layers: y = x·Wᵀ + b, with GELU or a residual sum in the same kernel. */
import { expectOptions, instanceOf, type OptionKinds, oneOf } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import type { BufferView, PooledBuffer } from '../../gpu/buffers.ts';
import { elementwise } from '../../kernels/elementwise.ts';
import { matmul } from '../../kernels/matmul/index.ts';
import { matmulOuter } from '../../kernels/matmulOuter/index.ts';
import { transposePadded } from '../../kernels/rows.ts';
import { differentiable, gradientTarget, isGradEnabled } from '../autograd.ts';
import { expectOperands, FLOATS } from '../operands.ts';
import { type Shape, showShape, showShapes, sizeOf, Tensor } from '../tensor.ts';
import { add, gelu } from './elementwise.ts';
import { matmul as product } from './matmul.ts';
import { transpose } from './movement.ts';
import { reshape } from './reshape.ts';

interface Transposed {
  readonly view: BufferView;
  /** Version of the weight that the view holds. */
  version: number;
  /** The recording that computes it, and the version that it computes. */
  recorded?: { readonly recording: object; readonly version: number };
}

/** Transposes by buffer, then by range and shape, so that all tensors over the same values share them. */
const transposes = new WeakMap<PooledBuffer, Map<string, Transposed>>();

/**
 * Return Wᵀ (K, N rounded up to a multiple of 4) of W (…,N,K), the layout that the product reads. The transpose of a leaf is
 * cached until its values change: a forward pass, its backward pass and a whole rollout share it. A recording computes it
 * in every replay. Without gradients, it is instead updated before a replay, if the leaf has changed.
 */
export function transposedWeight(weight: Tensor): BufferView {
  const { device } = weight;
  const { buffer } = weight.view;
  const [N, K] = weight.shape.slice(-2) as [number, number];
  const groups = sizeOf(weight.shape.slice(0, -2));
  const bytes = groups * K * Math.ceil(N / 4) * 16;
  const compute = (view: BufferView): void => transposePadded(device, weight.view, view, { N, K, groups });
  // A tensor made inside a recording is transposed in every replay.
  if (weight.node || !buffer.owner) {
    const view = device.allocate(bytes);
    compute(view);
    return view;
  }
  const kept = keptTranspose(weight, bytes);
  const refresh = (): void => {
    if (kept.version === buffer.version) return;
    compute(kept.view);
    kept.version = buffer.version;
  };
  const { recording } = device;
  if (!recording) refresh();
  else if (!isGradEnabled() && buffer.changedIn !== recording) device.onRun(refresh);
  else if (kept.recorded?.recording !== recording || kept.recorded.version !== buffer.version) {
    compute(kept.view);
    kept.recorded = { recording, version: buffer.version };
  }
  return kept.view;
}

function keptTranspose({ device, view: { buffer, offset }, shape }: Tensor, bytes: number): Transposed {
  const ofBuffer = transposes.get(buffer) ?? new Map<string, Transposed>();
  transposes.set(buffer, ofBuffer);
  const key = `${offset} ${showShape(shape)}`;
  const known = ofBuffer.get(key);
  if (known) return known;
  const kept = { version: -1, view: device.allocatePersistent(bytes, 'transposed weights') };
  ofBuffer.set(key, kept);
  buffer.derived = [...(buffer.derived ?? []), kept.view];
  return kept;
}

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
    b: transposedWeight(weight),
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
