/** The f32 functions over all of their domain: relative errors of a few units in the last place, and C's special cases. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import * as ops from '../../src/tensor/index.ts';
import { Tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';
import * as oracle from '../oracle/array.ts';
import { expectClose } from '../oracle/compare.ts';
import { uniforms } from '../oracle/random.ts';

const SIZE = 4096;
/** Adapters may flush values below 2⁻¹²⁶ to 0, also in intermediate results. */
const SMALLEST = 2 ** -124;

/** Return uniform values in an interval. */
const between = (low: number, high: number): Float32Array<ArrayBuffer> => uniforms(1, SIZE, low, high);
/** Return values in an interval whose logarithms are uniform. */
const sizes = (low: number, high: number): Float32Array<ArrayBuffer> =>
  uniforms(2, SIZE, Math.log(Math.abs(low)), Math.log(Math.abs(high))).map(
    (x) => Math.sign(low) * Math.exp(x),
  );

const geluTanh = (x: Tensor): Tensor => ops.gelu(x, { approximate: 'tanh' });

interface Wide {
  readonly gpu: (x: Tensor) => Tensor;
  readonly reference: (x: oracle.Array64) => oracle.Array64;
  readonly domains: readonly Float32Array<ArrayBuffer>[];
  /** Absolute error from cancellation in sums with 1, as in PyTorch's kernels. Default: only the relative error counts. */
  readonly atol?: number;
}

const WIDE: Readonly<Record<string, Wide>> = {
  exp: { gpu: ops.exp, reference: oracle.exp, domains: [between(-1, 1), between(-87, 88.7)] },
  expm1: {
    gpu: ops.expm1,
    reference: oracle.expm1,
    domains: [between(-1, 1), sizes(1e-30, 88), sizes(-1e-30, -1e3)],
  },
  log: { gpu: ops.log, reference: oracle.log, domains: [between(0.9, 1.1), sizes(1e-44, 3e38)] },
  log1p: {
    gpu: ops.log1p,
    reference: oracle.log1p,
    domains: [between(-0.999, 1), sizes(1e-30, 3e38), sizes(-1e-30, -0.9)],
  },
  tanh: { gpu: ops.tanh, reference: oracle.tanh, domains: [between(-9, 9), sizes(1e-30, 3e38)] },
  sigmoid: { gpu: ops.sigmoid, reference: oracle.sigmoid, domains: [between(-87, 20), sizes(-1e-30, -87)] },
  silu: { gpu: ops.silu, reference: oracle.silu, domains: [between(-80, 20), sizes(1e-30, 3e38)] },
  softplus: { gpu: ops.softplus, reference: oracle.softplus, domains: [between(-87, 20), sizes(1, 3e38)] },
  logSigmoid: {
    gpu: ops.logSigmoid,
    reference: oracle.logSigmoid,
    domains: [between(-20, 87), sizes(-3e38, -1)],
  },
  erf: { gpu: ops.erf, reference: oracle.erf, domains: [between(-5, 5), sizes(1e-30, 3e38)] },
  gelu: {
    gpu: ops.gelu,
    reference: oracle.gelu,
    domains: [between(-20, 20), sizes(-1e-30, -3e38)],
    atol: 1e-6,
  },
  geluTanh: {
    gpu: geluTanh,
    reference: oracle.geluTanh,
    domains: [between(-20, 20), sizes(-1e-30, -1e12)],
    atol: 1e-6,
  },
  sin: { gpu: ops.sin, reference: oracle.sin, domains: [between(-10, 10), sizes(1e-30, 3e38)] },
  cos: { gpu: ops.cos, reference: oracle.cos, domains: [between(-10, 10), sizes(-1e-30, -3e38)] },
  sqrt: { gpu: ops.sqrt, reference: oracle.sqrt, domains: [sizes(1e-37, 3e38)] },
  rsqrt: { gpu: ops.rsqrt, reference: oracle.rsqrt, domains: [sizes(1e-37, 3e38)] },
  reciprocal: { gpu: ops.reciprocal, reference: oracle.reciprocal, domains: [sizes(1e-37, 1e37)] },
};

