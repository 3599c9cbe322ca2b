/** Clipping of accumulated gradients, for training loops that need more than an optimiser's `gradClip`. */
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

/** Options of `clipGradNorm`. */
export interface ClipGradNormOptions {
  /**
   * If true, gradients that are not finite are an error at the next read of the norm, of a gradient or of a dependent tensor.
   * Await the norm before the optimiser's step, otherwise the weights depend on them too. Default: false.
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
 * Scale all gradients in place by min(1, maxNorm/(norm + 1e-6)), like `torch.nn.utils.clip_grad_norm_`.
 * @returns the norm before clipping, a scalar.
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

/** Clamp every gradient in place to [−limit, limit], like `torch.nn.utils.clip_grad_value_`. */
export function clipGradValue({ device, arenas }: Parameters, limit: Scalar): void {
  expectLimit('clipGradValue', 'limit', limit);
  for (const { gradients, size } of arenas) clipValue(device, gradients, size, limit);
}
