/** Every op's gradient against central finite differences, the broadcasting rules, and what ops refuse. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Array64 } from './array.ts';
import * as ops from './array.ts';
import { expectClose, gradCheck } from './compare.ts';
import { broadcastableShapes, normals, seeded, shapes, uniforms } from './random.ts';

/** Values at least 0.05 from each other and from 0, so that no finite difference straddles a kink. */
function distinct(seed: number, shape: readonly number[]): Array64 {
  const order = Array.from(uniforms(seed, ops.zeros(shape).size)).map((u, i) => [u, i] as const);
  const rank = new Float64Array(order.length);
  order
    .sort(([a], [b]) => a - b)
    .forEach(([, i], place) => {
      rank[i] = place;
    });
  return ops.array(
    rank.map((r) => (r - order.length / 2 + 0.25) * 0.1),
    shape,
  );
}

const normal = (seed: number, ...shape: number[]): Array64 =>
  ops.array(normals(seed, ops.zeros(shape).size), shape);
const positive = (seed: number, ...shape: number[]): Array64 =>
  ops.array(uniforms(seed, ops.zeros(shape).size, 0.3, 2), shape);

const unary: Record<string, [(x: Array64) => Array64, Array64]> = {
  neg: [ops.neg, normal(1, 2, 3)],
  exp: [ops.exp, normal(2, 2, 3)],
  log: [ops.log, positive(3, 2, 3)],
  expm1: [ops.expm1, normal(41, 2, 3)],
  log1p: [ops.log1p, positive(42, 2, 3)],
  sqrt: [ops.sqrt, positive(4, 2, 3)],
  rsqrt: [ops.rsqrt, positive(43, 2, 3)],
  reciprocal: [ops.reciprocal, positive(44, 2, 3)],
  square: [ops.square, normal(45, 2, 3)],
  sin: [ops.sin, normal(46, 2, 3)],
  cos: [ops.cos, normal(47, 2, 3)],
  sign: [ops.sign, distinct(48, [2, 3])],
  floor: [ops.floor, distinct(49, [2, 3])],
  ceil: [ops.ceil, distinct(50, [2, 3])],
  round: [ops.round, distinct(51, [2, 3])],
  softplus: [ops.softplus, normal(52, 2, 3)],
  logSigmoid: [ops.logSigmoid, normal(66, 2, 3)],
  geluTanh: [ops.geluTanh, normal(53, 2, 3)],
  'clamp below': [(x) => ops.clamp(x, -0.1), distinct(54, [3, 3])],
  'clamp above': [(x) => ops.clamp(x, undefined, 0.12), distinct(55, [3, 3])],
  abs: [ops.abs, distinct(5, [2, 3])],
  tanh: [ops.tanh, normal(6, 2, 3)],
  sigmoid: [ops.sigmoid, normal(7, 2, 3)],
  silu: [ops.silu, normal(8, 2, 3)],
  relu: [ops.relu, distinct(9, [2, 3])],
  erf: [ops.erf, normal(10, 2, 3)],
  gelu: [ops.gelu, normal(11, 3, 5)],
  clamp: [(x) => ops.clamp(x, -0.1, 0.12), distinct(12, [3, 3])],
  sum: [(x) => ops.sum(x), normal(13, 2, 3)],
  'sum over axes': [(x) => ops.sum(x, [0, 2]), normal(14, 2, 3, 4)],
  mean: [(x) => ops.mean(x, -1, true), normal(15, 2, 3)],
  max: [(x) => ops.max(x, 1), distinct(16, [3, 4])],
  min: [(x) => ops.min(x, 1), distinct(33, [3, 4])],
  prod: [(x) => ops.prod(x, 1), normal(34, 3, 4)],
  'prod with zeros': [(x) => ops.prod(x, 0), ops.array([0, 2, 0, 3, 0, -1, 4, 0, 0], [3, 3])],
  variance: [(x) => ops.variance(x, [0, 2], true), normal(35, 2, 3, 4)],
  std: [(x) => ops.std(x, 1, false, 0), normal(36, 2, 3)],
  norm: [(x) => ops.norm(x, 0), normal(37, 3, 2)],
  'logSumExp over axes': [(x) => ops.logSumExp(x, [0, 2]), normal(38, 2, 3, 2)],
  cumsum: [(x) => ops.cumsum(x, 1), normal(39, 2, 3, 2)],
  cumprod: [(x) => ops.cumprod(x, 0), normal(40, 3, 2)],
  'cumprod with zeros': [(x) => ops.cumprod(x), ops.array([2, 0, 3, -1, 4, 0, 1, 0], [2, 4])],
  reshape: [(x) => ops.reshape(x, [3, -1]), normal(17, 2, 3)],
  transpose: [(x) => ops.transpose(x), normal(18, 2, 3, 4)],
  permute: [(x) => ops.permute(x, [2, 0, 1]), normal(19, 2, 3, 4)],
  slice: [(x) => ops.slice(x, 1, 1, -1), normal(20, 2, 5)],
  broadcastTo: [(x) => ops.broadcastTo(x, [2, 3, 2]), normal(21, 3, 1)],
  indexSelect: [(x) => ops.indexSelect(x, 0, [2, 0, 2]), normal(22, 3, 2)],
  gather: [(x) => ops.gather(x, 1, { data: [1, 1, 0, 2], shape: [2, 2] }), normal(23, 2, 3)],
  'gather, index smaller and partly outside': [
    (x) => ops.gather(x, 0, { data: [1, -1, 3], shape: [3, 1] }, 0.5),
    normal(44, 3, 2),
  ],
  pad: [
    (x) =>
      ops.pad(
        x,
        [
          [1, -1],
          [0, 2],
        ],
        0.5,
      ),
    normal(45, 3, 2),
  ],
  flip: [(x) => ops.flip(x, [0, -1]), normal(46, 2, 3)],
  roll: [(x) => ops.roll(x, -2, 1), normal(47, 2, 3)],
  band: [(x) => ops.band(x, (diagonal) => diagonal <= 1), normal(48, 2, 3, 3)],
  'split, second part': [(x) => ops.split(x, [1, 2], 1)[1] as Array64, normal(49, 2, 3)],
  embedding: [(x) => ops.embedding(x, { data: [1, 1, 0], shape: [3] }), normal(24, 2, 3)],
  maskedFill: [(x) => ops.maskedFill(x, ops.array([1, 0, 0]), 7), normal(25, 2, 3)],
  tile: [(x) => ops.tile(x, [2, 1, 3]), normal(60, 2, 3)],
  repeatInterleave: [(x) => ops.repeatInterleave(x, [2, 0, 1], 1), normal(61, 2, 3)],
  maskedSelect: [(x) => ops.maskedSelect(x, ops.array([1, 0, 1, 1, 0, 1], [2, 3])), normal(62, 2, 3)],
  leakyRelu: [(x) => ops.leakyRelu(x, 0.2), distinct(63, [3, 4])],
  elu: [(x) => ops.elu(x, 1.5), distinct(64, [3, 4])],
  'crossEntropyLoss with weights': [
    (x) => ops.crossEntropyLoss(x, [0, -100, 1], { labelSmoothing: 0.3, weight: [1, 2, 0.5, 3] }),
    normal(65, 3, 4),
  ],
  softmax: [(x) => ops.softmax(x), normal(26, 3, 4)],
  'softmax, first axis': [(x) => ops.softmax(x, 0), normal(27, 3, 4)],
  logSoftmax: [(x) => ops.logSoftmax(x), normal(28, 3, 4)],
  logSumExp: [(x) => ops.logSumExp(x, 1), normal(29, 2, 3, 2)],
  crossEntropyLoss: [(x) => ops.crossEntropyLoss(x, [0, -100, 1], { labelSmoothing: 0.3 }), normal(30, 3, 4)],
  crossEntropy: [(x) => ops.crossEntropy(x, [0, 3, 1], 3), normal(31, 3, 4)],
};