const POWERS = [
  { name: 'x¹⁰', bases: sizes(1e-3, 1e3), exponent: 10 },
  { name: 'x⁻³', bases: sizes(-1e-12, -1e12), exponent: -3 },
  { name: 'x^0.1', bases: sizes(1e-44, 3e38), exponent: Math.fround(0.1) },
  { name: 'x^(2²⁰), near 1', bases: between(0.99994, 1.00006), exponent: 2 ** 20 },
] as const;

describe('over wide domains, with relative errors', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test.each(Object.entries(WIDE))('%s', async (label, { gpu, reference, domains, atol = SMALLEST }) => {
    for (const values of domains) {
      using _ = device.scope();
      const found = await gpu(Tensor.from(device, values)).data();
      expectClose(found, reference(oracle.array(values)).data, { atol, label });
    }
  });

  test.each(POWERS)('pow: $name', async ({ name, bases, exponent }) => {
    using _ = device.scope();
    const found = await ops.pow(Tensor.from(device, bases), exponent).data();
    const expected = oracle
      .pow(oracle.array(bases), exponent)
      .data.map((y) => (y > 3.4028236e38 ? Infinity : y));
    expectClose(found, expected, { atol: SMALLEST, label: name });
  });

  test('pow: a base near 1 to exponents of any size', async () => {
    using _ = device.scope();
    const exponents = between(-89_000, 90_000);
    const base = 1 + 2 ** -10;
    const found = await ops.pow(base, Tensor.from(device, exponents)).data();
    expectClose(found, oracle.pow(base, oracle.array(exponents)).data, { atol: SMALLEST });
  });
});

