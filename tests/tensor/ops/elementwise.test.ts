/** Every row of the elementwise table against the reference; ties, borders, NaN, tails and powers. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import * as ops from '../../../src/tensor/index.ts';
import { Tensor } from '../../../src/tensor/index.ts';
import { openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { expectClose } from '../../oracle/compare.ts';
import { expectSameAsOracle } from '../againstOracle.ts';
import { describeOps, type OpRow } from './battery.ts';
import {
  type BinaryOp,
  binaryCases,
  binaryOf,
  type Domain,
  type Kind,
  positive,
  quarters,
  same,
  times,
  type UnaryOp,
  unaryCases,
  unaryOf,
} from './elementwiseCases.ts';

const NUMBERS: readonly Kind[] = ['f32', 'i32', 'u32'];
const SIGNED: readonly Kind[] = ['f32', 'i32'];
/** Move values a third of a step away from roundings and kinks. */
const offBorders: Domain = (x) => Math.round(x * 2) / 2 + 1 / 6;

type Row = readonly [
  UnaryOp['gpu'],
  UnaryOp['reference'],
  {
    readonly domain?: Domain;
    readonly small?: Domain;
    readonly kinds?: readonly Kind[];
    readonly dtypes?: string;
  }?,
];

function unaryRow(name: string, [gpu, reference, { small, dtypes = 'f32', ...rest } = {}]: Row): OpRow {
  const op = { gpu, reference, ...rest };
  const probed = { ...op, domain: small ?? rest.domain ?? same };
  return { name, dtypes, cases: unaryCases(op), small: unaryOf(probed, 'f32', [3, 5], 1) };
}

const UNARY: Readonly<Record<string, Row>> = {
  neg: [ops.neg, oracle.neg, { kinds: SIGNED, dtypes: 'f32, i32, u32' }],
  abs: [
    ops.abs,
    oracle.abs,
    { domain: quarters, small: offBorders, kinds: NUMBERS, dtypes: 'f32, i32, u32' },
  ],
  sign: [ops.sign, oracle.sign, { domain: quarters, small: offBorders }],
  square: [ops.square, oracle.square],
  sqrt: [ops.sqrt, oracle.sqrt, { domain: positive }],
  rsqrt: [ops.rsqrt, oracle.rsqrt, { domain: positive }],
  reciprocal: [ops.reciprocal, oracle.reciprocal, { domain: (x) => x + Math.sign(x) / 2, small: positive }],
  exp: [ops.exp, oracle.exp, { domain: times(5), small: same }],
  expm1: [ops.expm1, oracle.expm1, { domain: times(3), small: same }],
  log: [ops.log, oracle.log, { domain: positive }],
  log1p: [ops.log1p, oracle.log1p, { domain: (x) => Math.abs(x) - 0.5, small: positive }],
  sin: [ops.sin, oracle.sin, { domain: times(100), small: same }],
  cos: [ops.cos, oracle.cos, { domain: times(100), small: same }],
  tanh: [ops.tanh, oracle.tanh, { domain: times(3), small: same }],
  sigmoid: [ops.sigmoid, oracle.sigmoid, { domain: times(10), small: same }],
  erf: [ops.erf, oracle.erf, { domain: times(2), small: same }],
  relu: [ops.relu, oracle.relu, { domain: quarters, small: offBorders }],
  silu: [ops.silu, oracle.silu, { domain: times(10), small: same }],
  softplus: [ops.softplus, oracle.softplus, { domain: times(20), small: same }],
  logSigmoid: [ops.logSigmoid, oracle.logSigmoid, { domain: times(20), small: same }],
  floor: [ops.floor, oracle.floor, { domain: quarters, small: offBorders }],
  ceil: [ops.ceil, oracle.ceil, { domain: quarters, small: offBorders }],
  round: [ops.round, oracle.round, { domain: quarters, small: offBorders }],
  trunc: [ops.trunc, oracle.trunc, { domain: quarters, small: offBorders }],
  leakyRelu: [
    (x) => ops.leakyRelu(x, { negativeSlope: 0.25 }),
    (x) => oracle.leakyRelu(x, 0.25),
    { domain: quarters, small: offBorders },
  ],
  elu: [
    (x) => ops.elu(x, { alpha: 1.5 }),
    (x) => oracle.elu(x, 1.5),
    { domain: times(3), small: offBorders },
  ],
  nanToNum: [
    (x) => ops.nanToNum(x, { nan: 3, posinf: 5, neginf: -7 }),
    (x) => oracle.nanToNum(x, 3, 5, -7),
    { domain: (x) => (x > 1 ? Number.NaN : Math.abs(x) > 0.7 ? x / 0 : x), small: same },
  ],
};

