/** Running sums and products along an axis. */
import { type ScanName, type ScanSize, scan } from '../../kernels/scan.ts';
import { differentiableByKernel } from '../autograd.ts';
import { expectOperands, WORDS } from '../operands.ts';
import { Tensor } from '../tensor.ts';
import { viewAxis, wrapAxis } from './axes.ts';

function scanned(
  name: 'cumsum' | 'cumprod',
  x: Tensor,
  axis: number,
  gradient: (y: Tensor, dy: Tensor, dx: Tensor, size: ScanSize) => void,
): Tensor {
  expectOperands(name, { x: [x, WORDS] });
  const { device, shape, dtype } = x;
  const { outer, size: length, inner } = viewAxis(shape, wrapAxis(name, axis, shape));
  const size = { outer, length, inner };
  const kernels = { cumsum: ['sum', 'integerSum'], cumprod: ['prod', 'integerProd'] } as const;
  const kernel: ScanName = kernels[name][dtype === 'f32' ? 0 : 1];
  const y = Tensor.empty(device, shape, dtype === 'bool' ? 'u32' : dtype);
  scan(device, kernel, { x: x.view }, y.view, size);
  if (dtype !== 'f32') return y;
  differentiableByKernel(name, x, y, (dy, dx) => gradient(y, dy, dx, { ...size, backwards: true }));
  return y;
}

/** yᵢ = x₀ + … + xᵢ along `axis`. Integers wrap; true counts as 1, u32. */
export const cumsum = (x: Tensor, axis = -1): Tensor =>
  scanned('cumsum', x, axis, (_y, dy, dx, size) => scan(x.device, 'sum', { x: dy.view }, dx.view, size));

/** yᵢ = x₀ · … · xᵢ along `axis`. Integers wrap; true counts as 1, u32. Zeros have exact gradients. */
export const cumprod = (x: Tensor, axis = -1): Tensor =>
  scanned('cumprod', x, axis, (y, dy, dx, size) =>
    scan(x.device, 'prodGradient', { x: x.view, y: y.view, dy: dy.view }, dx.view, size),
  );
