/** Casts between all pairs of dtypes; f16 for all its values and all midpoints between them. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import * as ops from '../../../src/tensor/index.ts';
import { type DType, Tensor } from '../../../src/tensor/index.ts';
import { openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { integers, shapes } from '../../oracle/random.ts';
import type { Computation } from '../againstOracle.ts';
import { describeOps } from './battery.ts';
import { type Kind, operand, times, typed } from './elementwiseCases.ts';

const KINDS = ['f32', 'i32', 'u32', 'bool'] as const;

/** Casts of small values by definition. */
const REFERENCE: Readonly<Record<Kind, (x: number) => number>> = {
  f32: (x) => x,
  i32: Math.trunc,
  u32: (x) => Math.max(0, Math.trunc(x)),
  bool: (x) => Number(x !== 0),
};

/** Return the case of a cast. Negative integers keep their bits as u32; a separate test covers them. */
function castCase(from: Kind, to: Kind, shape: readonly number[], seed: number): Computation {
  const input = operand(from, shape, seed, times(10));
  const { values } = input;
  const signless = values instanceof Int32Array && to === 'u32' ? values.map(Math.abs) : values;
  return {
    inputs: [{ ...input, values: signless }],
    gpu: ([x]) => ops.cast(typed(from, x), to),
    oracle: ([x]) => {
      const { data } = x as oracle.Array64;
      return from === to ? (x as oracle.Array64) : oracle.array(data.map(REFERENCE[to]), shape);
    },
  };
}

/** Return the f16 nearest to a float64 by definition: in steps of 2⁻¹⁰ of the power of two below, at least 2⁻²⁴. */
function nearestHalf(x: number): number {
  const size = Math.abs(x);
  if (!(size < 65_520)) return Math.sign(x) * (Number.isNaN(x) ? Number.NaN : Number.POSITIVE_INFINITY);
  let step = 2 ** -24;
  while (step * 2 ** 11 <= size) step *= 2;
  return (Object.is(Math.sign(x), -0) || x < 0 ? -1 : 1) * oracle.roundHalfEven(size / step) * step;
}

function halfCase(shape: readonly number[], seed: number): Computation {
  const half = (x: oracle.Array64): oracle.Array64 =>
    new oracle.Array64(x.data.map(nearestHalf), x.shape, false, [{ of: x, vjp: (gradient) => gradient }]);
  return {
    inputs: [operand('f32', shape, seed)],
    gpu: ([x]) => ops.cast(ops.cast(x as Tensor, 'f16'), 'f32'),
    oracle: ([x]) => half(x as oracle.Array64),
  };
}

describeOps('Casts', [
  {
    name: 'cast',
    dtypes: 'all',
    gradient: 'between f32 and f16',
    runs: 60,
    cases: fc.oneof(
      {
        weight: 3,
        arbitrary: fc
          .tuple(fc.constantFrom(...KINDS), fc.constantFrom(...KINDS), shapes(), fc.nat())
          .map(([from, to, shape, seed]) => castCase(from, to, shape, seed)),
      },
      { weight: 1, arbitrary: fc.tuple(shapes(), fc.nat()).map(([shape, seed]) => halfCase(shape, seed)) },
    ),
  },
]);

