/** Invalid arguments of ops, optimisers and transforms, except tensors: options, numbers, shapes, async functions. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MathformerError } from '../../src/base/errors.ts';
import { Device } from '../../src/gpu/device.ts';
import { openDevice as openBest } from '../../src/index.node.ts';
import * as engine from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';

/** The engine without types, as in plain JavaScript. */
const js = engine as unknown as Readonly<Record<string, (...values: unknown[]) => unknown>>;
const call = (name: string, ...values: unknown[]): unknown => js[name]?.(...values);

const { AdamW, Generator, Parameters, SGD, Tensor, tensor, zeros } = engine;
const construct = (type: unknown, ...values: unknown[]): unknown =>
  Reflect.construct(type as new (...values: unknown[]) => unknown, values);

let device: Device;
let x: engine.Tensor;
let integers: engine.Tensor;
let parameters: engine.Parameters;
beforeAll(async () => {
  device = await openDevice();
  x = tensor(device, [1, 2]);
  integers = tensor(device, [1, 2], { dtype: 'i32' });
  parameters = new Parameters(device, new Map([['w', [2]]]));
});
afterAll(() => device.destroy());

const generator = new Generator(0);

/** [name, invalid call, error message]. */
type Refusal = readonly [string, () => unknown, RegExp];

const OPTIONS: readonly Refusal[] = [
  ['sum axis', () => call('sum', x, { axis: 0 }), /^sum: there is no option 'axis'; did you mean 'axes'/],
  ['max dim', () => call('max', x, { dim: 0 }), /did you mean 'axes'/],
  ['mean keepdim', () => call('mean', x, { keepdim: true }), /did you mean 'keepDims'/],
  [
    'sum of an axis',
    () => call('sum', x, 0),
    /sum: the options are 0, not an object; write \{ axes: \[0\] \}/,
  ],
  ['sum of axes', () => call('sum', x, { axes: 0 }), /sum: axes is 0; give a list of axes, such as \[0, 1\]/],
  [
    'argmax of an axis',
    () => call('argmax', x, 1),
    /argmax: the options are 1, not an object; write \{ axis: 1 \}/,
  ],
  ['argmax dim', () => call('argmax', x, { dim: 0 }), /did you mean 'axis'/],
  ['variance unbiased', () => call('variance', x, { unbiased: true }), /did you mean 'correction'/],
  [
    'softmax options',
    () => call('softmax', x, { axis: 0 }),
    /softmax: the axis is \{"axis":0\}; give an integer/,
  ],
  ['sort decending', () => call('sort', x, { decending: true }), /did you mean 'descending'/],
  ['topk dim', () => call('topk', x, 1, { dim: 0 }), /did you mean 'axis'/],
  ['gelu text', () => call('gelu', x, 'tanh'), /gelu: the options are "tanh"/],
  ['gelu kind', () => call('gelu', x, { approximate: 'erf' }), /approximate is "erf"; give 'none' or 'tanh'/],
  [
    'mseLoss',
    () => call('mseLoss', x, x, { reduction: 'max' }),
    /reduction is "max"; give 'mean' or 'sum' or 'none'/,
  ],
  [
    'sdpa isCausal',
    () => call('scaledDotProductAttention', head(), head(), head(), { isCausal: true }),
    /^scaledDotProductAttention: there is no option 'isCausal'; did you mean 'causal'/,
  ],
  [
    'sdpa causal text',
    () => call('scaledDotProductAttention', head(), head(), head(), { causal: 'yes' }),
    /causal is "yes"; give true or false/,
  ],
  [
    'linear',
    () => call('linear', head(), zeros(device, [4, 4]), undefined, { activation: 'relu' }),
    /give 'gelu'/,
  ],
  [
    'tensor requires_grad',
    () => call('tensor', device, [1], { requires_grad: true }),
    /write 'requiresGrad'/,
  ],
  [
    'zeros dtype',
    () => call('zeros', device, [1], { dtype: 'float32' }),
    /dtype is "float32"; give 'f32' or/,
  ],
  ['arange type', () => call('arange', device, 3, { type: 'i32' }), /did you mean 'dtype'/],
  ['rand nothing', () => call('rand', device, [1]), /rand: the options are undefined/],
  [
    'rand seed',
    () => call('rand', device, [1], { seed: 0 }),
    /rand: there is no option 'seed'; it takes generator/,
  ],
  [
    'randn {}',
    () => call('randn', device, [1], {}),
    /randn: the option 'generator' is missing; give a Generator/,
  ],
  ['dropout nothing', () => call('dropout', x, 0.5), /dropout: the last argument is undefined/],
  ['capture', () => call('capture', device, () => x, { maxRecording: 1 }), /did you mean 'maxRecordings'/],
  [
    'capture 0',
    () => call('capture', device, () => x, { maxRecordings: 0 }),
    /maxRecordings is 0; give an integer of/,
  ],
  ['grad argnums', () => call('grad', () => x, { argnums: [0] }), /did you mean 'inputs'/],
  ['checkpoint', () => call('checkpoint', () => x, [x], { generator }), /did you mean 'generators'/],
  ['AdamW weight_decay', () => construct(AdamW, parameters, { weight_decay: 0 }), /write 'weightDecay'/],
  ['AdamW betas', () => construct(AdamW, parameters, { betas: [0, 0] }), /did you mean 'beta1'/],
  [
    'AdamW of a tensor',
    () => construct(AdamW, x),
    /AdamW: the first argument is a Tensor; give a Parameters/,
  ],
  [
    'SGD nesterov',
    () => construct(SGD, parameters, { nesterov: 1 }),
    /SGD: nesterov is 1; give true or false/,
  ],
  ['Parameters', () => construct(Parameters, device, { w: [2] }), /the second argument is .*; give a Map/],
  ['no device', () => call('tensor', undefined, [1]), /tensor: the device is undefined; give a Device/],
  ['permute', () => call('permute', x, 0), /permute: the order is 0; give a list of axes/],
  ['flip', () => call('flip', x, 0), /flip: axes is 0/],
  ['slice', () => call('slice', x, 1), /slice: ranges is 1/],
  ['pad', () => call('pad', x, [1, 1]), /pad: pads is \[1,1\]; give a list of \[before, after\]/],
  ['einsum', () => call('einsum', 3, x), /einsum: the equation is 3; give a text/],
  ['cat', () => call('cat', x, x), /cat: tensors is a Tensor; give a list of tensors/],
];

