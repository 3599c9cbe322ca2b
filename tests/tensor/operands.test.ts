/**
 * Every op that `mathformer/tensor` exports, with every operand in every dtype: it accepts the documented dtypes, and refuses
 * all others at once; the error names the op, the operand, its dtype and a cast. A new op without a row fails.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MathformerError } from '../../src/base/errors.ts';
import type { Device } from '../../src/gpu/device.ts';
import * as engine from '../../src/tensor/index.ts';
import { type DType, Generator, Packing, type Shape, Tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';
import { isOp } from './exportedOps.ts';

const FLOATS = ['f32'] as const;
const INDICES = ['u32', 'i32'] as const;
const CONDITIONS = ['bool'] as const;
const NUMBERS = ['f32', 'i32', 'u32'] as const;
const WORDS = [...NUMBERS, 'bool'] as const;
const ALL = [...WORDS, 'f16'] as const satisfies readonly DType[];

interface OperandRow {
  readonly shape: Shape;
  readonly dtypes: readonly DType[];
  /** True if all operands must have the same dtype. */
  readonly tied?: boolean;
}

interface OpRow {
  readonly operands: Readonly<Record<string, OperandRow>>;
  /** Call the op with operands in the order of their names. */
  readonly call: (...operands: Tensor[]) => unknown;
}

const op = (name: string): ((...values: unknown[]) => unknown) =>
  (engine as unknown as Readonly<Record<string, (...values: unknown[]) => unknown>>)[name] ?? (() => {});

const one = (dtypes: readonly DType[], call: OpRow['call'], shape: Shape = [2, 4], name = 'x'): OpRow => ({
  operands: { [name]: { shape, dtypes } },
  call,
});
const unary =
  (dtypes: readonly DType[], ...more: readonly unknown[]) =>
  (name: string) =>
    one(dtypes, (x) => op(name)(x, ...more));
const binary =
  (dtypes: readonly DType[], shape: Shape = [2, 4]) =>
  (name: string): OpRow => ({
    operands: { a: { shape, dtypes, tied: true }, b: { shape, dtypes, tied: true } },
    call: (a, b) => op(name)(a, b),
  });
const list = (call: (name: string, tensors: Tensor[]) => unknown) => (name: string) => ({
  operands: {
    'tensors[0]': { shape: [2, 4], dtypes: WORDS, tied: true },
    'tensors[1]': { shape: [2, 4], dtypes: WORDS, tied: true },
  },
  call: (a: Tensor, b: Tensor) => call(name, [a, b]),
});

/** Ignore the later result of an accepted call, whose tensors may be freed by then: refusals are thrown at once. */
const later = (result: unknown): void => void Promise.resolve(result).catch(() => {});

const generator = new Generator(0);
/** Return the row of an op without tensor operands. */
const none = (): OpRow => ({ operands: {}, call: () => undefined });
const float = unary(FLOATS);
const number = unary(NUMBERS);
const word = unary(WORDS);

