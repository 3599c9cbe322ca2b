/** Ops that move values are exact for any shape, dtype and bits. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import {
  expand,
  flip,
  narrow,
  pad,
  permute,
  type Range,
  select,
  slice,
  Tensor,
  transpose,
  tril,
  triu,
} from '../../../src/tensor/index.ts';
import { largeTest, openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { broadcastableShapes, shapes } from '../../oracle/random.ts';
import { type Operand, random, summed } from '../againstOracle.ts';
import { describeOps, unaryCase } from './battery.ts';
import { anyDtype } from './operands.ts';

const permuted = (x: Operand, order: readonly number[]) =>
  unaryCase(
    x,
    (a) => permute(a, order),
    (a) => oracle.permute(a, order),
  );

/** Return the positions of start:end:step, adjusted as in CPython. */
function places([start, end = null, step = 1]: Range, size: number): number[] {
  const clip = (position: number): number => {
    const counted = position < 0 ? position + size : position;
    if (counted < 0) return step < 0 ? -1 : 0;
    if (counted >= size) return step < 0 ? size - 1 : size;
    return counted;
  };
  const found: number[] = [];
  const last = end === null ? (step < 0 ? -1 : size) : clip(end);
  let at = start === null ? (step < 0 ? size - 1 : 0) : clip(start);
  for (; step < 0 ? at > last : at < last; at += step) found.push(at);
  return found;
}

const sliced = (x: Operand, ranges: readonly (Range | null)[]) =>
  unaryCase(
    x,
    (a) => slice(a, ranges),
    (a) =>
      ranges.reduce<oracle.Array64>(
        (part, range, axis) =>
          range ? oracle.indexSelect(part, axis, places(range, a.shape[axis] as number)) : part,
        a,
      ),
  );

const anyRange = (size: number): fc.Arbitrary<Range | null> => {
  const position = fc.option(fc.integer({ min: -size - 2, max: size + 2 }), { freq: 4 });
  return fc.option(fc.tuple(position, position, fc.constantFrom(1, 1, 2, 3, 7, -1, -2, -5)), { freq: 5 });
};

const padded = (x: Operand, pads: readonly (readonly [number, number])[], value: number) =>
  unaryCase(
    x,
    (a) => pad(a, pads, value),
    (a) =>
      oracle.pad(
        a,
        a.shape.map((_, i) => pads[i] ?? [0, 0]),
        value,
      ),
  );

/** Make a case of `expand`. `given` is the shape `out`, possibly with −1 for unchanged sizes. */
const expanded = (x: Operand, out: readonly number[], given = out) => ({
  ...unaryCase(
    x,
    (a) => expand(a, given),
    (a) => oracle.broadcastTo(a, out),
  ),
  gradient: () => summed(oracle.sizeOf(out) / Math.max(1, oracle.sizeOf(x.shape))),
});

const narrowed = (x: Operand, axis: number, start: number, length: number) =>
  unaryCase(
    x,
    (a) => narrow(a, axis, start, length),
    (a) => {
      const from = start < 0 ? start + (a.shape.at(axis) as number) : start;
      return oracle.slice(a, axis, from, from + length);
    },
  );

const selected = (x: Operand, axis: number, index: number) =>
  unaryCase(
    x,
    (a) => select(a, axis, index),
    (a) => {
      const along = axis < 0 ? axis + a.rank : axis;
      const place = index < 0 ? index + (a.shape[along] as number) : index;
      return oracle.reshape(oracle.indexSelect(a, along, [place]), a.shape.toSpliced(along, 1));
    },
  );

const flipped = (x: Operand, axes: readonly number[]) =>
  unaryCase(
    x,
    (a) => flip(a, axes),
    (a) => oracle.flip(a, axes),
  );

const triangles = (x: Operand, diagonal: number, upper: boolean) =>
  unaryCase(
    x,
    (a) => (upper ? triu(a, diagonal) : tril(a, diagonal)),
    (a) => oracle.band(a, (d) => (upper ? d >= diagonal : d <= diagonal)),
  );

/** An operand of any rank with one of its axes, named from either end. */
const withAxis = (allowEmpty = true) =>
  shapes({ minRank: 1, maxRank: 5, allowEmpty }).chain((shape) =>
    fc.tuple(anyDtype(shape), fc.integer({ min: -shape.length, max: shape.length - 1 }), fc.nat()),
  );

const matrices = shapes({ minRank: 2 }).chain((shape) =>
  fc.tuple(anyDtype(shape), fc.integer({ min: -9, max: 9 })),
);