const geluTanh = (x: Tensor): Tensor => ops.gelu(x, { approximate: 'tanh' });
const CLAMPS = [
  [-1, 1],
  [-1, undefined],
  [undefined, 1],
  [2, 1],
] as const;
const clamp = (low?: number, high?: number, domain: Domain = quarters): UnaryOp => ({
  gpu: (x) => ops.clamp(x, low, high),
  reference: (x) => oracle.clamp(x, low, high),
  domain,
  kinds: low === -1 ? SIGNED : NUMBERS,
});

type BinaryRow = readonly [
  BinaryOp['gpu'],
  BinaryOp['reference'],
  Omit<BinaryOp, 'gpu' | 'reference'>?,
  dtypes?: string,
];

function binaryRow(name: string, [gpu, reference, options, dtypes = 'f32']: BinaryRow): OpRow {
  const op = { gpu, reference, ...options };
  // Distinct values, so that no difference straddles a tie.
  const domains = options?.domains?.map((domain) => (domain === quarters ? same : domain)) ?? [same, same];
  const probed = { ...op, domains: domains as [Domain, Domain] };
  const small = binaryOf(probed, 'f32', { a: [3, 4], b: [4], out: [3, 4] }, 7);
  return { name, dtypes, runs: 24, cases: binaryCases(op), small };
}

/** Return divisors whose quotients do not jump within a step of a finite difference. */
const awayFrom0: Domain = (x) => Math.sign(x) * (20 + Math.abs(x));
const ties = { domains: [quarters, quarters], kinds: NUMBERS } as const;
const BINARY: Readonly<Record<string, BinaryRow>> = {
  add: [ops.add, oracle.add, { kinds: NUMBERS }, 'f32, i32, u32'],
  sub: [ops.sub, oracle.sub, { kinds: SIGNED }, 'f32, i32, u32'],
  mul: [ops.mul, oracle.mul, { kinds: NUMBERS }, 'f32, i32, u32'],
  div: [ops.div, oracle.div, { domains: [same, positive], magnitude: 10, kinds: ['f32'] }, 'f32, i32, u32'],
  remainder: [
    ops.remainder,
    oracle.remainder,
    { domains: [times(10), awayFrom0], magnitude: 30, kinds: ['f32'] },
    'f32, i32, u32',
  ],
  fmod: [
    ops.fmod,
    oracle.fmod,
    { domains: [times(10), awayFrom0], magnitude: 30, kinds: ['f32'] },
    'f32, i32, u32',
  ],
  pow: [ops.pow, oracle.pow, { domains: [positive, same], magnitude: 20 }],
  minimum: [ops.minimum, oracle.minimum, ties, 'f32, i32, u32'],
  maximum: [ops.maximum, oracle.maximum, ties, 'f32, i32, u32'],
};

describeOps('Elementwise', [
  ...Object.entries(BINARY).map(([name, row]) => binaryRow(name, row)),
  ...Object.entries(UNARY).map(([name, row]) => unaryRow(name, row)),
  {
    name: 'gelu',
    dtypes: 'f32',
    cases: fc.oneof(
      unaryCases({ gpu: ops.gelu, reference: oracle.gelu, domain: times(3) }),
      unaryCases({ gpu: geluTanh, reference: oracle.geluTanh, domain: times(3) }),
    ),
    small: unaryOf({ gpu: geluTanh, reference: oracle.geluTanh }, 'f32', [3, 5], 2),
  },
  {
    name: 'clamp',
    dtypes: 'f32, i32, u32',
    runs: 24,
    cases: fc.constantFrom(...CLAMPS).chain(([low, high]) => unaryCases(clamp(low, high))),
    small: unaryOf(clamp(-0.5, 1, offBorders), 'f32', [3, 5], 3),
  },
]);

