/** Comparisons, logic and selection against the reference, especially NaN and dtypes. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import * as ops from '../../../src/tensor/index.ts';
import { Tensor } from '../../../src/tensor/index.ts';
import { openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { shapes } from '../../oracle/random.ts';
import { type Computation, summed } from '../againstOracle.ts';
import { describeOps, type OpRow } from './battery.ts';
import {
  type BinaryOp,
  binaryCases,
  type Kind,
  operand,
  quarters,
  typed,
  unaryCases,
} from './elementwiseCases.ts';

const NUMBERS: readonly Kind[] = ['f32', 'i32', 'u32'];

const COMPARISONS = {
  equal: [ops.equal, oracle.equal],
  notEqual: [ops.notEqual, oracle.notEqual],
  less: [ops.less, oracle.less],
  lessEqual: [ops.lessEqual, oracle.lessEqual],
  greater: [ops.greater, oracle.greater],
  greaterEqual: [ops.greaterEqual, oracle.greaterEqual],
} as const satisfies Record<string, readonly [BinaryOp['gpu'], BinaryOp['reference']]>;

function comparisonRow([name, [gpu, reference]]: readonly [
  string,
  readonly [BinaryOp['gpu'], BinaryOp['reference']],
]): OpRow {
  const kinds: readonly Kind[] = name === 'equal' || name === 'notEqual' ? [...NUMBERS, 'bool'] : NUMBERS;
  const cases = binaryCases({ gpu, reference, kinds, domains: [quarters, quarters] });
  return { name, dtypes: kinds.join(', '), runs: 24, cases };
}

/** Replace some values by NaN and infinities. */
const special = (x: number): number => (x > 1 ? Number.NaN : x < -1 ? Math.sign(x) / 0 : x);

/** A condition and two operands of a dtype, all broadcast to one shape. */
function whereCase(out: readonly number[], kept: readonly number[], kind: Kind, seed: number): Computation {
  const shapeOf = (i: number): number[] => out.map((n, d) => (((kept[d] ?? 7) >> i) & 1 ? n : 1));
  const [condition, a, b] = [shapeOf(0), shapeOf(1), shapeOf(2)];
  const whole = oracle.broadcastShapes(condition, oracle.broadcastShapes(a, b));
  return {
    inputs: [operand('bool', condition, seed), operand(kind, a, seed + 1), operand(kind, b, seed + 2)],
    gpu: ([c, x, y]) => ops.where(typed('bool', c), typed(kind, x), typed(kind, y)),
    oracle: ([c, x, y]) => oracle.where(c as oracle.Array64, x as oracle.Array64, y as oracle.Array64),
    gradient: (input) => summed(oracle.sizeOf(whole) / Math.max(1, oracle.sizeOf(input === 1 ? a : b)), 2),
  };
}

function fillCase(shape: readonly number[], cut: number, kind: Kind, seed: number): Computation {
  const value = kind === 'f32' ? 0.5 : 7;
  return {
    inputs: [operand(kind, shape, seed), operand('bool', shape.slice(cut), seed + 1)],
    gpu: ([x, mask]) => ops.maskedFill(x as Tensor, typed('bool', mask), value),
    oracle: ([x, mask]) => oracle.maskedFill(x as oracle.Array64, mask as oracle.Array64, value),
  };
}

const LOGIC = {
  logicalAnd: [ops.logicalAnd, oracle.logicalAnd],
  logicalOr: [ops.logicalOr, oracle.logicalOr],
  logicalXor: [ops.logicalXor, oracle.logicalXor],
} as const;

/** Return a number as a tensor, since logical ops take no numbers. */
const beside = (x: ops.Operand, other: ops.Operand): Tensor =>
  x instanceof Tensor ? x : ops.full((other as Tensor).device, [], x);