const head = (): engine.Tensor => zeros(device, [1, 2, 4]);

const NUMBERS: readonly Refusal[] = [
  ...([2 ** 31, -(2 ** 31) - 1, 1.5, Number.NaN, Number.POSITIVE_INFINITY].map((value) => [
    `full ${value} i32`,
    () => call('full', device, [1], value, { dtype: 'i32' }),
    /^full: the value .* is not a value of i32; give an integer from -2147483648 to 2147483647/,
  ]) satisfies Refusal[]),
  ...([2 ** 32, -1, 0.5, Number.NaN].map((value) => [
    `full ${value} u32`,
    () => call('full', device, [1], value, { dtype: 'u32' }),
    /^full: the value .* is not a value of u32; give an integer from 0 to 4294967295/,
  ]) satisfies Refusal[]),
  ['full text', () => call('full', device, [1], '1'), /full: the value is "1"; give a number/],
  ['fullLike', () => call('fullLike', integers, 2 ** 31), /fullLike: the value 2147483648/],
  ['tensor', () => call('tensor', device, [2 ** 31], { dtype: 'i32' }), /2147483648 at 0 does not fit i32/],
  ['tensor NaN', () => call('tensor', device, [Number.NaN], { dtype: 'u32' }), /NaN at 0 does not fit u32/],
  [
    'tensor of texts',
    () => call('tensor', device, ['1']),
    /tensor: the value at 0 is "1"; give numbers or booleans/,
  ],
  ['tensor of holes', () => call('tensor', device, [undefined, 1]), /tensor: the value at 0 is undefined/],
  ['pad', () => call('pad', integers, [[1, 1]], 0.5), /pad: the value 0.5 is not a value of i32/],
  ['clamp', () => call('clamp', integers, 0.5, 1), /clamp: 0.5 is not a value of i32/],
  ['add', () => call('add', integers, 2 ** 31), /add: 2147483648 is not a value of i32/],
  ['where', () => call('where', engine.equal(x, 1), integers, 0.5), /where: 0.5 is/],
  ['maskedFill', () => call('maskedFill', integers, engine.equal(x, 1), Number.NaN), /maskedFill: NaN is/],
  [
    'arange',
    () => call('arange', device, 2 ** 31 - 1, 2 ** 31 + 1, { dtype: 'i32' }),
    /the last value 2147483648/,
  ],
  ['arange u32', () => call('arange', device, -1, 2, { dtype: 'u32' }), /arange: the first value -1/],
  ['linspace', () => call('linspace', device, 0, Number.NaN, 3), /linspace: end is NaN/],
  ['uniform', () => call('uniform', device, [1], 1, 0, { generator }), /uniform: low is 1, high 0/],
  ['bernoulli', () => call('bernoulli', device, [1], 1.5, { generator }), /bernoulli: p is 1.5/],
  [
    'dropout p',
    () => call('dropout', x, 2, { generator }),
    /dropout: p is 2; give a finite number of at least 0 and at/,
  ],
  [
    'dropout seed',
    () => call('dropout', x, 0.5, { seed: 2 ** 32, stream: 0, step: 0 }),
    /dropout: seed is 4294967296/,
  ],
  ...([-1, 1.5, Number.NaN, 2 ** 53, '1'].map((seed) => [
    `Generator ${seed}`,
    () => construct(Generator, seed),
    /^Generator: the seed .* is not an integer from 0 to/,
  ]) satisfies Refusal[]),
  ['layerNorm eps', () => call('layerNorm', x, undefined, undefined, -1), /layerNorm: eps is -1/],
  ['rmsNorm eps', () => call('rmsNorm', x, undefined, Number.NaN), /rmsNorm: eps is NaN/],
  ['AdamW beta1', () => construct(AdamW, parameters, { beta1: 1 }), /AdamW: beta1 is 1; give .* below 1/],
  ['AdamW beta2', () => construct(AdamW, parameters, { beta2: -0.1 }), /AdamW: beta2 is -0.1/],
  ['AdamW eps', () => construct(AdamW, parameters, { eps: -1 }), /AdamW: eps is -1/],
  [
    'AdamW decay',
    () => construct(AdamW, parameters, { weightDecay: Number.NaN }),
    /AdamW: weightDecay is NaN/,
  ],
  ['AdamW clip', () => construct(AdamW, parameters, { gradClip: -1 }), /AdamW: gradClip is -1/],
  ['AdamW lr', () => new AdamW(parameters).step(-1), /step: the learning rate is -1/],
  ['AdamW lr NaN', () => new AdamW(parameters).step(() => Number.NaN), /step: the learning rate is NaN/],
  ['SGD momentum', () => construct(SGD, parameters, { momentum: -1 }), /SGD: momentum is -1/],
  ['clipGradNorm', () => call('clipGradNorm', parameters, Number.NaN), /clipGradNorm: maxNorm is NaN/],
  ['clipGradValue', () => call('clipGradValue', parameters, -1), /clipGradValue: limit is -1/],
  [
    'warm-up',
    () => call('cosineWithWarmup', 0, schedule({ warmupRatio: 2 })),
    /cosineWithWarmup: warmupRatio is 2/,
  ],
  ['no lr', () => call('linearWithWarmup', 0, schedule({ lr: undefined })), /the option 'lr' is missing/],
  ['step -1', () => call('cosineWithWarmup', -1, schedule({})), /cosineWithWarmup: step is -1/],
  ['set', () => x.set(Int32Array.of(1, 2)), /set: 2 values of a Int32Array for a tensor of shape \(2\) f32/],
  ['set integers', () => integers.set([0.5, 2 ** 31]), /set: 2147483648 at 1 does not fit i32/],
  ['set texts', () => Reflect.apply(x.set, x, [['a', 'b']]), /set: the value at 0 is "a"/],
];