describe('on one device', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  const values = async (x: Tensor): Promise<number[]> => [...(await x.data())];
  const halves = (words: Uint32Array<ArrayBuffer>, size: number): Tensor =>
    new Tensor(device, Tensor.from(device, words).view, [size], 'f16');
  const bitsOf = async (x: Tensor): Promise<Uint16Array> =>
    new Uint16Array(await device.read(x.view), 0, x.size);

  test('integers of every size become the nearest f32, halves the even one', async () => {
    using _ = device.scope();
    const words = Uint32Array.from(integers(5, 4096, 2 ** 32));
    // Halfway between two f32, one above and one below.
    words.set([
      2 ** 24 + 1,
      2 ** 24 + 3,
      2 ** 31 + 128,
      2 ** 31 + 384,
      2 ** 31 + 129,
      2 ** 32 - 129,
      2 ** 32 - 1,
    ]);
    const signed = new Int32Array(words.buffer);
    expect(await values(ops.cast(Tensor.from(device, words), 'f32'))).toEqual([...words].map(Math.fround));
    expect(await values(ops.cast(Tensor.from(device, signed), 'f32'))).toEqual([...signed].map(Math.fround));
  });

  /** Decode f16 bits by the definition of IEEE 754. */
  function valueOfHalf(bits: number): number {
    const sign = bits >> 15 === 1 ? -1 : 1;
    const [exponent, mantissa] = [(bits >> 10) & 31, bits & 1023];
    if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
  }
  const ALL = Array.from({ length: 65_536 }, (_, bits) => bits);

  test('every f16 is read exactly and written back', async () => {
    using _ = device.scope();
    const words = Uint32Array.from({ length: 32_768 }, (_, i) => (2 * i) | ((2 * i + 1) << 16));
    const single = ops.cast(halves(words, 65_536), 'f32');
    const found = await single.data();
    expect(ALL.filter((bits) => !Object.is(found[bits], valueOfHalf(bits)))).toEqual([]);
    const back = await bitsOf(ops.cast(single, 'f16'));
    const none = (bits: number): boolean => (bits & 0x7fff) > 0x7c00;
    expect(ALL.filter((bits) => (none(bits) ? !none(back[bits] ?? 0) : back[bits] !== bits))).toEqual([]);
  });

  test('f32 goes to the nearest f16, from either side of every border', async () => {
    using _ = device.scope();
    // 65536 stands for infinity: the border to it lies where it would be, were there one more exponent.
    const finite = [...ALL.slice(0, 0x7c00).map(valueOfHalf), 65_536];
    const borders = finite.slice(1).map((above, i) => (above + (finite[i] ?? 0)) / 2);
    const bits = new Uint32Array(Float32Array.from([...finite, ...borders]).buffer);
    const near = [...bits].flatMap((word) => (word === 0 ? [0, 1] : [word - 1, word, word + 1]));
    const sizes = new Float32Array(Uint32Array.from(near).buffer);
    const extremes = [1e-45, 1e-40, 1.1754944e-38, 7e4, 1e30, 3.4028235e38, Number.POSITIVE_INFINITY];
    const x = Float32Array.from([...sizes, ...extremes].flatMap((size) => [size, -size]));
    const found = await ops.cast(ops.cast(Tensor.from(device, x), 'f16'), 'f32').data();
    const wrong = x.filter((value, i) => !Object.is(found[i], nearestHalf(value)));
    expect(wrong.length, `e.g. ${wrong.slice(0, 5)}`).toBe(0);
    expect(nearestHalf(2049)).toBe(2048);
    expect(nearestHalf(65_519)).toBe(65_504);
  });

  test('an odd number of halves leaves the rest of its last word 0', async () => {
    using _ = device.scope();
    const none = ops.cast(Tensor.zeros(device, [0]), 'f16');
    expect(await values(ops.cast(none, 'i32'))).toEqual([]);
    for (const size of [1, 3, 129]) {
      const half = ops.cast(Tensor.from(device, new Float32Array(size).fill(1)), 'f16');
      const found = new Uint16Array(await device.read(half.view), 0, Math.ceil(size / 2) * 2);
      expect([...found]).toEqual(Array.from({ length: found.length }, (_, i) => (i < size ? 0x3c00 : 0)));
      expect(await values(ops.cast(half, 'i32'))).toEqual(new Array(size).fill(1));
    }
  });

  test('f32 to integers truncates and saturates, NaN gives 0', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [
      1.9,
      -1.9,
      2147483520,
      2147483648,
      3e9,
      -2147483648,
      -3e9,
      4294967040,
      4294967296,
      Infinity,
      -Infinity,
      NaN,
    ]);
    const [max, min] = [2 ** 31 - 1, -(2 ** 31)];
    expect(await values(ops.cast(x, 'i32'))).toEqual([
      1,
      -1,
      2147483520,
      max,
      max,
      min,
      min,
      max,
      max,
      max,
      min,
      0,
    ]);
    const all = 2 ** 32 - 1;
    expect(await values(ops.cast(x, 'u32'))).toEqual([
      1,
      0,
      2147483520,
      2147483648,
      3e9,
      0,
      0,
      4294967040,
      all,
      all,
      0,
      0,
    ]);
  });

  test('integers to f32 round to even; i32 and u32 share their bits', async () => {
    using _ = device.scope();
    const i32 = Tensor.from(
      device,
      Int32Array.of(16_777_217, 16_777_219, -16_777_217, 2 ** 31 - 1, -(2 ** 31)),
    );
    expect(await values(ops.cast(i32, 'f32'))).toEqual([
      16_777_216,
      16_777_220,
      -16_777_216,
      2 ** 31,
      -(2 ** 31),
    ]);
    const u32 = Tensor.from(device, Uint32Array.of(16_777_217, 16_777_219, 2 ** 32 - 1));
    expect(await values(ops.cast(u32, 'f32'))).toEqual([16_777_216, 16_777_220, 2 ** 32]);
    expect(await values(ops.cast(ops.cast(i32, 'u32'), 'i32'))).toEqual(await values(i32));
    expect(await values(ops.cast(u32, 'i32'))).toEqual([16_777_217, 16_777_219, -1]);
  });

  test('what is not 0 is true, NaN and the smallest subnormal too', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [0, -0, 1e-45, NaN, -3, Infinity]);
    expect(await values(ops.cast(x, 'bool'))).toEqual([0, 0, 1, 1, 1, 1]);
    expect(await values(ops.cast(Tensor.from(device, Int32Array.of(-1, 0, 256)), 'bool'))).toEqual([1, 0, 1]);
    expect(await values(ops.cast(ops.cast(Tensor.from(device, [true, false]), 'f16'), 'u32'))).toEqual([
      1, 0,
    ]);
  });

  test('through f16 the gradient passes unrounded, to a leaf of f16 too', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [1.0001, -2, 1e6]).requireGrad();
    const half = ops.cast(x, 'f16');
    // Twice, so that gradients meet at the f16 tensor.
    const sum = ops.add(ops.cast(half, 'f32'), ops.mul(ops.cast(half, 'f32'), 2));
    ops.backward(sum, Tensor.from(device, [1.0001, 1, 1e6]));
    expect([...((await x.grad?.data()) ?? [])]).toEqual([3.0003, 3, 3e6].map(Math.fround));
    const leaf = half.detach().requireGrad();
    ops.backward(ops.cast(leaf, 'f32'), Tensor.from(device, [1, 2, 3]));
    expect(leaf.grad?.dtype).toBe('f32');
    expect([...((await leaf.grad?.data()) ?? [])]).toEqual([1, 2, 3]);
    expect(ops.cast(x, 'i32').requiresGrad).toBe(false);
  });

  test('a cast to the same dtype is the tensor itself', () => {
    using _ = device.scope();
    for (const dtype of ['f32', 'i32', 'u32', 'bool', 'f16'] satisfies DType[]) {
      const x = Tensor.zeros(device, [3], dtype);
      expect(ops.cast(x, dtype)).toBe(x);
    }
  });
});
