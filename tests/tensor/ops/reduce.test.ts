/** Reductions over any axes: empty, of one element, and long enough for nested parts. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import * as ops from '../../../src/tensor/index.ts';
import { backward, mean, type ReduceOptions, square, sum, Tensor } from '../../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { expectClose, type Tolerance } from '../../oracle/compare.ts';
import { integers, shapes } from '../../oracle/random.ts';
import {
  type Computation,
  expectSameAsOracle,
  type FloatOperand,
  type Operand,
  random,
  summed,
} from '../againstOracle.ts';
import { describeOps } from './battery.ts';

interface Reduction {
  readonly shape: readonly number[];
  readonly axes: readonly number[] | undefined;
  readonly keepDims: boolean;
  readonly seed: number;
}

/** A shape, some of its axes (sometimes counted from the end), and `keepDims`. */
const reductions = (allowEmpty: boolean, maxElements = 3000): fc.Arbitrary<Reduction> =>
  shapes({ maxRank: 4, maxElements, allowEmpty }).chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      axes: fc.option(
        fc
          .tuple(fc.subarray(shape.map((_, i) => i)), fc.boolean())
          .map(([axes, fromEnd]) => axes.map((axis) => (fromEnd ? axis - shape.length : axis))),
        { nil: undefined },
      ),
      keepDims: fc.boolean(),
      seed: fc.nat(),
    }),
  );

interface Reducer {
  readonly gpu: (x: Tensor, options: ReduceOptions) => Tensor;
  readonly reference: (x: oracle.Array64, axes: oracle.Axes, keepDims: boolean) => oracle.Array64;
  readonly operand?: (shape: readonly number[], seed: number) => Operand;
  readonly forward?: (count: number) => Tolerance;
}

function reduction(reducer: Reducer, { shape, axes, keepDims, seed }: Reduction): Computation {
  const { gpu, reference, operand = random, forward = () => ({}) } = reducer;
  return {
    inputs: [operand(shape, seed)],
    gpu: ([x]) => gpu(x as Tensor, { keepDims, ...(axes && { axes }) }),
    // The reference's own default differs from op to op.
    oracle: ([x]) => reference(x as oracle.Array64, axes ?? shape.map((_, i) => i), keepDims),
    forward: { ...forward(oracle.sizeOf(shape)), equalNaN: true },
    gradient: () => ({ equalNaN: true }),
  };
}

const SMALL: Reduction = { shape: [2, 3, 4], axes: [0, -1], keepDims: false, seed: 1 };

/** A row of the battery for a reduction of f32 values. */
const row = (name: string, dtypes: string, reducer: Reducer, allowEmpty = true) => ({
  name,
  dtypes,
  cases: reductions(allowEmpty).map((drawn) => reduction(reducer, drawn)),
  runs: 25,
  small: reduction(reducer, SMALL),
});

/** Near 1 and −1, so that long products neither vanish nor overflow, and 0 now and then. */
const factors = (shape: readonly number[], seed: number): FloatOperand => {
  const { values } = random(shape, seed);
  return { values: values.map((x) => (Math.abs(x) < 0.01 ? 0 : Math.sign(x) * (1 + 0.02 * x))), shape };
};
/** Few different values, so that they tie. */
const tying = (shape: readonly number[], seed: number): FloatOperand => ({
  values: random(shape, seed).values.map((x) => Math.round(x)),
  shape,
});
const booleans = (shape: readonly number[], seed: number): Operand => ({
  values: integers(seed, oracle.sizeOf(shape), 8).map((n) => n > seed % 8),
  shape,
});

/** Cases of argmax and argmin over one axis or all. */
const places = (gpu: typeof ops.argmax, reference: typeof oracle.argmax) =>
  reductions(false).map(({ shape, axes, keepDims, seed }): Computation => {
    const axis = axes?.[0];
    return {
      inputs: [tying(shape, seed)],
      gpu: ([x]) => gpu(x as Tensor, { keepDims, ...(axis !== undefined && { axis }) }),
      oracle: ([x]) => reference(x as oracle.Array64, axis, keepDims),
    };
  });

