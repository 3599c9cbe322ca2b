/** Stochastic gradient descent, with optional momentum. */
import { boolean, expectOptions, type OptionKinds, real, realOrInfinite } from '../../base/arguments.ts';
import { MathformerError } from '../../base/errors.ts';
import type { Scalar } from '../../gpu/kernel.ts';
import { type SgdArena, sgd } from '../../kernels/sgd.ts';
import type { Parameters } from '../parameters.ts';
import { ArenaOptimizer } from './optimizer.ts';

/** Options of `SGD`. Default: all off. */
export interface SGDOptions {
  readonly momentum?: number;
  /** Share of each gradient, except the first, that does not enter the velocity. */
  readonly dampening?: number;
  /** Use Nesterov momentum. It requires momentum without dampening. */
  readonly nesterov?: boolean;
  /** Added to the (clipped) gradient as weightDecay·weight. */
  readonly weightDecay?: number;
  /** Maximum norm of the gradient of all parameters together; 0 for no clipping. */
  readonly gradClip?: number;
}

const OPTIONS: OptionKinds<SGDOptions> = {
  momentum: real({ min: 0 }),
  dampening: real(),
  nesterov: boolean,
  weightDecay: real({ min: 0 }),
  gradClip: realOrInfinite({ min: 0 }),
};

/** `torch.optim.SGD` with clipping by global norm. */
export class SGD extends ArenaOptimizer {
  readonly #options: Required<SGDOptions>;
  readonly #arenas: readonly SgdArena[];

  /** @throws MathformerError for Nesterov momentum without momentum or with dampening. */
  constructor(parameters: Parameters, options: SGDOptions = {}) {
    expectOptions('SGD', options, OPTIONS);
    const full = { momentum: 0, dampening: 0, nesterov: false, weightDecay: 0, gradClip: 0, ...options };
    const { momentum, dampening, nesterov } = full;
    if (nesterov && (momentum <= 0 || dampening !== 0)) {
      throw new MathformerError(`Nesterov momentum with momentum ${momentum} and dampening ${dampening}`, {
        code: 'BAD_OPTION',
        where: 'SGD',
        fix: 'give a positive momentum and no dampening',
      });
    }
    super(parameters);
    this.#options = full;
    this.#arenas = parameters.arenas.map((arena) =>
      momentum === 0 ? arena : { ...arena, velocity: this.allocate('momentum_buffer', arena.size) },
    );
  }

  protected apply(lr: Scalar, step: Scalar): void {
    const { gradClip: maxNorm, ...rest } = this.#options;
    sgd(this.parameters.device, this.#arenas, this.reported, step, { lr, maxNorm, ...rest });
  }
}