const schedule = (changed: object): object => ({
  totalSteps: 4,
  warmupRatio: 0,
  lr: 1,
  minLr: 0,
  ...changed,
});

const SHAPES: readonly Refusal[] = [[-2, -2], [1.5], [Number.NaN], 3, [1, 1, 1, 1, 1, 1, 1], ['2']].flatMap(
  (shape): Refusal[] => [
    ...['zeros', 'ones'].map(
      (name): Refusal => [`${name} ${shape}`, () => call(name, device, shape), new RegExp(`^${name}: `)],
    ),
    [`full ${shape}`, () => call('full', device, shape, 1), /^full: /],
    [`tensor ${shape}`, () => call('tensor', device, [1, 2, 3, 4], { shape }), /^tensor: /],
    [`rand ${shape}`, () => call('rand', device, shape, { generator }), /^rand: /],
    [`randint ${shape}`, () => call('randint', device, shape, 0, 2, { generator }), /^randint: /],
    [`reshape ${shape}`, () => call('reshape', x, shape), /^reshape: /],
    [`expand ${shape}`, () => call('expand', tensor(device, [1]), shape), /^expand: /],

    [
      `Parameters ${shape}`,
      () => construct(Parameters, device, new Map([['w', shape]])),
      /^Parameters: 'w': /,
    ],
  ],
);

