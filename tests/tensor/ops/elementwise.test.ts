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
/** A third of a step away from where roundings and kinks are. */
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
  floor: [ops.floor, oracle.floor, { domain: quarters, small: offBorders }],
  ceil: [ops.ceil, oracle.ceil, { domain: quarters, small: offBorders }],
  round: [ops.round, oracle.round, { domain: quarters, small: offBorders }],
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

const ties = { domains: [quarters, quarters], kinds: NUMBERS } as const;
const BINARY: Readonly<Record<string, BinaryRow>> = {
  add: [ops.add, oracle.add, { kinds: NUMBERS }, 'f32, i32, u32'],
  sub: [ops.sub, oracle.sub, { kinds: SIGNED }, 'f32, i32, u32'],
  mul: [ops.mul, oracle.mul, { kinds: NUMBERS }, 'f32, i32, u32'],
  div: [ops.div, oracle.div, { domains: [same, positive], magnitude: 10 }],
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
