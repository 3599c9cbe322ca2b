/** Cases of ops on rows: normalisation, softmax, log-probabilities, activations, sums. Bytes limit them. */
import {
  add,
  backward,
  Generator,
  gelu,
  layerNorm,
  logSoftmaxGather,
  Parameters,
  randint,
  softmax,
  sum,
} from '../../src/tensor/index.ts';
import { activation, type KernelCase, randomTensors, WORD } from '../kernelCase.ts';

export function layerNormCases(R: number, d: number): KernelCase[] {
  const shape = `${R}×${d}`;
  const bytes = WORD * R * d;
  return [
    {
      kernel: 'layerNorm forward',
      ...{ shape, flops: 0, bytes: 2 * bytes },
      prepare: (device) => {
        const random = randomTensors(device);
        const [x, weight, bias] = [random(R, d), random(d), random(d)];
        return () => layerNorm(x, weight, bias);
      },
    },
    {
      kernel: 'layerNorm forward and backward',
      ...{ shape, flops: 0, bytes: 5 * bytes },
      prepare: (device) => {
        const random = randomTensors(device);
        const [x, dy] = [activation(random(R, d)), random(R, d)];
        const shapes = { weight: [d], bias: [d] };
        const parameters = new Parameters(device, new Map(Object.entries(shapes)));
        return () => backward(layerNorm(x, parameters.get('weight'), parameters.get('bias')), dy);
      },
    },
  ];
}

export function softmaxCase(R: number, d: number): KernelCase {
  return {
    kernel: 'softmax forward',
    shape: `${R}×${d}`,
    flops: 0,
    bytes: 2 * WORD * R * d,
    prepare: (device) => {
      const x = randomTensors(device)(R, d);
      return () => softmax(x);
    },
  };
}

/** Log-probabilities of one of V ids in each of R rows. */
export function logProbabilityCases(R: number, V: number): KernelCase[] {
  const shape = `${R}×${V}`;
  const bytes = WORD * R * V;
  return [
    {
      kernel: 'logSoftmaxGather forward',
      ...{ shape, flops: 0, bytes },
      prepare: (device) => {
        const logits = randomTensors(device)(R, V);
        const ids = randint(device, [R], 0, V, { generator: new Generator(1), dtype: 'u32' });
        return () => logSoftmaxGather(logits, ids);
      },
    },
    {
      kernel: 'logSoftmaxGather forward and backward',
      ...{ shape, flops: 0, bytes: 3 * bytes },
      prepare: (device) => {
        const random = randomTensors(device);
        const [logits, dLogp] = [activation(random(R, V)), random(R)];
        const ids = randint(device, [R], 0, V, { generator: new Generator(1), dtype: 'u32' });
        return () => backward(logSoftmaxGather(logits, ids).logp, dLogp);
      },
    },
  ];
}

export function elementwiseCases(R: number, d: number): KernelCase[] {
  const shape = `${R}×${d}`;
  const bytes = WORD * R * d;
  return [
    {
      kernel: 'add',
      ...{ shape, flops: 0, bytes: 3 * bytes },
      prepare: (device) => {
        const random = randomTensors(device);
        const [x, y] = [random(R, d), random(R, d)];
        return () => add(x, y);
      },
    },
    {
      kernel: 'gelu forward',
      ...{ shape, flops: 0, bytes: 2 * bytes },
      prepare: (device) => {
        const x = randomTensors(device)(R, d);
        return () => gelu(x);
      },
    },
    {
      kernel: 'gelu forward and backward',
      ...{ shape, flops: 0, bytes: 5 * bytes },
      prepare: (device) => {
        const random = randomTensors(device);
        const [x, dy] = [activation(random(R, d)), random(R, d)];
        return () => backward(gelu(x), dy);
      },
    },
  ];
}

/** Sums over R rows, over d columns, and over all. */
export function sumCases(R: number, d: number): KernelCase[] {
  const one = (kernel: string, axes: readonly number[], results: number): KernelCase => ({
    kernel,
    shape: `${R}×${d}`,
    flops: 0,
    bytes: WORD * (R * d + results),
    prepare: (device) => {
      const x = randomTensors(device)(R, d);
      return () => sum(x, { axes });
    },
  });
  return [one('sum of rows', [0], d), one('sum of columns', [1], R), one('sum of all', [0, 1], 1)];
}