const STATICS: readonly Refusal[] = [[-2], [1.5], [Number.NaN], 3].map((shape) => [
  `Tensor.from ${shape}`,
  () => Reflect.apply(Tensor.from, Tensor, [device, [1], shape]),
  /^Tensor.from: /,
]);

const ASYNC: readonly Refusal[] = [
  ...['noGrad', 'enableGrad'].flatMap((name): Refusal[] => [
    [`${name} async`, () => call(name, async () => x), new RegExp(`^${name}: the function is async`)],
    [
      `${name} promise`,
      () => call(name, () => x.data()),
      new RegExp(`^${name}: the function returned a Promise`),
    ],
  ]),
  ['grad', () => call('grad', async () => x), /grad: the function is async/],
  [
    'valueAndGrad',
    () => (call('valueAndGrad', () => x.data()) as (x: unknown) => unknown)(x),
    /^grad: the function returned a Promise/,
  ],
  ['checkpoint', () => call('checkpoint', async () => x, [x]), /checkpoint: the function is async/],
  [
    'capture',
    () => (call('capture', device, async () => x) as () => unknown)(),
    /capture: the function is async/,
  ],
  [
    'capture',
    () => (call('capture', device, () => Promise.resolve(x)) as () => unknown)(),
    /returned a Promise/,
  ],
  [
    'customGradient',
    () => call('customGradient', { name: 'mine', forward: async () => x, backward: () => [] }),
    /mine: the function is async/,
  ],
];

describe.each([
  ['options', OPTIONS],
  ['numbers', NUMBERS],
  ['shapes', SHAPES],
  ['shapes of statics', STATICS],
  ['async functions', ASYNC],
])('%s', (_, refusals) => {
  test.each(refusals)('%s is refused', (_name, refused, message) => {
    expect(refused).toThrow(message);
    expect(refused).toThrow(MathformerError);
  });
});

test('what was refused left gradients on, and a rejected promise does not end the process', () => {
  expect(() => call('noGrad', () => Promise.reject(new Error('lost')))).toThrow(/Promise/);
  expect(() => call('noGrad', async () => x)).toThrow(/async/);
  expect(engine.square(tensor(device, [1], { requiresGrad: true })).requiresGrad).toBe(true);
});

test('a device is not opened with options that do not exist', async () => {
  await expect(Reflect.apply(openBest, undefined, [{ adaptor: 'x' }])).rejects.toThrow(
    /did you mean 'adapter'/,
  );
  await expect(Reflect.apply(openBest, undefined, [{ memoryLimit: '1G' }])).rejects.toThrow(
    /memoryLimit is "1G"/,
  );
  await expect(Reflect.apply(Device.open, Device, [{}, { debugs: true }])).rejects.toThrow(
    /did you mean 'debug'/,
  );
});

test('limits of what fits are values', async () => {
  const full = (value: number, dtype: engine.DType) => engine.full(device, [1], value, { dtype }).item();
  expect(await full(-(2 ** 31), 'i32')).toBe(-(2 ** 31));
  expect(await full(2 ** 31 - 1, 'i32')).toBe(2 ** 31 - 1);
  expect(await full(2 ** 32 - 1, 'u32')).toBe(2 ** 32 - 1);
  expect(await full(Number.NaN, 'bool')).toBe(1);
});

test('values are replaced by plain numbers of any dtype', async () => {
  const y = tensor(device, [1, 2]);
  y.set([10, 20.5]);
  expect([...(await y.data())]).toEqual([10, 20.5]);
  const flags = tensor(device, [true, false]);
  flags.set([0, 5]);
  expect([...(await flags.data())]).toEqual([0, 1]);
});

test('parameters of another layout are not taken over', () => {
  const other = new Parameters(device, new Map([['v', [2]]]));
  expect(() => parameters.copyFrom(other)).toThrow(/copyFrom: the names or shapes of the parameters differ/);
});
