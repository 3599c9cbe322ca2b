/** AdamW: Adam with decoupled weight decay. */
import { expectOptions, type OptionKinds, real, realOrInfinite } from '../../base/arguments.ts';
import type { Scalar } from '../../gpu/kernel.ts';
import { adamw } from '../../kernels/adamw.ts';
import type { Parameters } from '../parameters.ts';
import { ArenaOptimizer } from './optimizer.ts';

/** Options of `AdamW`. Defaults: β₁ 0.9, β₂ 0.999, ε 1e-8, no decay, no clipping. */
export interface AdamWOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
  readonly weightDecay?: number;
  /** Maximum norm of the gradient of all parameters together; 0 for no clipping. */
  readonly gradClip?: number;
}

const BETA = real({ min: 0, max: 1, belowMax: true });
const OPTIONS: OptionKinds<AdamWOptions> = {
  beta1: BETA,
  beta2: BETA,
  eps: real({ min: 0 }),
  weightDecay: real({ min: 0 }),
  gradClip: realOrInfinite({ min: 0 }),
};

/** `torch.optim.AdamW` (Loshchilov & Hutter, 1711.05101) with clipping by global norm. Default: no weight decay. */
export class AdamW extends ArenaOptimizer {
  readonly #arenas = this.parameters.arenas.map((arena) => ({
    ...arena,
    m: this.allocate('exp_avg', arena.size),
    v: this.allocate('exp_avg_sq', arena.size),
  }));
  readonly #options: Required<AdamWOptions>;

  /** @throws ArgumentError for an unknown option, or a value out of its range. */
  constructor(parameters: Parameters, options: AdamWOptions = {}) {
    expectOptions('AdamW', options, OPTIONS);
    super(parameters);
    this.#options = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, gradClip: 0, ...options };
  }

  protected apply(lr: Scalar, step: Scalar): void {
    const { gradClip: maxNorm, ...rest } = this.#options;
    adamw(this.parameters.device, this.#arenas, this.reported, step, { lr, maxNorm, ...rest });
  }
}
