/** Limits on accumulated gradients, for loops that do more with them than an optimiser's own `gradClip`. */
import {
  boolean,
  expectKind,
  expectOptions,
  type OptionKinds,
  realOrInfinite,
  scalar,
} from '../../base/arguments.ts';
import { MathformerError } from '../../base/errors.ts';
import type { Scalar } from '../../gpu/kernel.ts';
import { clipNorm, clipValue } from '../../kernels/gradientNorm.ts';
import type { Parameters } from '../parameters.ts';
import { Tensor } from '../tensor.ts';

function expectLimit(where: string, name: string, limit: Scalar): void {
  expectKind(where, name, limit, typeof limit === 'function' ? scalar : realOrInfinite({ min: 0 }));
}

/** What becomes of gradients that are not finite. */
export interface ClipGradNormOptions {
  /**
   * Whether they are an error, at the next read of the norm, of a gradient or of what was made of them; false unless
   * given. Await the norm before the optimiser's step, or the weights depend on them, too.
   */
  readonly errorIfNonfinite?: boolean;
}

const OPTIONS: OptionKinds<ClipGradNormOptions> = { errorIfNonfinite: boolean };

const NOT_FINITE = {
  key: 'clipGradNorm',
  describe: (): MathformerError =>
    new MathformerError('clipGradNorm: the norm of the gradients is not finite', {
      code: 'NOT_FINITE',
      where: 'clipGradNorm',
      fix: 'lower the learning rate, or leave out errorIfNonfinite: optimisers skip steps with such gradients',
    }),
};

/**
 * Scales all gradients in place by min(1, maxNorm/(norm + 1e-6)), as `torch.nn.utils.clip_grad_norm_`.
 * @returns the norm before that, a scalar.
 */
export function clipGradNorm(
  { device, arenas }: Parameters,
  maxNorm: Scalar,
  options: ClipGradNormOptions = {},
): Tensor {
  expectLimit('clipGradNorm', 'maxNorm', maxNorm);
  expectOptions('clipGradNorm', options, OPTIONS);
  const norm = Tensor.empty(device, []);
  clipNorm(device, arenas, norm.view, maxNorm, options.errorIfNonfinite ? NOT_FINITE : undefined);
  return norm;
}

/** Limits every gradient in place to [−limit, limit], as `torch.nn.utils.clip_grad_value_`. */
export function clipGradValue({ device, arenas }: Parameters, limit: Scalar): void {
  expectLimit('clipGradValue', 'limit', limit);
  for (const { gradients, size } of arenas) clipValue(device, gradients, size, limit);
}