const several: Record<string, [(x: readonly Array64[]) => Array64, Array64[]]> = {
  add: [([a, b]) => ops.add(a, b), [normal(1, 2, 1, 3), normal(2, 4, 1)]],
  sub: [([a, b]) => ops.sub(a, b), [normal(3, 3), normal(4, 2, 3)]],
  mul: [([a, b]) => ops.mul(a, b), [normal(5, 2, 1), normal(6, 1, 3)]],
  div: [([a, b]) => ops.div(a, b), [normal(7, 2, 3), positive(8, 3)]],
  pow: [([a, b]) => ops.pow(a, b), [positive(9, 2, 3), normal(10, 2, 1)]],
  minimum: [([a, b]) => ops.minimum(a, b), [distinct(11, [2, 3]), ops.array([0.01, -0.01, 0.11])]],
  maximum: [([a, b]) => ops.maximum(a, b), [distinct(12, [2, 3]), ops.array([0.01, -0.01, 0.11])]],
  where: [([a, b]) => ops.where(ops.array([1, 0, 1]), a, b), [normal(13, 2, 1), normal(14, 3)]],
  'the same input twice': [([a]) => ops.mul(ops.exp(a), a), [normal(15, 3)]],
  cat: [([a, b]) => ops.cat([a, b, a], 1), [normal(16, 2, 1, 2), normal(17, 2, 3, 2)]],
  stack: [([a, b]) => ops.stack([a, b, a], -1), [normal(50, 2, 3), normal(51, 2, 3)]],
  scatterAdd: [
    ([a, b]) => ops.scatterAdd(a, 1, { data: [0, 2, 0, 3], shape: [2, 2] }, b),
    [normal(52, 2, 3), normal(53, 2, 3)],
  ],
  scatter: [
    ([a, b]) => ops.scatter(a, 1, { data: [0, 2, 0, 0], shape: [2, 2] }, b),
    [normal(66, 2, 3), normal(67, 2, 3)],
  ],
  ...Object.fromEntries(
    (['sum', 'prod', 'mean', 'amax', 'amin'] as const).flatMap((reduce) =>
      [true, false].map((includeSelf): [string, [(x: readonly Array64[]) => Array64, Array64[]]] => [
        `scatterReduce ${reduce}${includeSelf ? '' : ' of others'}`,
        [
          ([a, b]) => ops.scatterReduce(a, 1, { data: [0, 2, 0, 0], shape: [2, 2] }, b, reduce, includeSelf),
          [normal(68, 2, 3), normal(69, 2, 3)],
        ],
      ]),
    ),
  ),
  matmul: [([a, b]) => ops.matmul(a, b), [normal(18, 2, 3), normal(19, 3, 4)]],
  'matmul, batched': [([a, b]) => ops.matmul(a, b), [normal(20, 2, 1, 2, 3), normal(21, 3, 3, 2)]],
  einsum: [
    ([a, b, c]) => ops.einsum('iij,jk,k->ki', [a, b, c]),
    [normal(30, 2, 2, 3), normal(31, 3, 2), normal(32, 2)],
  ],
  linear: [([x, w, b]) => ops.linear(x, w, b), [normal(22, 2, 3), normal(23, 4, 3), normal(24, 4)]],
  attention: [
    ([q, k, v, bias]) =>
      ops.attention(q, k, v, {
        ...{ causal: true, slopes: [0.5, 0.25], bias, scale: 0.6 },
        visible: ops.array([1, 1, 1, 0, 0, 0, 1, 0, 1], [3, 3]),
      }),
    [normal(34, 2, 3, 2), normal(35, 2, 3, 2), normal(36, 2, 3, 4), normal(37, 3, 3)],
  ],
  rmsNorm: [([x, w]) => ops.rmsNorm(x, w), [normal(28, 2, 5), normal(29, 5)]],
  layerNorm: [([x, w, b]) => ops.layerNorm(x, w, b), [normal(25, 2, 2, 5), normal(26, 5), normal(27, 5)]],
};