const holds = (reference: typeof oracle.max) => (x: oracle.Array64, axes: oracle.Axes, keepDims: boolean) =>
  reference(x.detach(), axes, keepDims);

describeOps('Reductions', [
  row('sum', 'f32, i32, u32, bool', { gpu: sum, reference: oracle.sum, forward: summed }),
  row('mean', 'f32, bool', { gpu: mean, reference: oracle.mean }),
  row('prod', 'f32, i32, u32, bool', {
    gpu: ops.prod,
    reference: oracle.prod,
    operand: factors,
    forward: (n) => ({ rtol: 1.3e-6 + n * 2 ** -24 }),
  }),
  row('max', 'f32, i32, u32, bool', { gpu: ops.max, reference: oracle.max }, false),
  row('min', 'f32, i32, u32, bool', { gpu: ops.min, reference: oracle.min }, false),
  row('variance', 'f32', { gpu: ops.variance, reference: oracle.variance }),
  row('std', 'f32', { gpu: ops.std, reference: oracle.std }),
  row('logsumexp', 'f32', { gpu: ops.logsumexp, reference: oracle.logSumExp }, false),
  row('norm', 'f32', { gpu: ops.norm, reference: oracle.norm }, false),
  { name: 'argmax', dtypes: 'f32, i32, u32, bool', cases: places(ops.argmax, oracle.argmax) },
  { name: 'argmin', dtypes: 'f32, i32, u32, bool', cases: places(ops.argmin, oracle.argmin) },
  {
    name: 'any',
    dtypes: 'all',
    cases: reductions(false).map((drawn) =>
      reduction({ gpu: ops.any, reference: holds(oracle.max), operand: booleans }, drawn),
    ),
  },
  {
    name: 'all',
    dtypes: 'all',
    cases: reductions(false).map((drawn) =>
      reduction({ gpu: ops.all, reference: holds(oracle.min), operand: booleans }, drawn),
    ),
  },
]);

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test('a long sum is made in parts, of all values and of columns', async () => {
    // 256 values a part: 70,000 make 274 parts, which make 2 again.
    await expectSameAsOracle(device, {
      inputs: [random([70_000], 1, 0.5)],
      gpu: ([x]) => [sum(x as Tensor), mean(x as Tensor)],
      oracle: ([x]) => [oracle.sum(x as oracle.Array64), oracle.mean(x as oracle.Array64)],
      // The sum is near 35,000: a few of its last places.
      forward: { rtol: 1.3e-6, atol: 1e-2 },
    });
    await expectSameAsOracle(device, {
      inputs: [random([3, 700, 5], 2)],
      gpu: ([x]) => sum(x as Tensor, { axes: [1] }),
      oracle: ([x]) => oracle.sum(x as oracle.Array64, 1),
      forward: summed(256),
    });
  });

  test('an empty sum is 0 and an empty mean NaN', async () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [2, 0, 3]).requireGrad();
    const total = sum(x, { axes: [1] });
    expect(total.shape).toEqual([2, 3]);
    expect([...(await total.data())]).toEqual([0, 0, 0, 0, 0, 0]);
    expect([...(await mean(x, { axes: [1] }).data())]).toEqual(new Array(6).fill(Number.NaN));
    expect((await sum(x, { axes: [0] }).data()).length).toBe(0);
    backward(sum(square(x)));
    expect(x.grad?.shape).toEqual([2, 0, 3]);
  });

  test('axes that do not exist, or twice, are refused', () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [2, 3]);
    expect(() => sum(x, { axes: [2] })).toThrow(/sum: axis 2 does not exist in shape \(2,3\)/);
    expect(() => mean(x, { axes: [-3] })).toThrow(/mean: axis -3/);
    expect(() => sum(x, { axes: [0.5] })).toThrow(/sum: axis 0.5/);
    expect(() => sum(x, { axes: [1, -1] })).toThrow(/sum: axis -1 is named twice/);
  });

  test('every part is counted once', async () => {
    using _ = device.scope();
    for (const n of [255, 256, 257, 511, 512, 513, 65_536, 65_537]) {
      const ones = Tensor.from(device, new Float32Array(n).fill(1));
      expectClose([await sum(ones).item()], [n], { rtol: 0, atol: 0, label: `${n} ones` });
    }
  });

  const float = (values: readonly number[], shape: readonly number[] = [values.length]) =>
    Tensor.from(device, values, shape);
  const listed = async (x: Tensor) => [...(await x.data())];
  const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

  test('NaN wins over everything, and infinities are values', async () => {
    using _ = device.scope();
    const x = float([1, nan, inf, -inf, -inf, -inf, 2, -0.5, inf], [3, 3]);
    const rows = { axes: [1] };
    expect(await listed(ops.max(x, rows))).toEqual([nan, -inf, inf]);
    expect(await listed(ops.min(x, rows))).toEqual([nan, -inf, -0.5]);
    expect(await listed(ops.argmax(x, { axis: 1 }))).toEqual([1, 0, 2]);
    expect(await listed(ops.argmin(x, { axis: 1 }))).toEqual([1, 0, 1]);
    expect(await listed(ops.logsumexp(x, rows))).toEqual([nan, -inf, inf]);
    // In a long row too, whichever part the NaN is in, and whatever its sign and payload.
    for (const at of [0, 255, 256, 999]) {
      const words = Uint32Array.from({ length: 1000 }, (_unused, i) => (i === at ? 0xffc01234 : 0x3f800000));
      const row = Tensor.from(device, new Float32Array(words.buffer));
      const results = [ops.max(row), ops.min(row), ops.argmax(row), ops.argmin(row)];
      expect(await Promise.all(results.map((result) => result.item()))).toEqual([nan, nan, at, at]);
    }
  });

  test('extremes of numbers of every sign and size, and of integers', async () => {
    using _ = device.scope();
    const x = float([-1e-30, -3e38, 3e38, 1e-30, 0, -0], [2, 3]);
    expect(await listed(ops.max(x, { axes: [1] }))).toEqual([Math.fround(3e38), Math.fround(1e-30)]);
    expect(await listed(ops.min(x, { axes: [0] }))).toEqual([-1e-30, -3e38, 0].map(Math.fround));
    const signed = Tensor.from(device, Int32Array.of(-5, 2 ** 31 - 1, -(2 ** 31), 7));
    expect([await ops.max(signed).item(), await ops.min(signed).item()]).toEqual([2 ** 31 - 1, -(2 ** 31)]);
    expect(await ops.argmin(signed).item()).toBe(2);
    const unsigned = Tensor.from(device, Uint32Array.of(5, 2 ** 32 - 1, 0, 7));
    expect([await ops.max(unsigned).item(), await ops.min(unsigned).item()]).toEqual([2 ** 32 - 1, 0]);
    expect(await ops.argmax(float([-0, 0, -1, 0])).item()).toBe(0);
    expect(await ops.argmax(Tensor.zeros(device, [700], 'u32')).item()).toBe(0);
  });

  test('values that tie share the gradient of an extreme, zeros leave a product its gradient', async () => {
    using _ = device.scope();
    const gradient = async (f: (x: Tensor) => Tensor, values: readonly number[]) => {
      const x = float(values).requireGrad();
      backward(f(x));
      return listed(x.grad as Tensor);
    };
    expect(await gradient(ops.max, [2, 5, 5, 1, 5])).toEqual([0, 1, 1, 0, 1].map((n) => Math.fround(n / 3)));
    expect(await gradient(ops.min, [2, 1, 5, 1])).toEqual([0, 0.5, 0, 0.5]);
    expect(await gradient(ops.prod, [2, 0, 3, -4])).toEqual([0, -24, 0, 0]);
    expect((await gradient(ops.prod, [2, 0, 3, 0])).map(Math.abs)).toEqual([0, 0, 0, 0]);
    expect(await gradient(ops.std, [3, 3, 3])).toEqual([0, 0, 0]);
    expect(await gradient(ops.norm, [0, 0])).toEqual([0, 0]);
    expect(await gradient(ops.logsumexp, [-inf, -inf])).toEqual([0, 0]);
    expect(await gradient(ops.logsumexp, [0, -inf, 0])).toEqual([0.5, 0, 0.5]);
  });

  test('logsumexp of numbers whose exponentials overflow or vanish', async () => {
    using _ = device.scope();
    const y = await listed(ops.logsumexp(float([1000, 1000, -1000, -1000], [2, 2]), { axes: [1] }));
    expectClose(y, [1000 + Math.LN2, -1000 + Math.LN2]);
  });

  test('a large mean costs the variance no accuracy', async () => {
    using _ = device.scope();
    for (const length of [200, 5000]) {
      const { values } = random([length], 3, 1e6, 3);
      const x = oracle.array(values);
      const tolerance = { rtol: 1e-5 };
      const y = float([...values]);
      expectClose(await listed(ops.variance(y)), oracle.variance(x).data, tolerance);
      expectClose(await listed(ops.std(y, { correction: 0 })), oracle.std(x, 0, false, 0).data, tolerance);
    }
  });

  test('norms and deviations of numbers whose squares f32 has not, beside others', async () => {
    using _ = device.scope();
    const rows = [3e20, 4e20, 3e-30, 4e-30, 3, 4, 3e-22, 4e-22, 0, 0, inf, 1, nan, inf];
    const x = float(rows, [7, 2]).requireGrad();
    const norms = ops.norm(x, { axes: [1] });
    expectClose(await listed(norms), [5e20, 5e-30, 5, 5e-22, 0, inf, nan], { atol: 0, equalNaN: true });
    backward(sum(ops.narrow(norms, 0, 0, 5)));
    const slopes = [0, 1, 2, 3].flatMap(() => [0.6, 0.8]);
    expectClose((await listed(x.grad as Tensor)).slice(0, 10), [...slopes, 0, 0]);
    // Long enough for parts, where only some of the outputs need the second pass.
    const long = ops.mul(ops.ones(device, [1000, 3]), float([1e-25, 2, 1e25], [3]));
    const root = Math.sqrt(1000);
    const expected = [1e-25 * root, 2 * root, 1e25 * root];
    expectClose(await listed(ops.norm(long, { axes: [0] })), expected, { atol: 0 });
    const apart = ops.cat([long, ops.neg(long)]);
    const std = [1e-25, 2, 1e25].map((n) => n * Math.sqrt(2000 / 1999));
    expectClose(await listed(ops.std(apart, { axes: [0] })), std, { atol: 0 });
  });

  test('integers wrap, and booleans are counted', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, Int32Array.of(2 ** 31 - 1, 1, -3, 5), [2, 2]);
    expect(await listed(sum(x, { axes: [1] }))).toEqual([-(2 ** 31), 2]);
    expect(sum(x).dtype).toBe('i32');
    expect(await listed(ops.prod(x, { axes: [0] }))).toEqual([Math.imul(2 ** 31 - 1, -3), 5]);
    const flags = Tensor.from(device, [true, false, true], [3]);
    expect(sum(flags)).toMatchObject({ dtype: 'u32', shape: [] });
    expect(await sum(flags).item()).toBe(2);
    expect(ops.prod(flags)).toMatchObject({ dtype: 'u32', shape: [] });
    expect(await ops.prod(flags).item()).toBe(0);
    expect(ops.max(flags).dtype).toBe('bool');
    expect([...(await listed(ops.max(flags))), ...(await listed(ops.min(flags)))]).toEqual([1, 0]);
    expect([await ops.argmax(flags).item(), await ops.argmin(flags).item()]).toEqual([0, 1]);
    const long = Tensor.from(device, new Uint32Array(1000).fill(2 ** 31 + 3));
    expect(await sum(long).item()).toBe(3000);
  });

  test('nothing to reduce', async () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [2, 0]).requireGrad();
    const rows = { axes: [1] };
    expect(await listed(ops.prod(x, rows))).toEqual([1, 1]);
    expect(await listed(ops.logsumexp(x, rows))).toEqual([-inf, -inf]);
    expect(await listed(ops.norm(x, rows))).toEqual([0, 0]);
    expect(await listed(ops.variance(x, rows))).toEqual([nan, nan]);
    backward(sum(ops.logsumexp(x, rows)));
    const none = Tensor.zeros(device, [2, 0], 'bool');
    expect(await listed(ops.any(none, rows))).toEqual([0, 0]);
    expect(await listed(ops.all(none, rows))).toEqual([1, 1]);
    for (const op of [ops.max, ops.min]) {
      expect(op(x, { axes: [0] }).shape).toEqual([0]);
      expect(() => op(x, rows)).toThrow(/there is nothing to reduce in shape \(2,0\)/);
    }
    expect(() => ops.argmax(x)).toThrow(/argmax: there is nothing/);
  });

  test('dtypes that an op does not take', () => {
    using _ = device.scope();
    const { fix } = refusal(() => mean(Tensor.zeros(device, [2], 'i32')));
    expect(fix).toBe("cast it first: cast(x, 'f32')");
    expect(() => ops.variance(Tensor.zeros(device, [2], 'i32'))).toThrow(/variance: x \(2\) has dtype i32/);
    expect(() => ops.max(Tensor.zeros(device, [2], 'f16'))).toThrow(/max: x \(2\) has dtype f16, not f32/);
  });

  test('any and all of numbers ask which are not 0, mean of booleans for the share of the true ones', async () => {
    using _ = device.scope();
    const floats = float([0, -0, nan, 0, 0, 2], [3, 2]);
    const rows = { axes: [1] };
    expect(await listed(ops.any(floats, rows))).toEqual([0, 1, 1]);
    expect(await listed(ops.all(floats, rows))).toEqual([0, 0, 0]);
    for (const dtype of ['i32', 'u32', 'f16'] as const) {
      const x = ops.cast(float([0, 0, 3, 0, 1, 2], [3, 2]), dtype);
      expect(ops.any(x).dtype).toBe('bool');
      expect(await listed(ops.any(x, rows))).toEqual([0, 1, 1]);
      expect(await listed(ops.all(x, rows))).toEqual([0, 0, 1]);
    }
    const flags = Tensor.from(device, [true, false, true, true], [2, 2]);
    expect(await listed(mean(flags, rows))).toEqual([0.5, 1]);
  });

  test('axes that alternate up to rank 6, named in any order', async () => {
    const shape = [2, 3, 2, 3, 2, 3];
    for (const axes of [
      [0, 2, 4],
      [5, 1, 3],
      [4, 0],
      [1, 2, 5],
    ]) {
      await expectSameAsOracle(device, {
        inputs: [random(shape, 4)],
        gpu: ([x]) => [sum(x as Tensor, { axes }), ops.max(x as Tensor, { axes })],
        oracle: ([x]) => [oracle.sum(x as oracle.Array64, axes), oracle.max(x as oracle.Array64, axes)],
      });
    }
  });
});

function refusal(body: () => unknown): { readonly fix: string } {
  try {
    body();
  } catch (error) {
    return error as { readonly fix: string };
  }
  throw new Error('nothing was refused');
}
