/**
 * Optimisers, gradient clipping and the learning-rate schedule, by PyTorch's formulae. All work in place on
 * Float64Arrays, one parameter tensor after the other.
 */

export interface Parameter {
  readonly value: Float64Array;
  readonly grad: Float64Array;
}

export interface AdamWOptions {
  readonly lr: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
  /** Decoupled: θ ← θ·(1 − lr·weightDecay) before the update. PyTorch's default is 0.01; here 0. */
  readonly weightDecay?: number;
}

/** Loshchilov & Hutter, 1711.05101, with torch.optim.AdamW's defaults except weight decay. */
export class AdamW {
  readonly #moments = new Map<Float64Array, { m: Float64Array; v: Float64Array }>();
  #steps = 0;

  step(parameters: readonly Parameter[], options: AdamWOptions): void {
    const { lr, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weightDecay = 0 } = options;
    this.#steps += 1;
    const correction1 = 1 - beta1 ** this.#steps;
    const correction2 = 1 - beta2 ** this.#steps;
    for (const { value, grad } of parameters) {
      const { m, v } = this.#momentsOf(value);
      for (let i = 0; i < value.length; i++) {
        m[i] = beta1 * m[i] + (1 - beta1) * grad[i];
        v[i] = beta2 * v[i] + (1 - beta2) * grad[i] * grad[i];
        const denominator = Math.sqrt(v[i] / correction2) + eps;
        value[i] = value[i] * (1 - lr * weightDecay) - (lr * (m[i] / correction1)) / denominator;
      }
    }
  }

  #momentsOf(value: Float64Array): { m: Float64Array; v: Float64Array } {
    const known = this.#moments.get(value);
    if (known !== undefined) return known;
    const fresh = { m: new Float64Array(value.length), v: new Float64Array(value.length) };
    this.#moments.set(value, fresh);
    return fresh;
  }
}

export interface SgdOptions {
  readonly lr: number;
  readonly momentum?: number;
  /** Of every gradient but the first, (1 − dampening) enters the velocity. */
  readonly dampening?: number;
  readonly nesterov?: boolean;
  /** Coupled, as in torch.optim.SGD: added to the gradient as weightDecay·θ. */
  readonly weightDecay?: number;
}

/** torch.optim.SGD: velocity ← momentum·velocity + (1 − dampening)·gradient, starting as the first gradient. */
export class Sgd {
  readonly #velocity = new Map<Float64Array, Float64Array>();

  step(parameters: readonly Parameter[], options: SgdOptions): void {
    const { lr, momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options;
    for (const { value, grad } of parameters) {
      const slope = grad.map((g, i) => g + weightDecay * value[i]);
      const before = this.#velocity.get(value);
      const velocity = before
        ? before.map((v, i) => momentum * v + (1 - dampening) * slope[i])
        : Float64Array.from(slope);
      this.#velocity.set(value, velocity);
      const direction = nesterov ? slope.map((g, i) => g + momentum * velocity[i]) : velocity;
      for (let i = 0; i < value.length; i++) value[i] -= lr * (momentum === 0 ? slope[i] : direction[i]);
    }
  }
}

/** Scales all gradients by min(1, maxNorm/(norm + 1e-6)), as torch.nn.utils.clip_grad_norm_; returns the norm before. */
export function clipGradNorm(parameters: readonly Parameter[], maxNorm: number): number {
  let squares = 0;
  for (const { grad } of parameters) for (const g of grad) squares += g * g;
  const norm = Math.sqrt(squares);
  const coefficient = Math.min(1, maxNorm / (norm + 1e-6));
  for (const { grad } of parameters) for (let i = 0; i < grad.length; i++) grad[i] *= coefficient;
  return norm;
}

export interface ScheduleOptions {
  /** Updates in the whole run, N. */
  readonly totalSteps: number;
  /** Share of them spent warming up: W = round(warmupRatio·N). */
  readonly warmupRatio: number;
  /** The multiplier that the cosine would reach at step N, one after the last. Default 0. */
  readonly minRatio?: number;
}

/**
 * Return the factor of the peak learning rate in update `step` (0 for the first):
 * (step + 1)/W during the W warm-up updates, so that none is wasted on rate 0 and the last of them runs at the peak;
 * then min + (1 − min)·(1 + cos(π·(step − W)/(N − W)))/2, which starts at 1; `min` from step N on.
 */
export function cosineWithWarmup(
  step: number,
  { totalSteps, warmupRatio, minRatio = 0 }: ScheduleOptions,
): number {
  const warmup = Math.round(warmupRatio * totalSteps);
  if (step < warmup) return (step + 1) / warmup;
  if (step >= totalSteps) return minRatio;
  const progress = (step - warmup) / (totalSteps - warmup);
  return minRatio + ((1 - minRatio) * (1 + Math.cos(Math.PI * progress))) / 2;
}
