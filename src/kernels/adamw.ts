/**
 * AdamW (Loshchilov & Hutter, 1711.05101) over flat arenas of parameters, with the gradient clipped to a global
 * norm. A norm that is not finite leaves weights and moments untouched and is counted.
 */
import { pow } from '../base/elementary.ts';
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, type Scalar, scalarValue } from '../gpu/kernel.ts';
import { CLIPPED_STEP_PARAMS, clippedStep, type GradientArena, launchClipped } from './gradientNorm.ts';

const adamwKernel = defineKernel({
  name: 'adamw',
  params: {
    ...CLIPPED_STEP_PARAMS,
    lr: 'f32',
    beta1: 'f32',
    beta2: 'f32',
    share1: 'f32',
    share2: 'f32',
    eps: 'f32',
    weightDecay: 'f32',
    correction1: 'f32',
    correction2: 'f32',
  },
  reads: { gradient: 'array<vec4f>', squares: 'array<vec2f>' },
  writes: { weight: 'array<vec4f>', m: 'array<vec4f>', v: 'array<vec4f>', report: 'array<f32>' },
  ...clippedStep(`
  let mean = params.beta1 * m[id] + params.share1 * g;
  let square = params.beta2 * v[id] + params.share2 * g * g;
  m[id] = mean;
  v[id] = square;
  let denominator = sqrt(square / params.correction2) + params.eps;
  weight[id] = weight[id] * (1.0 - params.lr * params.weightDecay) - params.lr * (mean / params.correction1) / denominator;`),
});

/** Parameters that lie side by side, with their gradients and moments. */
export interface AdamwArena extends GradientArena {
  readonly values: BufferView;
  readonly m: BufferView;
  readonly v: BufferView;
}

export interface AdamwHyperparameters {
  readonly lr: Scalar;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  /** 0 turns clipping off. */
  readonly maxNorm: number;
}

/**
 * One step over all arenas; `step` counts from 1.
 * @param report f32 (3): norm before clipping; steps skipped so far; steps skipped in a row.
 */
export function adamw(
  device: Device,
  arenas: readonly AdamwArena[],
  report: BufferView,
  step: Scalar,
  hyperparameters: AdamwHyperparameters,
): void {
  const { beta1, beta2 } = hyperparameters;
  // 1 − β is rounded once, from float64: taken in f32 from an f32 0.999 it would be off by 1e-5, and so would v.
  const shares = { share1: 1 - beta1, share2: 1 - beta2 };
  const correction1 = () => 1 - pow(beta1, scalarValue(step));
  const correction2 = () => 1 - pow(beta2, scalarValue(step));
  launchClipped(device, arenas, ({ values: weight, gradients: gradient, m, v }, { squares, ...own }) => {
    const params = { ...own, ...hyperparameters, ...shares, correction1, correction2 };
    device.launch(adamwKernel, { weight, gradient, m, v, report, squares }, params);
  });
}