describe('gradients against finite differences', () => {
  test.each(Object.entries(unary))('%s', (label, [op, input]) => {
    gradCheck(([x]) => op(x), [input], { label });
  });
  test.each(Object.entries(several))('%s', (label, [op, inputs]) => {
    gradCheck(op, inputs, { label });
  });
});

describe('broadcasting', () => {
  const small = { maxRank: 4, maxElements: 600 };

  test('a sum over broadcast shapes reads what NumPy reads', () => {
    fc.assert(
      fc.property(broadcastableShapes(small), ({ a, b, out }) => {
        const [x, y] = [
          ops.array(normals(1, ops.zeros(a).size), a),
          ops.array(normals(2, ops.zeros(b).size), b),
        ];
        const total = ops.add(x, y);
        expect(total.shape).toEqual(out);
        const read = (from: Array64, at: readonly number[]): number => {
          const own = at.slice(at.length - from.rank).map((c, i) => (from.shape[i] === 1 ? 0 : c));
          return from.data[own.reduce((offset, c, i) => offset * from.shape[i] + c, 0)];
        };
        let k = 0;
        for (const at of ops.coordinates(out)) expect(total.data[k++]).toBe(read(x, at) + read(y, at));
        expect(k).toBe(total.size);
      }),
      { ...seeded, numRuns: 60 },
    );
  });

  test("an operand's gradient is the output's, summed over what was broadcast", () => {
    fc.assert(
      fc.property(broadcastableShapes(small), ({ a, b, out }) => {
        const [x, y] = [ops.parameter(new Float64Array(ops.zeros(a).size), a), ops.zeros(b)];
        ops.backward(ops.sum(ops.add(x, y)));
        const times = x.size === 0 ? 0 : ops.zeros(out).size / x.size;
        expect(Array.from(x.grad ?? [])).toEqual(Array.from({ length: x.size }, () => times));
      }),
      { ...seeded, numRuns: 60 },
    );
  });

  test('shapes that do not fit are refused by name', () => {
    expect(() => ops.add(ops.zeros([2, 3]), ops.zeros([2]))).toThrow('shapes [2,3] and [2] do not broadcast');
    expect(() => ops.matmul(ops.zeros([2, 3]), ops.zeros([2, 3]))).toThrow('do not multiply');
    expect(() => ops.reshape(ops.zeros([6]), [4, -1])).toThrow('6 elements do not fit');
    expect(() => ops.indexSelect(ops.zeros([3, 2]), 0, [3])).toThrow('index 3 at 0 is outside 0 … 2');
    expect(() => ops.sum(ops.zeros([2]), 1)).toThrow('axis 1 does not exist');
    expect(() => ops.max(ops.zeros([2, 0]), 1)).toThrow('nothing to reduce');
    expect(() => ops.backward(ops.parameter([1, 2]))).toThrow('needs a seed');
  });
});

