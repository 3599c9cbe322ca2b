/** Optimisers and learning-rate schedules. */
import { MathformerError } from '../errors.ts';
import type { BufferView } from '../gpu/buffers.ts';
import { adamw } from '../kernels/adamw.ts';
import type { Parameters } from './parameters.ts';

export interface AdamWOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
  readonly weightDecay?: number;
  /** Largest norm of the gradient of all parameters together; 0 for no clipping. */
  readonly gradClip?: number;
}

export interface StepReport {
  /** Norm of the gradient before clipping. */
  readonly gradNorm: number;
  /** Steps left out so far because a gradient was not finite, and how many of them were the last ones. */
  readonly skipped: number;
  readonly skippedInARow: number;
}

/** Steps in a row without a finite gradient after which training has diverged. */
const MAX_SKIPPED = 10;

/** @throws MathformerError if the last ten steps were all skipped; `fix` says what to lower. */
export function refuseDivergence({ skippedInARow }: StepReport, step: number, fix: string): void {
  if (skippedInARow < MAX_SKIPPED) return;
  const message = `the gradient was not finite in ${MAX_SKIPPED} steps in a row`;
  throw new MathformerError(message, { code: 'DIVERGED', where: `step ${step}`, fix });
}

/**
 * AdamW with decoupled weight decay (Loshchilov & Hutter, 1711.05101) and clipping by global norm. A step whose
 * gradient is not finite changes nothing and is counted.
 */
export class AdamW {
  readonly parameters: Parameters;
  readonly m: BufferView;
  readonly v: BufferView;
  readonly #report: BufferView;
  readonly #options: Required<AdamWOptions>;
  /** Steps taken, skipped ones included. */
  steps = 0;

  constructor(parameters: Parameters, options: AdamWOptions = {}) {
    const { device, size } = parameters;
    this.parameters = parameters;
    this.#options = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, gradClip: 0, ...options };
    this.m = device.allocatePersistent(size * 4);
    this.v = device.allocatePersistent(size * 4);
    this.#report = device.allocatePersistent(12);
    for (const view of [this.m, this.v, this.#report]) device.clear(view);
  }

  /** Applies the accumulated gradients at learning rate `lr`. */
  step(lr: number): void {
    const { device, values: weight, gradients: gradient, size } = this.parameters;
    const { gradClip: maxNorm, ...rest } = this.#options;
    this.steps += 1;
    const views = { weight, gradient, m: this.m, v: this.v, report: this.#report };
    adamw(device, views, size, this.steps, { lr, maxNorm, ...rest });
    this.parameters.changed();
  }

  async report(): Promise<StepReport> {
    const bytes = await this.parameters.device.read(this.#report);
    const [gradNorm = 0, skipped = 0, skippedInARow = 0] = new Float32Array(bytes);
    return { gradNorm, skipped, skippedInARow };
  }

  dispose(): void {
    for (const view of [this.m, this.v, this.#report]) this.parameters.device.release(view);
  }
}

export interface CosineOptions {
  readonly totalSteps: number;
  /** Share of the steps during which the rate rises linearly. */
  readonly warmupRatio: number;
  readonly lr: number;
  readonly minLr: number;
}

/** Linear warm-up, then half a cosine from `lr` down to `minLr` (Loshchilov & Hutter, 1608.03983). `step` is from 0. */
export function cosineWithWarmup(
  step: number,
  { totalSteps, warmupRatio, lr, minLr }: CosineOptions,
): number {
  const warmup = Math.round(warmupRatio * totalSteps);
  if (step < warmup) return (lr * (step + 1)) / warmup;
  const progress = Math.min(1, (step - warmup) / Math.max(1, totalSteps - warmup));
  return minLr + ((lr - minLr) * (1 + Math.cos(Math.PI * progress))) / 2;
}