describe('on one device', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  const values = async (x: Tensor): Promise<number[]> => [...(await x.data())];

  test('quotients of integers, rounded and not, and their remainders', async () => {
    using _ = device.scope();
    const [low, high] = [-(2 ** 31), 2 ** 31 - 1];
    const numbers = [low, -7, -6, -1, 0, 1, 5, 6, 7, high];
    const pairs = numbers.flatMap((a) => numbers.map((b) => [a, b] as const));
    const of = (kind: 'i32' | 'u32', at: 0 | 1) => {
      const list = pairs.map((pair) => pair[at]);
      return Tensor.from(device, kind === 'i32' ? Int32Array.from(list) : Uint32Array.from(list));
    };
    for (const kind of ['i32', 'u32'] as const) {
      const [a, b] = [of(kind, 0), of(kind, 1)];
      const word = (x: number): number => (kind === 'i32' ? x | 0 : x >>> 0);
      const reference = (f: (x: number, y: number) => number): number[] =>
        pairs.map(([x, y]) => (y === 0 ? 0 : word(f(word(x), word(y)))));
      const floored = reference((x, y) => Math.floor(x / y));
      expect(ops.div(a, b, { roundingMode: 'floor' }).dtype).toBe(kind);
      expect(await values(ops.div(a, b, { roundingMode: 'floor' }))).toEqual(floored);
      expect(await values(ops.div(a, b, { roundingMode: 'trunc' }))).toEqual(
        reference((x, y) => Math.trunc(x / y)),
      );
      const rests = reference((x, y) => x - y * Math.floor(x / y));
      expect(await values(ops.remainder(a, b))).toEqual(rests);
      expect((await values(ops.fmod(a, b))).map((x) => x + 0)).toEqual(reference((x, y) => (x % y) + 0));
      expect(await values(ops.remainder(a, 5))).toEqual(
        numbers.flatMap((x) => numbers.map(() => ((word(x) % 5) + 5) % 5)),
      );
    }
    const [a, b] = [
      Tensor.from(device, Int32Array.of(7, -7, 1)),
      Tensor.from(device, Int32Array.of(2, 2, 0)),
    ];
    expect(ops.div(a, b).dtype).toBe('f32');
    expect(await values(ops.div(a, b))).toEqual([3.5, -3.5, Number.POSITIVE_INFINITY]);
    expect(await values(ops.div(a, 4))).toEqual([1.75, -1.75, 0.25]);
  });

  test('remainders are exact and have the sign that C and Python give them, whatever the sizes', async () => {
    using _ = device.scope();
    const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
    const sizes = [0, 1, 0.1, 3, 7.5, 2 ** 24 + 2, 1e38, 1e-38, 3e-39, 1e-44].map(Math.fround);
    const numbers = [...sizes.flatMap((x) => [x, -x]), inf, -inf, nan];
    const n = numbers.length;
    const [a, b] = [Tensor.from(device, numbers, [n, 1]), Tensor.from(device, numbers, [1, n])];
    const fmods = await values(ops.fmod(a, b));
    expect(fmods).toEqual(numbers.flatMap((x) => numbers.map((y) => x % y)));
    const normal = numbers.filter((x) => !(Math.abs(x) < 2 ** -126) || x === 0);
    const [c, d] = [
      Tensor.from(device, normal, [normal.length, 1]),
      Tensor.from(device, normal, [1, normal.length]),
    ];
    const wanted = normal.flatMap((x) =>
      normal.map((y) => {
        const rest = x % y;
        return rest !== 0 && rest < 0 !== y < 0 ? Math.fround(rest + y) : rest;
      }),
    );
    expect(await values(ops.remainder(c, d))).toEqual(wanted);
  });

  test('rounded quotients have no gradient, and a floor is not rounded up by the division', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [7.5, -7.5, 1]).requireGrad();
    for (const roundingMode of ['trunc', 'floor'] as const)
      ops.backward(ops.sum(ops.div(x, 2, { roundingMode })));
    expect([...((await x.grad?.data()) ?? [])]).toEqual([0, 0, 0]);
    // 0.1 is above 1/10 in f32: 1 / 0.1 rounds to 10, but 0.1 fits 9 times.
    const one = Tensor.from(device, [1, -1, 4.2, -0]);
    expect(await values(ops.div(one, 0.1, { roundingMode: 'floor' }))).toEqual([9, -10, 41, -0]);
    expect(await values(ops.div(one, Number.POSITIVE_INFINITY, { roundingMode: 'floor' }))).toEqual([
      0, -1, 0, -0,
    ]);
  });

  test('a limit of NaN makes everything NaN', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [1, 2, 3]);
    const nan = Number.NaN;
    for (const [low, high] of [
      [nan, 1],
      [0, nan],
      [nan, undefined],
      [undefined, nan],
    ]) {
      expect(await values(ops.clamp(x, low, high))).toEqual([nan, nan, nan]);
    }
  });

  test('the tails of GELU and its gradient', async () => {
    // Relative to PyTorch's rtol at 0 the lower tail is lost in 1 + erf, as it is in PyTorch's own f32 kernel.
    const x = Float32Array.from([
      -1e6, -40, -12, -6, -5, -4, -3, -1e-3, -1e-20, 0, 1e-20, 1e-3, 3, 5, 6, 12, 40, 1e6,
    ]);
    for (const [gpu, reference] of [
      [ops.gelu, oracle.gelu],
      [geluTanh, oracle.geluTanh],
    ] as const) {
      await expectSameAsOracle(device, {
        inputs: [{ values: x, shape: [x.length] }],
        gpu: ([tensor]) => gpu(tensor as Tensor),
        oracle: ([array]) => reference(array as oracle.Array64),
      });
    }
  });

  test('ties and NaN in minimum and maximum', async () => {
    using _ = device.scope();
    const a = Tensor.from(device, [1, 2, 3, Number.NaN, 4]).requireGrad();
    const b = Tensor.from(device, [1, 3, 2, 4, Number.NaN]).requireGrad();
    expect(await values(ops.minimum(a, b))).toEqual([1, 2, 2, Number.NaN, Number.NaN]);
    expect(await values(ops.maximum(a, b))).toEqual([1, 3, 3, Number.NaN, Number.NaN]);
    ops.backward(ops.minimum(a, b), Tensor.from(device, [1, 1, 1, 1, 1]));
    ops.backward(ops.maximum(a, b), Tensor.from(device, [10, 10, 10, 10, 10]));
    expectClose((await a.grad?.data()) ?? [], [5.5, 1, 10, 11, 11]);
    expectClose((await b.grad?.data()) ?? [], [5.5, 10, 1, 11, 11]);
  });

  test('NaN passes through what selects', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [Number.NaN, -2, 2]);
    expect(await values(ops.relu(x))).toEqual([Number.NaN, 0, 2]);
    expect(await values(ops.sign(x))).toEqual([Number.NaN, -1, 1]);
    expect(await values(ops.clamp(x, -1, 1))).toEqual([Number.NaN, -1, 1]);
    expect(await values(ops.clamp(x, -1))).toEqual([Number.NaN, -1, 2]);
    expect(await values(ops.clamp(x, undefined, 1))).toEqual([Number.NaN, -2, 1]);
  });

  test('the gradient of what is constant by pieces is zeros', async () => {
    using _ = device.scope();
    for (const op of [ops.sign, ops.floor, ops.ceil, ops.round]) {
      const x = Tensor.from(device, [1.5, -2, 0]).requireGrad();
      ops.backward(ops.sum(op(x)));
      expect([...((await x.grad?.data()) ?? [])]).toEqual([0, 0, 0]);
    }
  });

  test('powers of negative bases, of 0, and to the 0', async () => {
    const bases = [-8, -2, -1, -0.5, 0, 0.5, 1, 2, 1e-3, 10];
    const exponents = [-3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 16];
    using _ = device.scope();
    for (const base of bases) {
      const a = Tensor.from(device, new Array(exponents.length).fill(base)).requireGrad();
      const b = Tensor.from(device, exponents).requireGrad();
      const [x, y] = [
        oracle.parameter(new Array(exponents.length).fill(Math.fround(base))),
        oracle.parameter(exponents),
      ];
      const [found, wanted] = [ops.pow(a, b), oracle.pow(x, y)];
      expectClose(await found.data(), wanted.data, { label: `${base} ** …`, equalNaN: true });
      ops.backward(found, Tensor.from(device, new Array(exponents.length).fill(1)));
      oracle.backward(wanted, new Array(exponents.length).fill(1));
      expectClose((await a.grad?.data()) ?? [], x.grad ?? [], {
        label: `by the base ${base}`,
        equalNaN: true,
      });
      expectClose((await b.grad?.data()) ?? [], y.grad ?? [], {
        label: `by exponents of ${base}`,
        equalNaN: true,
      });
    }
  });
});
