/** Dropout with masks from the counter-based generator. */
import { applyDropout, type DropoutKey } from '../../kernels/dropout.ts';
import { differentiable } from '../autograd.ts';
import { Tensor } from '../tensor.ts';

export type { DropoutKey };

/** x·m/(1 − p) with m = 0 with probability p (0 ≤ p < 1); the same key gives the same m. */
export function dropout(x: Tensor, p: number, key: DropoutKey): Tensor {
  if (!(p >= 0 && p < 1)) throw new RangeError(`dropout: p = ${p} is not in [0, 1)`);
  if (p === 0) return x;
  const y = Tensor.empty(x.device, x.shape);
  applyDropout(x.device, x.view, y.view, x.size, p, key);
  differentiable('dropout', [x], [y], ([dy]) => {
    if (!dy) return [];
    const dx = Tensor.empty(x.device, x.shape);
    applyDropout(x.device, dy.view, dx.view, x.size, p, key);
    return [dx];
  });
  return y;
}
