/** Cases of matrix products: in layers, plain, with a transposed operand, and batched. */
import { backward, linear, matmul, Parameters, transpose } from '../../src/tensor/index.ts';
import { activation, type KernelCase, randomTensors, WORD } from '../kernelCase.ts';

const work = (M: number, K: number, N: number) => ({
  shape: `${M}×${K}×${N}`,
  flops: 2 * M * K * N,
  bytes: WORD * (M * K + K * N + M * N),
});

/** y (M,N) = x (M,K)·Wᵀ + b, and only the gradient of W and b, which is accumulated. */
export function layerCases(M: number, K: number, N: number): KernelCase[] {
  const { shape, flops, bytes } = work(M, K, N);
  return [
    {
      kernel: 'linear forward',
      ...{ shape, flops, bytes },
      prepare: (device) => {
        const random = randomTensors(device);
        const [x, weight, bias] = [random(M, K), random(N, K), random(N)];
        return () => linear(x, weight, bias); // the transposed weight is cached by the first run
      },
    },
    {
      kernel: 'linear weight gradient, AᵀB',
      ...{ shape, flops },
      bytes: bytes + WORD * K * N,
      prepare: (device) => {
        const random = randomTensors(device);
        const [x, dy] = [random(M, K), random(M, N)];
        const shapes = { weight: [N, K], bias: [N] };
        const parameters = new Parameters(device, new Map(Object.entries(shapes)));
        // Computed once. Its backward pass yields no other gradient, as x needs none.
        const y = linear(x, parameters.get('weight'), parameters.get('bias'));
        return () => backward(y, dy);
      },
    },
  ];
}

/** (M,K)·(K,N), which is also the gradient of a layer's input. */
export function productCase(M: number, K: number, N: number): KernelCase {
  return {
    kernel: 'matmul, AB',
    ...work(M, K, N),
    prepare: (device) => {
      const random = randomTensors(device);
      const [a, b] = [random(M, K), random(K, N)];
      return () => matmul(a, b);
    },
  };
}

/** (M,K) times the transpose of (N,K). It is transposed in every run, as a weight is after each update. */
export function transposedCase(M: number, K: number, N: number): KernelCase {
  return {
    kernel: 'matmul, ABᵀ',
    ...work(M, K, N),
    prepare: (device) => {
      const random = randomTensors(device);
      const [a, b] = [random(M, K), random(N, K)];
      return () => matmul(a, transpose(b));
    },
  };
}

/** `batches` products in one batch, without and with the gradients of both operands. */
export function batchedCases(batches: number, M: number, K: number, N: number): KernelCase[] {
  const one = work(M, K, N);
  const shape = `${batches} of ${one.shape}`;
  return [
    {
      kernel: 'batched matmul',
      shape,
      flops: batches * one.flops,
      bytes: batches * one.bytes,
      prepare: (device) => {
        const random = randomTensors(device);
        const [a, b] = [random(batches, M, K), random(batches, K, N)];
        return () => matmul(a, b);
      },
    },
    {
      kernel: 'batched matmul forward and backward',
      shape,
      flops: 3 * batches * one.flops,
      // Both operands twice and their gradients; the result and its gradient.
      bytes: batches * WORD * (3 * (M * K + K * N) + 2 * M * N),
      prepare: (device) => {
        const random = randomTensors(device);
        const [a, b] = [activation(random(batches, M, K)), activation(random(batches, K, N))];
        const dy = random(batches, M, N);
        return () => backward(matmul(a, b), dy);
      },
    },
  ];
}
