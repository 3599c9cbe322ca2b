/** Softmax and log-softmax along any axis, each with one kernel forward and one backward. */
import { softmaxBackward, softmaxForward } from '../../kernels/softmax/index.ts';
import { differentiableByKernel } from '../autograd.ts';
import { expectOperands, FLOATS } from '../operands.ts';
import { Tensor } from '../tensor.ts';
import { viewAxis, wrapAxis } from './axes.ts';

function normalised(name: 'softmax' | 'logSoftmax', x: Tensor, axis: number): Tensor {
  expectOperands(name, { x: [x, FLOATS] });
  const { device, shape } = x;
  const { outer, size: length, inner } = viewAxis(shape, wrapAxis(name, axis, shape));
  const size = { outer, length, inner, logarithm: name === 'logSoftmax' };
  const y = Tensor.empty(device, shape);
  softmaxForward(device, { x: x.view, y: y.view }, size);
  differentiableByKernel(name, x, y, (dy, dx) =>
    softmaxBackward(device, { y: y.view, dy: dy.view, dx: dx.view }, size),
  );
  return y;
}

/** exp(x)/Σ exp(x) along `axis`, without overflow. A row of −∞ gives NaN, as in PyTorch. */
export const softmax = (x: Tensor, axis = -1): Tensor => normalised('softmax', x, axis);

/** log softmax(x) along `axis`, more accurate than the logarithm of `softmax`. */
export const logSoftmax = (x: Tensor, axis = -1): Tensor => normalised('logSoftmax', x, axis);