describeOps('Comparison and selection', [
  ...Object.entries(COMPARISONS).map(comparisonRow),
  ...Object.entries(LOGIC).map(([name, [gpu, reference]]) => ({
    name,
    dtypes: 'all',
    cases: binaryCases({
      gpu: (a, b) => gpu(beside(a, b), beside(b, a)),
      reference,
      kinds: [...NUMBERS, 'bool'],
      domains: [special, special],
    }),
  })),
  {
    name: 'logicalNot',
    dtypes: 'all',
    cases: unaryCases({
      gpu: ops.logicalNot,
      reference: oracle.logicalNot,
      kinds: [...NUMBERS, 'bool'],
      domain: special,
    }),
  },
  {
    name: 'isNaN',
    dtypes: 'f32',
    cases: unaryCases({ gpu: ops.isNaN, reference: oracle.isNaN, domain: special }),
  },
  {
    name: 'isInf',
    dtypes: 'f32',
    cases: unaryCases({ gpu: ops.isInf, reference: oracle.isInf, domain: special }),
  },
  {
    name: 'isFinite',
    dtypes: 'f32',
    cases: unaryCases({ gpu: ops.isFinite, reference: oracle.isFinite, domain: special }),
  },
  {
    name: 'where',
    dtypes: 'f32, i32, u32, bool',
    gradient: 'of both values',
    runs: 24,
    cases: fc
      .tuple(
        shapes({ maxRank: 3, maxElements: 2000 }),
        fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 3, maxLength: 3 }),
        fc.constantFrom<Kind>('f32', 'f32', 'i32', 'u32', 'bool'),
        fc.nat(),
      )
      .map(([out, kept, kind, seed]) => whereCase(out, kept, kind, seed)),
    small: whereCase([3, 4], [7, 5], 'f32', 1),
  },
  {
    name: 'maskedFill',
    dtypes: 'f32, i32, u32',
    cases: fc
      .tuple(shapes({ maxRank: 3 }), fc.nat({ max: 2 }), fc.constantFrom(...NUMBERS), fc.nat())
      .map(([shape, cut, kind, seed]) => fillCase(shape, cut, kind, seed)),
    small: fillCase([3, 4], 1, 'f32', 1),
  },
]);

