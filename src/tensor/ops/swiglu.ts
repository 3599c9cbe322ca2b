/** The gate of SwiGLU feed-forward layers (Shazeer, 2002.05202). */
import { ShapeError } from '../../base/errors.ts';
import { swigluBackward, swigluForward } from '../../kernels/swiglu.ts';
import { differentiableByKernel } from '../autograd.ts';
import { expectOperands, FLOATS } from '../operands.ts';
import { showShape, Tensor } from '../tensor.ts';

/**
 * Return silu(gate)·up (…,f) of x (…,2f): its first f columns are the gate, the last f are up. In a llama, one `linear`
 * computes both projections. One kernel forward, one backward.
 * @throws ShapeError if the last size is odd.
 */
export function swiglu(x: Tensor): Tensor {
  expectOperands('swiglu', { x: [x, FLOATS] });
  const { device, shape } = x;
  const columns = shape.at(-1);
  if (columns === undefined || columns % 2 !== 0) {
    throw new ShapeError('swiglu', `x ${showShape(shape)}`, 'x must be (…,2f): [gate | up]');
  }
  const f = columns / 2;
  const y = Tensor.empty(device, [...shape.slice(0, -1), f]);
  const size = { rows: f === 0 ? 0 : y.size / f, f };
  swigluForward(device, { x: x.view, y: y.view }, size);
  differentiableByKernel('swiglu', x, y, (dy, dx) =>
    swigluBackward(device, { x: x.view, dy: dy.view, dx: dx.view }, size),
  );
  return y;
}
