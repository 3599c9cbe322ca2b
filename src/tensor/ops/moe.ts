/** A mixture-of-experts feed-forward layer: route, run each expert only on its rows, combine; and its balance loss. */
import { boolean, expectOptions, type OptionKinds } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { type Scalar, scalarValue } from '../../gpu/kernel.ts';
import { balanceBackward, balanceCounts, balanceShares } from '../../kernels/loadBalance.ts';
import { matmul } from '../../kernels/matmul/index.ts';
import { matmulOuter, outerPartBytes } from '../../kernels/matmulOuter/index.ts';
import { fromSlots, type Routing, route, routeBackward, toSlots } from '../../kernels/moe.ts';
import { MAX_ACTIVE_EXPERTS } from '../../kernels/moeRoute.ts';
import { weightGradient } from '../../kernels/moeWeights.ts';
import { sumAxes } from '../../kernels/reduce/index.ts';
import { differentiable, differentiableByKernel, gradientTarget } from '../autograd.ts';
import { expectOperands, FLOATS } from '../operands.ts';
import { showShape, Tensor } from '../tensor.ts';
import { weightOperand } from '../transposes.ts';

export { MAX_ACTIVE_EXPERTS, type Routing };

/** The weights of all experts; f is the width of their hidden layer. */
export interface ExpertWeights {
  /** (experts, f, d) and (experts, f) */
  readonly weight1: Tensor;
  readonly bias1?: Tensor | undefined;
  /** (experts, d, f) and (experts, d) */
  readonly weight2: Tensor;
  readonly bias2?: Tensor | undefined;
}

function checkExperts(experts: ExpertWeights, E: number, f: number, d: number): void {
  const expected = { weight1: [E, f, d], bias1: [E, f], weight2: [E, d, f], bias2: [E, d] } as const;
  for (const name of ['weight1', 'bias1', 'weight2', 'bias2'] as const) {
    const shape = experts[name]?.shape;
    if (shape && showShape(shape) !== showShape(expected[name])) {
      throw new ShapeError(
        'mixtureOfExperts',
        `${name} ${showShape(shape)} for ${E} experts of ${d} inputs and ${f} hidden values`,
        `${name} must be ${showShape(expected[name])}`,
      );
    }
  }
  if (d === 0 || f === 0 || d % 4 !== 0 || f % 4 !== 0) {
    throw new ShapeError('mixtureOfExperts', `${d} inputs and ${f} hidden values`, 'use multiples of 4');
  }
}

/** Options of `mixtureOfExperts`. */
export interface MixtureOptions {
  /** True if the bits of a row of the result must not depend on the other rows or their number. Default: false. */
  readonly batchInvariant?: boolean;
}

const MIXTURE_OPTIONS: OptionKinds<MixtureOptions> = { batchInvariant: boolean };

/**
 * Return y (R,d) = Σ softmax(logits)·expert(x) over the `active` experts with the highest logits, where
 * expert(x) = GELU(x·W1ᵀ + b1)·W2ᵀ + b2 (Shazeer et al., 1701.06538). x (R,d), logits (R,experts).
 */
