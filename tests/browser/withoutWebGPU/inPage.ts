/** The module that a page without WebGPU loads: it computes a product and its gradient. */
import { backward, matmul, openDevice, sum, Tensor } from '../../../src/index.browser.ts';

export async function run() {
  const device = await openDevice({ threads: 2 });
  const a = Tensor.from(
    device,
    Float32Array.from({ length: 64 * 64 }, (_, i) => (i % 23) / 7 - 1.5),
    [64, 64],
  );
  a.requireGrad();
  backward(sum(matmul(a, a)));
  const values = [...(await matmul(a, a).data()), ...((await a.grad?.data()) ?? [])];
  device.destroy();
  return { isolated: crossOriginIsolated, name: device.name, values };
}