describeOps('Movement', [
  {
    name: 'permute',
    dtypes: 'all but f16',
    cases: shapes({ maxRank: 6 }).chain((shape) =>
      fc
        .tuple(
          anyDtype(shape),
          fc.shuffledSubarray(
            shape.map((_, i) => i),
            { minLength: shape.length },
          ),
        )
        .map(([x, order]) => permuted(x, order)),
    ),
    small: permuted(random([2, 3, 4], 1), [2, 0, 1]),
  },
  {
    name: 'transpose',
    dtypes: 'all but f16',
    cases: shapes({ minRank: 2 })
      .chain(anyDtype)
      .map((x) => unaryCase(x, (a) => transpose(a), oracle.transpose)),
    small: unaryCase(random([3, 4], 1), (a) => transpose(a), oracle.transpose),
  },
  {
    name: 'expand',
    dtypes: 'all but f16',
    cases: fc.tuple(broadcastableShapes({ maxRank: 5 }), fc.boolean()).chain(([{ a, out }, keep]) =>
      anyDtype(a).map((x) => {
        const stays = (n: number, i: number): boolean => keep && n === a[i - out.length + a.length];
        return expanded(
          x,
          out,
          out.map((n, i) => (stays(n, i) ? -1 : n)),
        );
      }),
    ),
    small: expanded(random([3, 1], 1), [2, 3, 4], [2, -1, 4]),
  },
  {
    name: 'slice',
    dtypes: 'all but f16',
    runs: 30,
    cases: shapes({ maxRank: 6 }).chain((shape) =>
      fc
        .tuple(anyDtype(shape), fc.tuple(...shape.map(anyRange)), fc.nat(shape.length))
        .map(([x, ranges, given]) => sliced(x, ranges.slice(0, given + 1))),
    ),
    small: sliced(random([5, 7], 1), [
      [null, null, -2],
      [1, -1, 3],
    ]),
  },
  {
    name: 'narrow',
    dtypes: 'all but f16',
    cases: withAxis().map(([x, axis, seed]) => {
      const size = x.shape.at(axis) as number;
      const start = seed % (size + 1);
      const length = (seed >> 8) % (size - start + 1);
      return narrowed(x, axis, seed % 2 === 0 && start < size ? start - size : start, length);
    }),
    small: narrowed(random([4, 5], 1), 1, 1, 3),
  },
  {
    name: 'select',
    dtypes: 'all but f16',
    cases: withAxis(false).map(([x, axis, seed]) => {
      const size = x.shape.at(axis) as number;
      return selected(x, axis, (seed % (2 * size)) - size);
    }),
    small: selected(random([2, 3, 4], 1), 1, -1),
  },
  {
    name: 'flip',
    dtypes: 'all but f16',
    cases: shapes({ maxRank: 6 }).chain((shape) =>
      fc
        .tuple(anyDtype(shape), fc.subarray(shape.map((_, i) => (i % 2 === 0 ? i : i - shape.length))))
        .map(([x, axes]) => flipped(x, axes)),
    ),
    small: flipped(random([2, 3, 4], 1), [0, -1]),
  },
  {
    name: 'pad',
    dtypes: 'all but f16',
    cases: shapes({ maxRank: 5, maxElements: 500 }).chain((shape) => {
      const pads = shape.map((n) => {
        const width = fc.oneof(fc.constant(0), fc.integer({ min: -Math.floor(n / 2), max: 3 }));
        return fc.tuple(width, width);
      });
      return fc
        .tuple(anyDtype(shape), fc.tuple(...pads), fc.constantFrom(0, 1))
        .map(([x, widths, value]) => padded(x, widths, value));
    }),
    small: padded(
      random([3, 4], 1),
      [
        [1, 2],
        [-1, 3],
      ],
      0.5,
    ),
  },
  {
    name: 'tril',
    dtypes: 'all but f16',
    cases: matrices.map(([x, diagonal]) => triangles(x, diagonal, false)),
    small: triangles(random([2, 3, 4], 1), 1, false),
  },
  {
    name: 'triu',
    dtypes: 'all but f16',
    cases: matrices.map(([x, diagonal]) => triangles(x, diagonal, true)),
    small: triangles(random([2, 3, 4], 1), -1, true),
  },
]);