describe('identities', () => {
  const matrix = shapes({ minRank: 2, maxRank: 2, maxElements: 1200, allowEmpty: false });

  test('moving elements and back changes nothing', () => {
    fc.assert(
      fc.property(shapes({ minRank: 2, maxElements: 600 }), (shape) => {
        const x = ops.array(normals(3, ops.zeros(shape).size), shape);
        expect(ops.transpose(ops.transpose(x))).toEqual(x);
        const cut = Math.floor(shape[1] / 2);
        expect(ops.cat([ops.slice(x, 1, 0, cut), ops.slice(x, 1, cut)], 1).data).toEqual(x.data);
      }),
      { ...seeded, numRuns: 40 },
    );
  });

  test('softmax sums to 1, ignores a shift, and exp(logSoftmax) is softmax', () => {
    fc.assert(
      fc.property(matrix, fc.double({ min: -500, max: 500, noNaN: true }), (shape, shift) => {
        const x = ops.array(normals(4, ops.zeros(shape).size, 0, 3), shape);
        const p = ops.softmax(x);
        expectClose(ops.sum(p, 1).data, new Float64Array(shape[0]).fill(1), { rtol: 1e-12, atol: 0 });
        expectClose(ops.softmax(ops.add(x, shift)).data, p.data, { rtol: 1e-10, atol: 1e-14 });
        expectClose(ops.exp(ops.logSoftmax(x)).data, p.data, { rtol: 1e-12, atol: 0 });
      }),
      { ...seeded, numRuns: 40 },
    );
  });

  test('layerNorm gives mean 0 and variance var/(var + eps)', () => {
    const x = normal(5, 4, 33);
    const y = ops.layerNorm(x);
    const variance = (a: Array64): Array64 => ops.mean(ops.pow(ops.sub(a, ops.mean(a, 1, true)), 2), 1);
    expectClose(ops.mean(y, 1).data, new Float64Array(4), { atol: 1e-14 });
    const expected = ops.div(variance(x), ops.add(variance(x), 1e-5));
    expectClose(variance(y).data, expected.data, { rtol: 1e-12, atol: 0 });
  });

  test('crossEntropyLoss without smoothing is crossEntropy; smoothed entirely, the mean of −log p', () => {
    const [x, targets] = [normal(33, 3, 4), [1, 0, 3]];
    const plain = ops.crossEntropyLoss(x, targets, { ignoreIndex: 0 });
    expectClose(plain.data, ops.crossEntropy(x, targets, 0).data, { rtol: 1e-14, atol: 0 });
    const even = ops.crossEntropyLoss(x, targets, { labelSmoothing: 1 });
    expectClose(even.data, ops.neg(ops.mean(ops.logSoftmax(x))).data, { rtol: 1e-14, atol: 0 });
  });

  test('attention by hand: equal scores average what is seen', () => {
    const [x, v] = [ops.zeros([3, 2]), ops.array([1, 2, 6])];
    const column = ops.reshape(v, [3, 1]);
    expectClose(ops.attention(x, x, column).data, [3, 3, 3], { rtol: 1e-15, atol: 0 });
    expectClose(ops.attention(x, x, column, { causal: true }).data, [1, 1.5, 3], { rtol: 1e-15, atol: 0 });
    const visible = ops.array([0, 1, 1, 0, 0, 0, 1, 0, 1], [3, 3]);
    expectClose(ops.attention(x, x, column, { visible }).data, [4, 0, 3.5], { rtol: 1e-15, atol: 0 });
    const weights = [1, Math.exp(-1), Math.exp(-2)];
    const nearest = (weights[0] + 2 * weights[1] + 6 * weights[2]) / (weights[0] + weights[1] + weights[2]);
    expectClose([ops.attention(ops.reshape(x, [1, 3, 2]), x, column, { slopes: [1] }).data[0]], [nearest]);
  });

  test('rmsNorm by hand: 3 and 4 have mean square 12.5', () => {
    const y = ops.rmsNorm(ops.array([3, 4]), ops.array([1, 2]), 0);
    expectClose(y.data, [3 / Math.sqrt(12.5), 8 / Math.sqrt(12.5)], { rtol: 1e-15, atol: 0 });
  });

  test('matmul by hand, and (AB)ᵀ = BᵀAᵀ', () => {
    const [a, b] = [ops.array([1, 2, 3, 4, 5, 6], [2, 3]), ops.array([7, 8, 9, 10, 11, 12], [3, 2])];
    expect(Array.from(ops.matmul(a, b).data)).toEqual([58, 64, 139, 154]);
    expect(ops.einsum('ij,jk', [a, b])).toMatchObject({ data: ops.matmul(a, b).data, shape: [2, 2] });
    expect(ops.einsum('ij,ij->', [a, a]).item()).toBe(91);
    expect(ops.einsum('ii', [ops.array([1, 2, 3, 4], [2, 2])]).item()).toBe(5);
    const turned = ops.matmul(ops.transpose(b), ops.transpose(a));
    expect(ops.transpose(turned).data).toEqual(ops.matmul(a, b).data);
    expect(ops.matmul(ops.zeros([2, 0]), ops.zeros([0, 3])).data).toEqual(new Float64Array(6));
  });
});

