/**
 * Stochastic gradient descent as `torch.optim.SGD` defines it, over flat arenas of parameters, with the gradient
 * clipped to a global norm. With momentum (Sutskever et al., 2013) the velocity starts as the first finite gradient,
 * undampened. A norm that is not finite leaves weights and velocities untouched and is counted.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, type Scalar } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { CLIPPED_STEP_PARAMS, clippedStep, type GradientArena, launchClipped } from './gradientNorm.ts';

const sgdKernel = memoize((momentum: boolean) =>
  defineKernel({
    name: `sgd${momentum ? ' with momentum' : ''}`,
    params: {
      ...CLIPPED_STEP_PARAMS,
      step: 'u32',
      lr: 'f32',
      momentum: 'f32',
      dampening: 'f32',
      nesterov: 'u32',
      weightDecay: 'f32',
    },
    reads: { gradient: 'array<vec4f>', squares: 'array<vec2f>' },
    writes: {
      weight: 'array<vec4f>',
      report: 'array<f32>',
      velocity: momentum ? 'array<vec4f>' : undefined,
    },
    ...clippedStep(`
  let slope = g + params.weightDecay * weight[id];
  ${
    momentum
      ? // The count of skipped steps changes in skipped steps only, which do not come here.
        `let first = params.step == u32(report[1]) + 1;
  let speed = params.momentum * velocity[id] + select(1.0 - params.dampening, 1.0, first) * slope;
  velocity[id] = speed;
  let change = select(speed, slope + params.momentum * speed, params.nesterov == 1);`
      : 'let change = slope;'
  }
  weight[id] -= params.lr * change;`),
  }),
);

/** Parameters that lie side by side, with their gradients. */
export interface SgdArena extends GradientArena {
  readonly values: BufferView;
  /** Zeros before the first step; needed with momentum only. */
  readonly velocity?: BufferView;
}

export interface SgdHyperparameters {
  readonly lr: Scalar;
  readonly momentum: number;
  readonly dampening: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  /** 0 turns clipping off. */
  readonly maxNorm: number;
}

/**
 * One step over all arenas; `step` counts from 1.
 * @param report f32 (3): norm before clipping; steps skipped so far; steps skipped in a row.
 */
export function sgd(
  device: Device,
  arenas: readonly SgdArena[],
  report: BufferView,
  step: Scalar,
  { nesterov, ...hyperparameters }: SgdHyperparameters,
): void {
  launchClipped(device, arenas, ({ values: weight, gradients: gradient, velocity }, { squares, ...own }) => {
    const params = { ...own, step, nesterov: Number(nesterov), ...hyperparameters };
    const buffers = { weight, gradient, report, squares, velocity };
    device.launch(sgdKernel(velocity !== undefined), buffers, params);
  });
}