const ROWS: Readonly<Record<string, (name: string) => OpRow>> = {
  ...Object.fromEntries(
    [
      ...['sign', 'square', 'sqrt', 'rsqrt', 'reciprocal', 'exp', 'expm1', 'log', 'log1p', 'sin', 'cos'],
      ...[
        'tanh',
        'sigmoid',
        'erf',
        'relu',
        'silu',
        'softplus',
        'logSigmoid',
        'floor',
        'ceil',
        'round',
        'gelu',
      ],
      ...['trunc', 'leakyRelu', 'elu', 'nanToNum', 'isInf'],
      ...['isNaN', 'isFinite', 'variance', 'std', 'logsumexp', 'norm', 'softmax', 'logSoftmax'],
    ].map((name) => [name, float]),
  ),
  neg: number,
  abs: number,
  ...Object.fromEntries(
    ['prod', 'max', 'min', 'argmax', 'argmin', 'cumsum', 'cumprod'].map((name) => [name, word]),
  ),
  ...Object.fromEntries(
    ['add', 'sub', 'mul', 'minimum', 'maximum', 'less', 'lessEqual', 'greater', 'greaterEqual'].map(
      (name) => [name, binary(NUMBERS)],
    ),
  ),
  div: binary(NUMBERS),
  remainder: binary(NUMBERS),
  fmod: binary(NUMBERS),
  pow: binary(FLOATS),
  equal: binary(WORDS),
  notEqual: binary(WORDS),
  logicalAnd: binary(ALL),
  logicalOr: binary(ALL),
  logicalXor: binary(ALL),
  logicalNot: unary(ALL),
  any: unary(ALL),
  all: unary(ALL),
  mean: unary([...FLOATS, ...CONDITIONS]),
  sum: unary(WORDS),
  clamp: unary(NUMBERS, 0, 1),
  where: () => ({
    operands: {
      condition: { shape: [2, 4], dtypes: CONDITIONS },
      a: { shape: [2, 4], dtypes: WORDS, tied: true },
      b: { shape: [2, 4], dtypes: WORDS, tied: true },
    },
    call: (condition, a, b) => op('where')(condition, a, b),
  }),
  maskedFill: () => ({
    operands: {
      x: { shape: [2, 4], dtypes: WORDS, tied: true },
      mask: { shape: [2, 4], dtypes: CONDITIONS },
      value: { shape: [], dtypes: WORDS, tied: true },
    },
    call: (x, mask, value) => op('maskedFill')(x, mask, value),
  }),
  attention: () => ({
    operands: { qkv: { shape: [2, 12], dtypes: FLOATS }, slopes: { shape: [1], dtypes: FLOATS } },
    call: (qkv, slopes) => op('attention')(qkv, new Packing([2]), { slopes }),
  }),
  rope: () => ({
    operands: {
      x: { shape: [2, 8], dtypes: FLOATS },
      positions: { shape: [2], dtypes: ['u32'] },
      frequencies: { shape: [4], dtypes: ['u32'] },
    },
    call: (...operands) => op('rope')(...operands),
  }),
  rowPositions: none,
  swiglu: unary(FLOATS),
  cast: unary(ALL, 'f32'),
  ...Object.fromEntries(
    ['tensor', 'full', 'zeros', 'ones', 'arange', 'linspace', 'eye'].map((name) => [name, none]),
  ),
  ...Object.fromEntries(['rand', 'randn', 'uniform', 'randint', 'randperm'].map((name) => [name, none])),
  zerosLike: unary(ALL),
  onesLike: unary(ALL, { dtype: 'f32' }),
  fullLike: unary(ALL, 1, { dtype: 'f32' }),
  dropout: unary(FLOATS, 0.5, { generator }),
  einsum: () => ({
    operands: {
      'operands[0]': { shape: [2, 3], dtypes: FLOATS },
      'operands[1]': { shape: [3, 2], dtypes: FLOATS },
    },
    call: (a, b) => op('einsum')('ij,jk->ik', a, b),
  }),
  gather: () => ({
    operands: { x: { shape: [2, 4], dtypes: WORDS }, index: { shape: [2, 1], dtypes: INDICES } },
    call: (x, index) => op('gather')(x, 1, index),
  }),
  indexSelect: () => ({
    operands: { x: { shape: [2, 4], dtypes: WORDS }, index: { shape: [2], dtypes: INDICES } },
    call: (x, index) => op('indexSelect')(x, 1, index),
  }),
  repeat: unary(WORDS, [2, 1]),
  tile: unary(WORDS, [2]),
  repeatInterleave: unary(WORDS, 2, { axis: 1 }),
  nonzero: () => one(ALL, (x) => later(op('nonzero')(x))),
  maskedSelect: () => ({
    operands: { x: { shape: [2, 4], dtypes: WORDS }, mask: { shape: [2, 4], dtypes: CONDITIONS } },
    call: (x, mask) => later(op('maskedSelect')(x, mask)),
  }),
  scatter: () => ({
    operands: {
      x: { shape: [2, 4], dtypes: WORDS, tied: true },
      index: { shape: [2, 4], dtypes: INDICES },
      source: { shape: [2, 4], dtypes: WORDS, tied: true },
    },
    call: (x, index, source) => op('scatter')(x, 1, index, source),
  }),
  scatterReduce: () => ({
    operands: {
      x: { shape: [2, 4], dtypes: NUMBERS, tied: true },
      index: { shape: [2, 4], dtypes: INDICES },
      source: { shape: [2, 4], dtypes: NUMBERS, tied: true },
    },
    call: (x, index, source) => op('scatterReduce')(x, 1, index, source, 'sum'),
  }),
  scatterAdd: () => ({
    operands: {
      x: { shape: [2, 4], dtypes: NUMBERS, tied: true },
      index: { shape: [2, 1], dtypes: INDICES },
      source: { shape: [2, 1], dtypes: NUMBERS, tied: true },
    },
    call: (x, index, source) => op('scatterAdd')(x, 1, index, source),
  }),
  oneHot: () => one(INDICES, (index) => op('oneHot')(index, 4), [2], 'index'),
  cat: list((name, tensors) => op(name)(tensors)),
  stack: list((name, tensors) => op(name)(tensors)),
  split: unary(WORDS, 1),
  chunk: unary(WORDS, 2),
  roll: unary(WORDS, 1, 0),
  ...Object.fromEntries(
    (['layerNorm', 'rmsNorm'] as const).map((name) => [
      name,
      (): OpRow => ({
        operands: {
          x: { shape: [2, 4], dtypes: FLOATS },
          weight: { shape: [4], dtypes: FLOATS },
          ...(name === 'layerNorm' && { bias: { shape: [4], dtypes: FLOATS } }),
        },
        call: (...operands) => op(name)(...operands),
      }),
    ]),
  ),
  linear: () => ({
    operands: {
      x: { shape: [2, 4], dtypes: FLOATS },
      weight: { shape: [4, 4], dtypes: FLOATS },
      bias: { shape: [4], dtypes: FLOATS },
      residual: { shape: [2, 4], dtypes: FLOATS },
    },
    call: (x, weight, bias, residual) => op('linear')(x, weight, bias, { residual }),
  }),
  logSoftmaxGather: () => ({
    operands: {
      logits: { shape: [2, 4], dtypes: FLOATS },
      ids: { shape: [2], dtypes: INDICES },
      kept: { shape: [2, 1], dtypes: ['u32'] },
    },
    call: (logits, ids, kept) => op('logSoftmaxGather')(logits, ids, { kept }),
  }),
  mseLoss: () => ({
    operands: { prediction: { shape: [2], dtypes: FLOATS }, target: { shape: [2], dtypes: FLOATS } },
    call: (prediction, target) => op('mseLoss')(prediction, target),
  }),
  crossEntropy: () => ({
    operands: {
      logits: { shape: [2, 4], dtypes: FLOATS },
      targets: { shape: [2], dtypes: INDICES },
      weight: { shape: [4], dtypes: FLOATS },
    },
    call: (logits, targets, weight) => op('crossEntropy')(logits, targets, { weight }),
  }),
  nllLoss: () => ({
    operands: {
      x: { shape: [2, 4], dtypes: FLOATS },
      targets: { shape: [2], dtypes: INDICES },
      weight: { shape: [4], dtypes: FLOATS },
    },
    call: (x, targets, weight) => op('nllLoss')(x, targets, { weight }),
  }),
  dot: binary(NUMBERS, [4]),
  outer: binary(NUMBERS, [4]),
  matmul: binary(FLOATS, [4, 4]),
  mixtureOfExperts: () => ({
    operands: {
      x: { shape: [2, 4], dtypes: FLOATS },
      logits: { shape: [2, 2], dtypes: FLOATS },
      weight1: { shape: [2, 8, 4], dtypes: FLOATS },
      bias1: { shape: [2, 8], dtypes: FLOATS },
      weight2: { shape: [2, 4, 8], dtypes: FLOATS },
      bias2: { shape: [2, 4], dtypes: FLOATS },
    },
    call: (x, logits, weight1, bias1, weight2, bias2) =>
      op('mixtureOfExperts')(x, logits, 1, { weight1, bias1, weight2, bias2 }),
  }),
  loadBalance: () => one(FLOATS, (logits) => op('loadBalance')(logits, routing), [2, 2], 'logits'),
  expand: unary(WORDS, [3, 2, 4]),
  flip: unary(WORDS, [0]),
  narrow: unary(WORDS, 0, 0, 1),
  pad: unary(WORDS, [[1, 1]]),
  permute: unary(WORDS, [1, 0]),
  select: unary(WORDS, 0, 0),
  slice: unary(WORDS, [[0, 1]]),
  transpose: unary(WORDS),
  tril: unary(WORDS),
  triu: unary(WORDS),
  bernoulli: () => one(FLOATS, (p) => op('bernoulli')(p, { generator }), [2], 'p'),
  multinomial: () => one(FLOATS, (p) => op('multinomial')(p, 1, { generator }), [2], 'probabilities'),
  reshape: unary(ALL, [8]),
  flatten: unary(ALL),
  squeeze: unary(ALL),
  unsqueeze: unary(ALL, 0),
  embedding: () => ({
    operands: { ids: { shape: [2], dtypes: INDICES }, weight: { shape: [4, 4], dtypes: FLOATS } },
    call: (ids, weight) => op('embedding')(ids, weight),
  }),
  takeRows: () => ({
    operands: {
      x: { shape: [2, 4], dtypes: FLOATS },
      index: { shape: [2], dtypes: ['u32'] },
      inverse: { shape: [2], dtypes: ['u32'] },
    },
    call: (x, index, inverse) => op('takeRows')(x, { index, inverse }),
  }),
  scaledDotProductAttention: () => ({
    operands: {
      q: { shape: [1, 2, 4], dtypes: FLOATS },
      k: { shape: [1, 2, 4], dtypes: FLOATS },
      v: { shape: [1, 2, 4], dtypes: FLOATS },
      mask: { shape: [2, 2], dtypes: ['bool', 'f32'] },
      alibiSlopes: { shape: [1], dtypes: FLOATS },
    },
    call: (q, k, v, mask, alibiSlopes) => op('scaledDotProductAttention')(q, k, v, { mask, alibiSlopes }),
  }),
  sort: unary(WORDS),
  argsort: unary(WORDS),
  topk: unary(WORDS, 1),
};