describe('elementwise', () => {
  const values = (a: Array64): number[] => Array.from(a.data);

  test('by hand', () => {
    expect(values(ops.round(ops.array([0.5, 1.5, 2.5, -0.5, -1.5, 0.4, -0.6])))).toEqual([
      0, 2, 2, 0, -2, 0, -1,
    ]);
    expect(values(ops.pow(ops.array([1, 0, -1, -2, -8]), ops.array([NaN, 0, Infinity, 3, 1 / 3])))).toEqual([
      1,
      1,
      1,
      -8,
      NaN,
    ]);
    expect(values(ops.logicalNot(ops.array([0, 1])))).toEqual([1, 0]);
    expect(values(ops.logicalAnd(ops.array([0, 1]), 1))).toEqual([0, 1]);
    expect(values(ops.logicalOr(ops.array([0, 1]), 0))).toEqual([0, 1]);
    // torch.nn.functional.gelu(1, approximate='tanh') and softplus(1).
    expectClose(values(ops.geluTanh(ops.array([1]))), [0.8411919906082768], { rtol: 1e-14 });
    expectClose(values(ops.softplus(ops.array([1, 800]))), [1.3132616875182228, 800], { rtol: 1e-15 });
    // torch.nn.functional.logsigmoid(1), and −800 where sigmoid(x) is 0.
    expectClose(values(ops.logSigmoid(ops.array([1, -800]))), [-0.3132616875182228, -800], { rtol: 1e-15 });
  });

  test('beside NaN, minimum and maximum give both operands the gradient', () => {
    const [a, b] = [ops.parameter([NaN, 1]), ops.parameter([2, NaN])];
    ops.backward(ops.sum(ops.minimum(a, b)));
    ops.backward(ops.sum(ops.maximum(a, b)));
    expect([...(a.grad ?? []), ...(b.grad ?? [])]).toEqual([2, 2, 2, 2]);
  });
});

