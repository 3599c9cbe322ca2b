/** SwiGLU's gate against the reference: widths on and off the vectors, no rows, gates far from 0. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { swiglu, Tensor } from '../../../src/tensor/index.ts';
import { openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { random } from '../againstOracle.ts';
import { describeOps, unaryCase } from './battery.ts';

const computation = (lead: readonly number[], f: number, seed: number) =>
  unaryCase(random([...lead, 2 * f], seed, 0, 3), swiglu, oracle.swiglu);

describeOps('Gated units', [
  {
    name: 'swiglu',
    dtypes: 'f32',
    runs: 24,
    cases: fc
      .tuple(
        fc.constantFrom([], [0], [1], [3], [65], [2, 3], [129]),
        fc.constantFrom(0, 1, 3, 4, 7, 12, 64, 172),
        fc.nat(),
      )
      .map(([lead, f, seed]) => computation(lead, f, seed)),
    small: computation([2], 5, 1),
  },
]);

describe('swiglu', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test('the first half is the gate', async () => {
    using _ = device.scope();
    // silu(0) = 0 and silu(∞) = ∞ whatever is beside them; silu(−∞) = NaN, as in PyTorch.
    const y = swiglu(Tensor.from(device, [0, 100, -100, 5, 2, 3], [1, 6]));
    const [first, second, third] = await y.data();
    expect([first, second]).toEqual([0, 200]);
    expect(Math.abs(third ?? 1)).toBeLessThan(1e-35);
  });

  test('shapes that do not halve are named', () => {
    using _ = device.scope();
    expect(() => swiglu(Tensor.zeros(device, [2, 3]))).toThrow(/swiglu: x \(2,3\)/);
    expect(() => swiglu(Tensor.zeros(device, []))).toThrow(/swiglu: x \(\)/);
    expect(() => swiglu(Tensor.zeros(device, [2, 4], 'i32'))).toThrow(/swiglu: x \(2,4\) has dtype i32/);
  });
});
