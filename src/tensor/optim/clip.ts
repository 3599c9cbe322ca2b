/** Limits on accumulated gradients, for loops that do more with them than an optimiser's own `gradClip`. */
import { expectKind, realOrInfinite, scalar } from '../../arguments.ts';
import type { Scalar } from '../../gpu/kernel.ts';
import { clipNorm, clipValue } from '../../kernels/gradientNorm.ts';
import type { Parameters } from '../parameters.ts';
import { Tensor } from '../tensor.ts';

function expectLimit(where: string, name: string, limit: Scalar): void {
  expectKind(where, name, limit, typeof limit === 'function' ? scalar : realOrInfinite({ min: 0 }));
}

/**
 * Scales all gradients in place by min(1, maxNorm/(norm + 1e-6)), as `torch.nn.utils.clip_grad_norm_`.
 * @returns the norm before that, a scalar.
 */
export function clipGradNorm({ device, arenas }: Parameters, maxNorm: Scalar): Tensor {
  expectLimit('clipGradNorm', 'maxNorm', maxNorm);
  const norm = Tensor.empty(device, []);
  clipNorm(device, arenas, norm.view, maxNorm);
  return norm;
}

/** Limits every gradient in place to [−limit, limit], as `torch.nn.utils.clip_grad_value_`. */
export function clipGradValue({ device, arenas }: Parameters, limit: Scalar): void {
  expectLimit('clipGradValue', 'limit', limit);
  for (const { gradients, size } of arenas) clipValue(device, gradients, size, limit);
}