describe('reductions and scans', () => {
  const x = ops.array([3, 1, 2, 3, -1, 0.5], [2, 3]);
  const values = (a: Array64): number[] => Array.from(a.data);

  test('by hand', () => {
    expect(values(ops.argmax(x))).toEqual([0]);
    expect(values(ops.argmax(ops.array([1, Number.NaN, 5, Number.NaN])))).toEqual([1]);
    expect(values(ops.argmin(x, 1))).toEqual([1, 1]);
    expect(ops.argmin(x, 0, true)).toMatchObject({ shape: [1, 3], data: Float64Array.of(0, 1, 1) });
    expect(values(ops.prod(x, 1))).toEqual([6, -1.5]);
    expect(values(ops.cumsum(x))).toEqual([3, 4, 6, 3, 2, 2.5]);
    expect(values(ops.cumprod(x, 0))).toEqual([3, 1, 2, 9, -1, 1]);
  });

  test("torch.var and torch.std of [1, 2, 4, 7], and an empty array's", () => {
    const y = ops.array([1, 2, 4, 7]);
    expectClose(values(ops.variance(y)), [7], { rtol: 1e-15 });
    expectClose(values(ops.variance(y, 0, false, 0)), [5.25], { rtol: 1e-15 });
    expectClose(values(ops.std(y)), [2.6457513110645907], { rtol: 1e-15 });
    expect(values(ops.variance(ops.array([1])))).toEqual([Number.NaN]);
  });
});

describe('moving elements, by hand', () => {
  test('the examples of PyTorch’s manual for gather, scatter_add and one_hot', () => {
    const t = ops.array([1, 2, 3, 4], [2, 2]);
    expect(Array.from(ops.gather(t, 1, { data: [0, 0, 1, 0], shape: [2, 2] }).data)).toEqual([1, 1, 4, 3]);
    const index = { data: [0, 1, 2, 0, 0, 0, 1, 2, 2, 2], shape: [2, 5] };
    const sum = ops.scatterAdd(ops.zeros([3, 5]), 0, index, ops.full([2, 5], 1));
    expect(Array.from(sum.data)).toEqual([2, 0, 0, 1, 1, 0, 2, 0, 0, 0, 0, 0, 2, 1, 1]);
    expect(Array.from(ops.oneHot({ data: [0, 2], shape: [2] }, 3).data)).toEqual([1, 0, 0, 0, 0, 1]);
  });

  test('sorting keeps equals in order and puts NaN above infinity', () => {
    const x = ops.array([2, Number.NaN, 1, Number.POSITIVE_INFINITY, 2, 1], [6]);
    expect(Array.from(ops.argsort(x).data)).toEqual([2, 5, 0, 4, 3, 1]);
    expect(Array.from(ops.argsort(x, 0, true).data)).toEqual([1, 3, 0, 4, 2, 5]);
    const columns = ops.array([3, 1, 2, 5], [2, 2]);
    expect(Array.from(ops.argsort(columns, 0).data)).toEqual([1, 0, 0, 1]);
  });

  test('pad, flip, roll and band', () => {
    const x = ops.array([1, 2, 3, 4, 5, 6], [2, 3]);
    const pads = [
      [0, 1],
      [1, -1],
    ] as const;
    expect(Array.from(ops.pad(x, pads, 9).data)).toEqual([9, 1, 2, 9, 4, 5, 9, 9, 9]);
    expect(Array.from(ops.flip(x, [1]).data)).toEqual([3, 2, 1, 6, 5, 4]);
    expect(Array.from(ops.roll(x, 1, 1).data)).toEqual([3, 1, 2, 6, 4, 5]);
    expect(Array.from(ops.band(x, (diagonal) => diagonal <= 0).data)).toEqual([1, 0, 0, 4, 5, 0]);
  });
});

describe('backward', () => {
  test('adds up over calls, reaches through detach nowhere, and survives long chains', () => {
    const x = ops.parameter([3]);
    ops.backward(ops.sum(ops.mul(x, x)));
    ops.backward(ops.sum(ops.mul(x, x.detach())));
    expect(Array.from(x.grad ?? [])).toEqual([9]);
    let deep: Array64 = ops.parameter([1]);
    const leaf = deep;
    for (let i = 0; i < 20_000; i++) deep = ops.add(deep, 0);
    ops.backward(deep);
    expect(Array.from(leaf.grad ?? [])).toEqual([1]);
  });

  test('where and maskedFill keep infinities of the other side out of the gradient', () => {
    const x = ops.parameter([0, 4]);
    const safe = ops.where(ops.greater(x, 0), ops.sqrt(x), 0);
    expect(Array.from(safe.data)).toEqual([0, 2]);
    const filled = ops.maskedFill(x, ops.array([1, 0]), Number.NEGATIVE_INFINITY);
    ops.backward(ops.sum(ops.exp(filled)));
    expectClose(x.grad ?? [], [0, Math.exp(4)], { rtol: 1e-15, atol: 0 });
  });
});
