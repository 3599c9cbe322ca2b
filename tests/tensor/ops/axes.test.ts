/** Axes that are named: those of a scalar, which counts as one row of one value. */
import { expect, test } from 'vitest';
import * as ops from '../../../src/tensor/index.ts';
import { Tensor } from '../../../src/tensor/index.ts';
import { openDevice } from '../../device.ts';

test('axis 0 and −1 of a scalar, wherever PyTorch takes them', async () => {
  const device = await openDevice();
  const x = Tensor.from(device, [3], []);
  const index = Tensor.zeros(device, [], 'u32');
  for (const axis of [0, -1]) {
    const axes = { axes: [axis] };
    const results: readonly [Tensor, number][] = [
      [ops.sum(x, axes), 3],
      [ops.mean(x, axes), 3],
      [ops.prod(x, axes), 3],
      [ops.max(x, axes), 3],
      [ops.min(x, axes), 3],
      [ops.norm(x, axes), 3],
      [ops.logsumexp(x, axes), 3],
      [ops.variance(x, { axes: [axis], correction: 0 }), 0],
      [ops.std(x, { axes: [axis], correction: 0 }), 0],
      [ops.any(x, axes), 1],
      [ops.all(x, axes), 1],
      [ops.argmax(x, { axis }), 0],
      [ops.argmin(x, { axis }), 0],
      [ops.softmax(x, axis), 1],
      [ops.logSoftmax(x, axis), 0],
      [ops.cumsum(x, axis), 3],
      [ops.cumprod(x, axis), 3],
      [ops.sort(x, { axis }).values, 3],
      [ops.argsort(x, { axis }), 0],
      [ops.topk(x, 1, { axis }).values, 3],
      [ops.flip(x, [axis]), 3],
      [ops.transpose(x, axis, axis), 3],
      [ops.squeeze(x, axis), 3],
      [ops.flatten(x, axis, axis), 3],
      [ops.gather(x, axis, index), 3],
      [ops.indexSelect(x, axis, index), 3],
      [ops.scatterAdd(x, axis, index, x), 6],
      [ops.unsqueeze(x, axis), 3],
      [ops.stack([x], axis), 3],
    ];
    for (const [i, [y, value]] of results.entries()) {
      expect(y.size, `result ${i}`).toBe(1);
      expect(await y.item(), `result ${i}`).toBeCloseTo(value, 5);
    }
    expect(() => ops.sum(x, { axes: [1] })).toThrow(/sum: axis 1/);
  }
  device.destroy();
});