export function mixtureOfExperts(
  x: Tensor,
  logits: Tensor,
  active: number,
  experts: ExpertWeights,
  options: MixtureOptions = {},
): { readonly y: Tensor; readonly routing: Routing } {
  const { weight1, bias1, weight2, bias2 } = experts;
  expectOptions('mixtureOfExperts', options, MIXTURE_OPTIONS);
  const { batchInvariant } = options;
  expectOperands('mixtureOfExperts', {
    x: [x, FLOATS],
    logits: [logits, FLOATS],
    weight1: [weight1, FLOATS],
    bias1: [bias1, FLOATS],
    weight2: [weight2, FLOATS],
    bias2: [bias2, FLOATS],
  });
  const { device } = x;
  const [R, d] = x.shape as [number, number];
  const [E, f] = weight1.shape as [number, number, number];
  checkExperts(experts, E, f, d);
  if (
    logits.shape[0] !== R ||
    logits.shape[1] !== E ||
    !Number.isInteger(active) ||
    active < 1 ||
    active > Math.min(E, MAX_ACTIVE_EXPERTS)
  ) {
    throw new ShapeError(
      'mixtureOfExperts',
      `x ${showShape(x.shape)}, logits ${showShape(logits.shape)}, ${active} of ${E} experts active`,
      `logits must be (rows, experts) and at most ${MAX_ACTIVE_EXPERTS} experts active`,
    );
  }
  const routing = route(device, logits.view, R, E, active);
  const { slots, groupOfTile } = routing;
  const inputs = Tensor.empty(device, [slots, d]);
  const pre = Tensor.empty(device, [slots, f]);
  const hidden = Tensor.empty(device, [slots, f]);
  const outputs = Tensor.empty(device, [slots, d]);
  const y = Tensor.empty(device, [R, d]);
  toSlots(device, routing, x.view, inputs.view, d, false);
  matmul(device, {
    a: inputs.view,
    ...weightOperand(weight1),
    c: hidden.view,
    pre: pre.view,
    bias: bias1?.view,
    M: slots,
    N: f,
    K: d,
    groupOfTile,
    batchInvariant,
  });
  matmul(device, {
    a: hidden.view,
    ...weightOperand(weight2),
    c: outputs.view,
    bias: bias2?.view,
    M: slots,
    N: d,
    K: f,
    groupOfTile,
    batchInvariant,
  });
  fromSlots(device, routing, outputs.view, y.view, d, true);

  const parameters = [weight1, bias1, weight2, bias2].filter((parameter) => parameter !== undefined);
  const gradients = (dy: Tensor) => {
    const dWeights = Tensor.empty(device, [R, active]);
    const dLogits = Tensor.empty(device, logits.shape);
    weightGradient(device, routing, dy.view, outputs.view, dWeights.view, d);
    routeBackward(device, routing, dWeights.view, dLogits.view);

    const dOutputs = Tensor.empty(device, outputs.shape);
    const dPre = Tensor.empty(device, pre.shape);
    const dInputs = Tensor.empty(device, inputs.shape);
    const dx = Tensor.empty(device, x.shape);
    toSlots(device, routing, dy.view, dOutputs.view, d, true);
    const beforeGelu = { c: dPre.view, geluOf: pre.view };
    matmul(device, { a: dOutputs.view, b: weight2.view, ...beforeGelu, M: slots, N: f, K: d, groupOfTile });
    matmul(device, { a: dPre.view, b: weight1.view, c: dInputs.view, M: slots, N: d, K: f, groupOfTile });
    fromSlots(device, routing, dInputs.view, dx.view, d, false);

    const ranges = { view: routing.ranges, groups: E };
    const gradientsOf = (weight: Tensor, bias: Tensor | undefined, dOut: Tensor, input: Tensor) => {
      const [, M, N] = weight.shape as [number, number, number];
      const targets = [weight, ...(bias ? [bias] : [])].map(gradientTarget);
      const [dWeight, dBias] = targets.map(({ view }) => view);
      if (dWeight) {
        matmulOuter(device, {
          a: dOut.view,
          b: input.view,
          c: dWeight,
          columnSums: dBias,
          R: slots,
          M,
          N,
          ranges,
        });
      }
      return targets.map(({ result }) => result);
    };
    return [
      dx,
      dLogits,
      ...gradientsOf(weight1, bias1, dPre, inputs),
      ...gradientsOf(weight2, bias2, dOutputs, hidden),
    ];
  };
  const partBytes = [
    { M: f, N: d },
    { M: d, N: f },
  ].reduce((sum, size) => sum + outerPartBytes(device, { R: slots, ...size, groups: E }), 0);
  differentiable('mixtureOfExperts', [x, logits, ...parameters], y, gradients, { partBytes });
  return { y, routing };
}

/**
 * Return the load-balancing loss of a routing, E·Σ_e f_e·P_e (Switch Transformer, Fedus et al., 2101.03961), a scalar. f_e
 * is the share of entries sent to expert e, a constant; P_e is the mean router probability. The loss is 1 when balanced, and
 * up to E when one expert gets everything. `logits` (R,E) are those of the routing; only the first `rows` count.
 */
export function loadBalance(logits: Tensor, routing: Routing, rows: Scalar = routing.R): Tensor {
  expectOperands('loadBalance', { logits: [logits, FLOATS] });
  const { device } = logits;
  const size = { rows, scale: () => routing.experts / Math.max(1, scalarValue(rows)) };
  const counts = Tensor.empty(device, [routing.experts], 'u32').view;
  const shares = Tensor.empty(device, [routing.R]);
  const y = Tensor.empty(device, []);
  balanceCounts(device, routing, counts, rows);
  balanceShares(device, routing, { logits: logits.view, counts, shares: shares.view }, size);
  sumAxes(device, shares.view, y.view, shares.shape, [0]);
  differentiableByKernel('loadBalance', logits, y, (dy, dLogits) => {
    const views = { logits: logits.view, counts, dLoss: dy.view, dLogits: dLogits.view };
    balanceBackward(device, routing, views, size);
  });
  return y;
}