describe('special values', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  const { NaN: none, POSITIVE_INFINITY: inf } = Number;

  test.each([
    { name: 'exp', op: ops.exp, expected: [none, inf, 0, 1, 1, inf] },
    { name: 'expm1', op: ops.expm1, expected: [none, inf, -1, 0, -0, inf] },
    { name: 'log', op: ops.log, expected: [none, inf, none, -inf, -inf, Math.fround(Math.log(3e38))] },
    { name: 'log1p', op: ops.log1p, expected: [none, inf, none, 0, -0, Math.fround(Math.log(3e38))] },
    { name: 'tanh', op: ops.tanh, expected: [none, 1, -1, 0, 0, 1] },
    { name: 'sigmoid', op: ops.sigmoid, expected: [none, 1, 0, 0.5, 0.5, 1] },
    { name: 'erf', op: ops.erf, expected: [none, 1, -1, 0, -0, 1] },
    { name: 'softplus', op: ops.softplus, expected: [none, inf, 0, Math.LN2, Math.LN2, Math.fround(3e38)] },
    { name: 'sin', op: ops.sin, expected: [none, none, none, 0, -0, Math.sin(Math.fround(3e38))] },
    { name: 'cos', op: ops.cos, expected: [none, none, none, 1, 1, Math.cos(Math.fround(3e38))] },
    { name: 'gelu', op: ops.gelu, expected: [none, inf, none, 0, -0, Math.fround(3e38)] },
    { name: 'silu', op: ops.silu, expected: [none, inf, none, 0, -0, Math.fround(3e38)] },
  ])('$name of NaN, infinities, zeros and 3e38', async ({ op, expected }) => {
    using _ = device.scope();
    const found = await op(Tensor.from(device, [none, inf, -inf, 0, -0, 3e38])).data();
    expectClose(found, expected, { equalNaN: true });
  });

  /** Zeros, the least subnormals, the largest numbers, infinities, NaN, and values near halves and integers. */
  const AWKWARD = Float32Array.from(
    [
      0,
      2 ** -149,
      2 ** -126,
      1e-20,
      0.49999997,
      0.5,
      1,
      1.5,
      2.5,
      8_388_607.5,
      2 ** 24,
      1e10,
      3.4028234e38,
      inf,
    ].flatMap((x) => [x, -x]),
  );
  const evenRound = (x: number): number => {
    const below = Math.floor(x);
    const tie = x - below === 0.5;
    const rounded = tie ? below + (below % 2 === 0 ? 0 : 1) : Math.floor(x + 0.5);
    return rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded;
  };

  test.each<[string, (x: Tensor) => Tensor, (x: number) => number]>([
    ['neg', ops.neg, (x) => -x],
    ['abs', ops.abs, Math.abs],
    ['sqrt', ops.sqrt, Math.sqrt],
    ['floor', ops.floor, Math.floor],
    ['ceil', ops.ceil, Math.ceil],
    ['round', ops.round, evenRound],
    ['trunc', ops.trunc, Math.trunc],
    ['relu', ops.relu, (x) => Math.max(x, 0)],
    ['square', ops.square, (x) => x * x],
    ['reciprocal', ops.reciprocal, (x) => 1 / x],
    ['sin', ops.sin, Math.sin],
    ['tanh', ops.tanh, Math.tanh],
    ['expm1', ops.expm1, Math.expm1],
    ['log1p', ops.log1p, Math.log1p],
  ])('%s of awkward numbers, with the sign of zero', async (_name, op, reference) => {
    // A length for vectors and one for single values.
    for (const length of [AWKWARD.length, AWKWARD.length - 1]) {
      using _ = device.scope();
      const values = AWKWARD.slice(0, length);
      const found = await op(Tensor.from(device, values)).data();
      values.forEach((x, i) => {
        const [y, wanted] = [found[i] ?? none, Math.fround(reference(x))];
        // Adapters may take subnormals for 0.
        if (x !== 0 && Math.abs(x) < 2 ** -126) return;
        if (wanted !== 0 && Math.abs(wanted) < 2 ** -126) return;
        const same = Object.is(y, wanted) || Math.abs(y - wanted) <= 4e-7 * Math.abs(wanted);
        expect(same && (wanted !== 0 || Object.is(y, wanted)), `${x}: ${y}, not ${wanted}`).toBe(true);
      });
    }
  });

  test('the smaller of two zeros is the negative one', async () => {
    using _ = device.scope();
    const [a, b] = [Tensor.from(device, [0, -0, 0, -0]), Tensor.from(device, [-0, 0, 0, -0])];
    expect([...(await ops.minimum(a, b).data())]).toEqual([-0, -0, 0, -0]);
    expect([...(await ops.maximum(a, b).data())]).toEqual([0, 0, 0, -0]);
  });

  test('pow agrees with C for every pair of awkward numbers', async () => {
    using _ = device.scope();
    const sizesOf = [
      0,
      1,
      2,
      0.5,
      3,
      2.5,
      1e30,
      1e-30,
      16_777_216,
      16_777_217,
      33_554_432,
      1 - 2 ** -24,
      1 + 2 ** -23,
    ];
    const values = Float32Array.from([none, ...[...sizesOf, 16_777_215, inf].flatMap((x) => [x, -x])]);
    const n = values.length;
    const [a, b] = [Tensor.from(device, values, [n, 1]), Tensor.from(device, values, [1, n])];
    const found = await ops.pow(a, b).data();
    const { data } = oracle.pow(oracle.array(values, [n, 1]), oracle.array(values, [1, n]));
    const expected = data.map((y) => (Math.abs(y) > 3.4028236e38 ? Math.sign(y) * inf : y));
    expectClose(found, expected, { atol: SMALLEST, equalNaN: true });
    const signs = expected.filter((y, i) => y === 0 && Object.is(y, -0) !== Object.is(found[i], -0));
    expect([...signs]).toEqual([]);
  });
});