/** Routing of the router logits that `loadBalance` is called with. */
let routing: engine.Routing;

function routingOn(device: Device): engine.Routing {
  const zeros = (...shape: number[]) => Tensor.zeros(device, shape);
  const experts = { weight1: zeros(2, 8, 4), weight2: zeros(2, 4, 8) };
  return engine.mixtureOfExperts(zeros(2, 4), zeros(2, 2), 1, experts).routing;
}

const OPS = Object.keys(engine).filter((name) => isOp(name));

describe('every op', () => {
  let device: Device;
  let other: Device;
  beforeAll(async () => {
    device = await openDevice();
    other = await openDevice();
    routing = routingOn(device);
  });
  afterAll(() => {
    device.destroy();
    other.destroy();
  });

  test('has a row', () => {
    expect(Object.keys(ROWS).toSorted()).toEqual(OPS.toSorted());
  });

  const make = (shape: Shape, dtype: DType, on = device): Tensor =>
    dtype === 'f16' ? engine.cast(Tensor.zeros(on, shape), 'f16') : Tensor.zeros(on, shape, dtype);

  const row = (name: string): OpRow => ROWS[name]?.(name) ?? none();

  /** Return the error of a call with these operands. */
  const thrown = (name: string, replaced: Readonly<Record<string, unknown>>): unknown => {
    const { operands, call } = row(name);
    const all = Object.entries(operands).map(([each, { shape, dtypes }]) =>
      each in replaced ? replaced[each] : make(shape, dtypes[0] ?? 'f32'),
    );
    try {
      call(...(all as Tensor[]));
      return undefined;
    } catch (error) {
      return error;
    }
  };

  test.each(OPS)('%s takes the dtypes it says, and no other', (name) => {
    const { operands } = row(name);
    for (const [operand, { shape, dtypes, tied }] of Object.entries(operands)) {
      for (const dtype of ALL) {
        using _ = device.scope();
        const allowed = dtypes.includes(dtype);
        const together = allowed && tied ? Object.entries(operands).filter(([, each]) => each.tied) : [];
        const error = thrown(name, {
          ...Object.fromEntries(together.map(([each, { shape: own }]) => [each, make(own, dtype)])),
          [operand]: make(shape, dtype),
        });
        if (allowed) {
          expect(error, `${name}: ${operand} ${dtype}`).toBeUndefined();
          continue;
        }
        expect(error, `${name}: ${operand} ${dtype}`).toBeInstanceOf(MathformerError);
        const { message, where, fix } = error as MathformerError;
        expect(where).toBe(name);
        expect(message).toContain(`${name}: ${operand} `);
        expect(message).toContain(`has dtype ${dtype}, not ${dtypes[0]}`);
        expect(fix).toContain(`cast(${operand}, '${dtypes[0]}')`);
      }
    }
  });

  test.each(OPS)('%s refuses freed tensors, those of another device, and what is none', (name) => {
    const { operands } = row(name);
    using _ = device.scope();
    for (const [operand, { shape, dtypes }] of Object.entries(operands)) {
      const dtype = dtypes[0] ?? 'f32';
      const freed = make(shape, dtype);
      device.release(freed.view);
      const about = expect.stringContaining(`${name}: ${operand} `);
      expect(thrown(name, { [operand]: freed })).toMatchObject({ code: 'USE_AFTER_FREE', message: about });
      expect(thrown(name, { [operand]: [1, 2] })).toMatchObject({ code: 'BAD_ARGUMENT', message: about });
      if (Object.keys(operands).length === 1) continue;
      expect(thrown(name, { [operand]: make(shape, dtype, other) })).toMatchObject({
        code: 'OTHER_DEVICE',
        where: name,
      });
    }
  });

  test('leaves both devices usable after it was refused', async () => {
    const [a, b] = [Tensor.from(device, [1, 2]), Tensor.from(other, [3, 4])];
    expect(() => engine.add(a, b)).toThrow(/add: a and b are tensors of two devices/);
    expect([...(await a.data())]).toEqual([1, 2]);
    expect([...(await b.data())]).toEqual([3, 4]);
  });
});
