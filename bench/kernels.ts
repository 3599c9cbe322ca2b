/** The kernels that training spends its time in, on the shapes it uses them with. */
import type { Device } from '../src/gpu/device.ts';
import { attentionTileRows } from '../src/kernels/attention.ts';
import {
  AdamW,
  attention,
  backward,
  Generator,
  layerNorm,
  linear,
  logSoftmaxGather,
  matmul,
  noGrad,
  Packing,
  Parameters,
  randint,
  randn,
  type Shape,
  softmax,
  type Tensor,
} from '../src/tensor/index.ts';
import type { KernelCase } from './measure.ts';

const FLOAT = 4;

/** (M, K, N): the layers of tiny and small at 8,192 tokens, a decoding step, and squares. */
const PRODUCTS = [
  [8192, 32, 32],
  [8192, 64, 64],
  [8192, 64, 256],
  [8192, 256, 64],
  [8192, 256, 256],
  [128, 64, 64],
  [128, 256, 256],
  [512, 512, 512],
  [1024, 1024, 1024],
] as const;

export function kernelCases(device: Device): KernelCase[] {
  const generator = new Generator(0);
  // Inputs live as long as the process: the scope of a run must not release them.
  const random = (...shape: Shape): Tensor => randn(device, shape, { generator });
  return [
    ...PRODUCTS.flatMap(([M, K, N]) => productCases(random, M, K, N)),
    ...[64, 256, 1024].flatMap((T) => attentionCases(random, 16_384 / T, T)),
    ...[
      [8192, 64],
      [8192, 256],
    ].flatMap(([R = 0, d = 0]) => rowCases(device, random, R, d)),
    ...logProbabilityCases(device, random, generator, 8192, 57),
    adamwCase(device, 200_000),
  ];
}

type Random = (...shape: Shape) => Tensor;

function productCases(random: Random, M: number, K: number, N: number): KernelCase[] {
  const shape = `${M}×${K}×${N}`;
  const [flops, bytes] = [2 * M * K * N, FLOAT * (M * K + K * N + M * N)];
  const [x, weight, bias, dy] = [random(M, K), random(N, K), random(N), random(M, N)];
  const [left, right] = [random(M, K), random(K, N)];
  const layer = noGrad(() => linear(x, weight, bias)); // its transposed weight is kept
  layer.device.flush();
  const trained = random(N, K).requireGrad();
  return [
    { kernel: 'linear forward', shape, flops, bytes, run: () => linear(x, weight, bias) },
    {
      kernel: 'linear forward and weight gradient',
      shape,
      flops: 2 * flops,
      bytes: 2 * bytes,
      run: () => backward(linear(x, trained), dy),
    },
    { kernel: 'matmul', shape, flops, bytes, run: () => matmul(left, right) },
  ];
}

/** B sequences of T tokens, four heads of 16. */
function attentionCases(random: Random, B: number, T: number): KernelCase[] {
  const [heads, headDim] = [4, 16];
  const d = heads * headDim;
  const R = B * T;
  const shape = `${B}×${T}, ${heads} heads of ${headDim}`;
  // Two products over the lower triangle forward, five backward.
  const product = B * heads * T * (T + 1) * headDim;
  const packing = new Packing(Array.from({ length: B }, () => T));
  const [qkv, slopes, dOut] = [random(R, 3 * d), random(heads), random(R, d)];
  packing.tiles(qkv.device, attentionTileRows(qkv.device, headDim)); // uploaded once, outside of the runs' scopes
  const trained = random(R, 3 * d).requireGrad();
  return [
    {
      kernel: 'attention forward',
      shape,
      flops: 2 * product,
      bytes: FLOAT * R * 4 * d,
      run: () => attention(qkv, packing, slopes),
    },
    {
      kernel: 'attention forward and backward',
      shape,
      flops: 7 * product,
      bytes: FLOAT * R * 12 * d,
      run: () => backward(attention(trained, packing, slopes), dOut),
    },
  ];
}

function rowCases(device: Device, random: Random, R: number, d: number): KernelCase[] {
  const shape = `${R}×${d}`;
  const bytes = FLOAT * R * d;
  const [x, weight, bias, dy] = [random(R, d), random(d), random(d), random(R, d)];
  const parameters = new Parameters(
    device,
    new Map([
      ['weight', [d]],
      ['bias', [d]],
    ]),
  );
  const trained = random(R, d).requireGrad();
  return [
    { kernel: 'layerNorm forward', shape, flops: 0, bytes: 2 * bytes, run: () => layerNorm(x, weight, bias) },
    {
      kernel: 'layerNorm forward and backward',
      shape,
      flops: 0,
      bytes: 7 * bytes,
      run: () => backward(layerNorm(trained, parameters.get('weight'), parameters.get('bias')), dy),
    },
    { kernel: 'softmax forward', shape, flops: 0, bytes: 2 * bytes, run: () => softmax(x) },
  ];
}

function logProbabilityCases(
  device: Device,
  random: Random,
  generator: Generator,
  R: number,
  V: number,
): KernelCase[] {
  const shape = `${R}×${V}`;
  const bytes = FLOAT * R * V;
  const ids = randint(device, [R], 0, V, { generator, dtype: 'u32' });
  const [logits, dLogp] = [random(R, V), random(R)];
  const trained = random(R, V).requireGrad();
  return [
    { kernel: 'logSoftmaxGather forward', shape, flops: 0, bytes, run: () => logSoftmaxGather(logits, ids) },
    {
      kernel: 'logSoftmaxGather forward and backward',
      shape,
      flops: 0,
      bytes: 3 * bytes,
      run: () => backward(logSoftmaxGather(trained, ids).logp, dLogp),
    },
  ];
}

function adamwCase(device: Device, count: number): KernelCase {
  const optimizer = new AdamW(new Parameters(device, new Map([['all', [count]]])), { gradClip: 1 });
  // Reads weight, gradient (twice, for its norm), m and v; writes three of them.
  return {
    kernel: 'AdamW with clipping',
    shape: `${count}`,
    flops: 0,
    bytes: FLOAT * 8 * count,
    run: () => optimizer.step(1e-3),
  };
}