describe('on one device', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  const values = async (x: Tensor): Promise<number[]> => [...(await x.data())];

  test('u32 and i32 compare by value: what argmax finds with integer targets', async () => {
    using _ = device.scope();
    const signed = [-(2 ** 31), -1, 0, 1, 2 ** 31 - 1];
    const unsigned = [0, 1, 2 ** 31, 2 ** 32 - 1];
    const i = Tensor.from(device, Int32Array.from(signed), [5, 1]);
    const u = Tensor.from(device, Uint32Array.from(unsigned), [1, 4]);
    const compare = (holds: (x: number, y: number) => boolean) =>
      signed.flatMap((x) => unsigned.map((y) => Number(holds(x, y))));
    for (const [name, [op, reference]] of Object.entries(COMPARISONS)) {
      const holds = (x: number, y: number) => reference(x, y).data[0] === 1;
      expect(await values(op(i, u)), name).toEqual(compare(holds));
      expect(await values(op(ops.transpose(u), ops.transpose(i))), name).toEqual(
        unsigned.flatMap((y) => signed.map((x) => Number(holds(y, x)))),
      );
    }
    const found = ops.argmax(Tensor.from(device, [1, 3, 2, 9, 0, 1], [2, 3]), { axis: 1 });
    expect(await values(ops.equal(found, Tensor.from(device, Int32Array.of(1, 2))))).toEqual([1, 0]);
    expect(() => ops.equal(i, Tensor.zeros(device, [1]))).toThrow('the operands have dtypes i32 and f32');
  });

  test('NaN equals nothing and has no order, in another tensor or in the same', async () => {
    using _ = device.scope();
    // Widths of 4 and of 1.
    for (const n of [4, 5]) {
      const numbers = [Number.NaN, 1, Number.NaN, 2, 3].slice(0, n);
      const others = [Number.NaN, Number.NaN, 1, 2, 2].slice(0, n);
      const [x, y] = [Tensor.from(device, numbers), Tensor.from(device, others)];
      for (const [name, [gpu]] of Object.entries(COMPARISONS)) {
        const holds = (a: number, b: number): boolean =>
          ({
            equal: a === b,
            notEqual: a !== b,
            less: a < b,
            lessEqual: a <= b,
            greater: a > b,
            greaterEqual: a >= b,
          })[name] ?? false;
        const expected = (list: readonly number[]) => numbers.map((a, i) => Number(holds(a, list[i] ?? 0)));
        expect(await values(gpu(x, y)), name).toEqual(expected(others));
        expect(await values(gpu(x, x)), `${name} of one tensor`).toEqual(expected(numbers));
      }
    }
  });

  test('infinities, zeros of both signs, and integers beyond 2²⁴', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 3.4e38]);
    const y = Tensor.from(device, [Number.POSITIVE_INFINITY, 0, -0, Number.POSITIVE_INFINITY]);
    expect(await values(ops.equal(x, y))).toEqual([1, 0, 1, 0]);
    expect(await values(ops.less(x, y))).toEqual([0, 1, 0, 1]);
    const [a, b] = [Uint32Array.of(16_777_217, 4_000_000_000), Uint32Array.of(16_777_216, 1)];
    const [u, v] = [Tensor.from(device, a), Tensor.from(device, b)];
    expect(await values(ops.equal(u, v))).toEqual([0, 0]);
    expect(await values(ops.greater(u, v))).toEqual([1, 1]);
    expect(await values(ops.less(ops.cast(u, 'i32'), 0))).toEqual([0, 1]);
  });

  test('logic takes any two dtypes: everything but 0 is true, NaN too', async () => {
    const x = ops.tensor(device, [Number.NaN, 0, -0, 2]);
    const n = ops.tensor(device, Int32Array.from([0, 0, -1, 3]));
    expect(await values(ops.logicalAnd(x, n))).toEqual([0, 0, 0, 1]);
    expect(await values(ops.logicalOr(x, n))).toEqual([1, 0, 1, 1]);
    expect(await values(ops.logicalXor(n, ops.cast(x, 'f16')))).toEqual([1, 0, 1, 0]);
    expect(await values(ops.logicalNot(x))).toEqual([0, 1, 1, 0]);
  });

  test('comparisons give bool and stop gradients', () => {
    using _ = device.scope();
    const x = Tensor.from(device, [1, 2]).requireGrad();
    const y = ops.less(x, 1.5);
    expect([y.dtype, y.requiresGrad]).toEqual(['bool', false]);
  });

  test('where: numbers for one or both, bool values, and no NaN from the other side', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [-1, 0, 4]).requireGrad();
    const positive = ops.greater(x, 0);
    expect(await values(ops.where(positive, 1, -1))).toEqual([-1, -1, 1]);
    expect(await values(ops.where(positive, x, Number.NEGATIVE_INFINITY))).toEqual([-Infinity, -Infinity, 4]);
    const flags = Tensor.from(device, [true, false, false]);
    const chosen = ops.where(positive, flags, ops.logicalNot(flags));
    expect([chosen.dtype, ...(await values(chosen))]).toEqual(['bool', 0, 1, 0]);
    const safe = ops.where(positive, ops.sqrt(x), 0);
    expect(await values(safe)).toEqual([0, 0, 2]);
    const filled = ops.maskedFill(x, ops.logicalNot(positive), () => Number.NEGATIVE_INFINITY);
    ops.backward(ops.sum(ops.exp(filled)));
    expect((await x.grad?.data())?.slice(0, 2)).toEqual(Float32Array.of(0, 0));
  });

  test('what cannot be compared or selected is named', () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [2, 3]);
    const flags = Tensor.zeros(device, [2, 3], 'bool');
    expect(() => ops.where(x, x, x)).toThrow('where: condition (2,3) has dtype f32');
    expect(() => ops.maskedFill(x, Tensor.zeros(device, [2], 'bool'), 0)).toThrow(
      /maskedFill: shapes .* do not broadcast/,
    );
    expect(() => ops.where(flags, x, Tensor.zeros(device, [3], 'u32'))).toThrow(
      'where: the operands have dtypes f32 and u32',
    );
    expect(() => ops.less(x, flags)).toThrow('less: b (2,3) has dtype bool');
    expect(() => ops.isNaN(flags)).toThrow('isNaN: x (2,3) has dtype bool, not f32');
    expect(() => ops.equal(flags, 1)).toThrow('equal: 1 meets a bool tensor');
  });
});