describe('movement', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());
  const floats = async (x: Tensor) => Array.from(await x.data());

  test('Python’s own results of slicing 0 … 6', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [0, 1, 2, 3, 4, 5, 6]);
    const cases: [Range, number[]][] = [
      [[2], [2, 3, 4, 5, 6]],
      [
        [-3, -1],
        [4, 5],
      ],
      [
        [null, null, -1],
        [6, 5, 4, 3, 2, 1, 0],
      ],
      [
        [null, null, -3],
        [6, 3, 0],
      ],
      [
        [5, 1, -2],
        [5, 3],
      ],
      [
        [-100, 100, 3],
        [0, 3, 6],
      ],
      [
        [100, -100, -4],
        [6, 2],
      ],
      [[4, 2], []],
    ];
    for (const [range, expected] of cases) expect(await floats(slice(x, [range]))).toEqual(expected);
    expect(await floats(slice(Tensor.from(device, [7], []), []))).toEqual([7]);
  });

  test('bits survive: NaN payloads, infinities, −0 and denormals', async () => {
    using _ = device.scope();
    const bits = Uint32Array.of(0x7fc00123, 0xff800000, 0x80000000, 1, 0x7f800001, 0x3f800000);
    const x = Tensor.from(device, new Float32Array(bits.buffer), [2, 3]);
    const read = async (y: Tensor) => Array.from(new Uint32Array((await y.data()).buffer, 0, y.size));
    expect(await read(flip(flip(transpose(x), [0]), [0]))).toEqual([0, 3, 1, 4, 2, 5].map((i) => bits[i]));
    expect(await read(tril(expand(x, [2, 2, 3]), 5))).toEqual([...bits, ...bits]);
  });

  test('padding with infinities, and with a number that a function gives', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [1, 2]);
    expect(await floats(pad(x, [[1, 1]], Number.NEGATIVE_INFINITY))).toEqual([-Infinity, 1, 2, -Infinity]);
    expect(await floats(pad(x, [[0, 2]], () => -1.5))).toEqual([1, 2, -1.5, -1.5]);
    const integers = pad(Tensor.from(device, Int32Array.of(3)), [[1, 1]], -7);
    expect(await floats(integers)).toEqual([-7, 3, -7]);
    expect(await floats(pad(Tensor.from(device, [true]), [[0, 1]], 5))).toEqual([1, 1]);
  });

  largeTest('more values than one dimension of a dispatch covers', async () => {
    using _ = device.scope();
    const count = 65_536 * 64 + 3;
    const y = flip(
      Tensor.from(
        device,
        Float32Array.from({ length: count }, (_, i) => i % 1000),
      ),
      [0],
    );
    const values = await y.data();
    expect(values.length).toBe(count);
    expect(values.every((value, i) => value === (count - 1 - i) % 1000)).toBe(true);
  });

  test('what does not fit is named', () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [2, 3]);
    expect(() => permute(x, [0, 0])).toThrow(/permute: \(0,0\) .*\(2,3\)/);
    expect(() => transpose(x, 0, 2)).toThrow(/transpose: axis 2 .*\(2,3\)/);
    expect(() => expand(x, [4, 3])).toThrow(/expand: \(2,3\) does not expand to \(4,3\)/);
    expect(() => expand(x, [3])).toThrow(/expand/);
    expect(() => expand(x, [-1, 2, 3])).toThrow(/expand/);
    expect(() => slice(x, [null, null, null])).toThrow(/slice: 3 ranges for shape \(2,3\)/);
    expect(() => slice(x, [[0, 1, 0]])).toThrow(/slice: \[0,1,0\]/);
    expect(() => slice(x, [[0.5, 1]])).toThrow(/slice: \[0.5,1\]/);
    expect(() => narrow(x, 1, 1, 3)).toThrow(/narrow: 3 places from 1 .*axis 1 of \(2,3\)/);
    expect(() => narrow(x, 1, -4, 1)).toThrow(/narrow/);
    expect(() => select(x, 0, 2)).toThrow(/select: index 2 .*axis 0 of \(2,3\)/);
    expect(() => flip(x, [0, -2])).toThrow(/flip: \(0,-2\) names an axis of \(2,3\) twice/);
    expect(() =>
      pad(x, [
        [0, 0],
        [-2, -2],
      ]),
    ).toThrow(/pad: \[\[0,0\],\[-2,-2\]\] does not fit \(2,3\)/);
    expect(() => tril(Tensor.zeros(device, [3]))).toThrow(/tril: x \(3\)/);
    expect(() => triu(x, 0.5)).toThrow(/triu: x \(2,3\), diagonal 0.5/);
    const half = Tensor.zeros(device, [2, 3], 'f16');
    for (const op of [transpose, tril, (a: Tensor) => slice(a, []), (a: Tensor) => expand(a, [2, 3])])
      expect(() => op(half)).toThrow(/\(2,3\) has dtype f16/);
  });
});
