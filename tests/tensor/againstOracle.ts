/** Runs one computation on the GPU and in the float64 reference, forward and backward, and compares every number. */
import type { Device } from '../../src/gpu/device.ts';
import { backward, type Shape, Tensor } from '../../src/tensor/index.ts';
import { type Array64, add, array, mul, backward as oracleBackward, sizeOf, sum } from '../oracle/array.ts';
import { expectClose, finiteDifference, type Tolerance } from '../oracle/compare.ts';
import { normals } from '../oracle/random.ts';

export interface Operand {
  readonly values: Float32Array<ArrayBuffer>;
  readonly shape: Shape;
  /** No gradient is asked for. */
  readonly constant?: boolean;
}

export interface Computation {
  readonly inputs: readonly Operand[];
  readonly gpu: (inputs: readonly Tensor[]) => Tensor | readonly Tensor[];
  readonly oracle: (inputs: readonly Array64[]) => Array64 | readonly Array64[];
  /** Of the results; PyTorch's float32 defaults unless given. */
  readonly forward?: Tolerance;
  /** Of the gradient of each input. */
  readonly gradient?: (input: number) => Tolerance;
}

/** Normally distributed values of a shape. */
export function random(shape: Shape, seed: number, mean = 0, std = 1): Operand {
  return { values: Float32Array.from(normals(seed, sizeOf(shape), mean, std)), shape };
}

/**
 * Tolerance of an f32 sum of `length` terms of size `magnitude`: the rounding errors of its partial sums, which reach
 * √length·magnitude, add up to about √length·√length·2⁻²⁵·magnitude; PyTorch's 1e-5 covers that up to length 16.
 */
export function summed(length: number, magnitude = 1): Tolerance {
  return { atol: 1e-5 * Math.max(1, (Math.sqrt(length) / 4) * magnitude) };
}

const listOf = <T>(value: T | readonly T[]): readonly T[] =>
  Array.isArray(value) ? (value as readonly T[]) : [value as T];

/** Fails unless results, and gradients of random weightings of the results, agree with the reference. */
export async function expectSameAsOracle(device: Device, computation: Computation): Promise<void> {
  using _ = device.scope();
  const { inputs, forward, gradient } = computation;
  const leaves = inputs.map(({ values, shape, constant }) => {
    const leaf = Tensor.from(device, values, shape);
    return constant ? leaf : leaf.requireGrad();
  });
  const references = inputs.map(({ values, shape, constant }) => array(values, shape, !constant));
  const outputs = listOf(computation.gpu(leaves));
  const expected = listOf(computation.oracle(references));
  const seeds = expected.map(({ size }, i) => Float32Array.from(normals(1000 + i, size)));
  for (const [i, output] of outputs.entries()) {
    const { shape, data } = expected[i] as Array64;
    if (`${output.shape}` !== `${shape}`) throw new Error(`output ${i}: shape ${output.shape}, not ${shape}`);
    expectClose(await output.data(), data, { ...forward, label: `output ${i}` });
    if (output.requiresGrad)
      backward(output, Tensor.from(device, seeds[i] as Float32Array<ArrayBuffer>, shape));
  }
  if (references.every(({ requiresGrad }) => !requiresGrad)) return;
  const weighted = expected.map((output, i) => sum(mul(output, array(seeds[i] ?? [], output.shape))));
  const objective = weighted.reduce(add);
  if (objective.requiresGrad) oracleBackward(objective);
  for (const [i, { constant, shape }] of inputs.entries()) {
    const actual = await leaves[i]?.grad?.data();
    if (constant) {
      if (actual) throw new Error(`input ${i} got a gradient without requiring one`);
      continue;
    }
    const wanted = references[i]?.grad ?? new Float64Array(sizeOf(shape));
    expectClose(actual ?? new Float32Array(sizeOf(shape)), wanted, {
      ...gradient?.(i),
      label: `gradient of input ${i}`,
    });
  }
}

/**
 * Fails unless the gradient of Σ w·f(inputs) agrees with central differences of the GPU's own f32 results: a check
 * that needs no second implementation. Its error is about eps²·f‴/6 + 2⁻²⁴·|f|/eps, hence eps near 1e-2.
 */
export async function expectFiniteDifferences(
  device: Device,
  f: (inputs: readonly Tensor[]) => Tensor,
  inputs: readonly Operand[],
  { eps = 1e-2, rtol = 1e-2, atol = 5e-3 }: Tolerance & { readonly eps?: number } = {},
): Promise<void> {
  using _ = device.scope();
  const leaves = inputs.map(({ values, shape }) => Tensor.from(device, values, shape).requireGrad());
  const output = f(leaves);
  const weights = Float32Array.from(normals(77, output.size));
  backward(output, Tensor.from(device, weights, output.shape));
  for (const [which, { values, shape }] of inputs.entries()) {
    // All probes are launched first and read afterwards: finiteDifference wants its values at once.
    const probes: Tensor[] = [];
    const probe = (x: Float64Array): number => {
      const moved = Tensor.from(device, Float32Array.from(x), shape);
      probes.push(f(leaves.map((leaf, i) => (i === which ? moved : leaf.detach()))));
      return 0;
    };
    finiteDifference(probe, Float64Array.from(values), eps);
    const objectives: number[] = [];
    for (const result of probes) {
      const data = Array.from(await result.data());
      objectives.push(data.reduce((total, y, i) => total + y * (weights[i] ?? 0), 0));
    }
    const numeric = finiteDifference(() => objectives.shift() ?? Number.NaN, Float64Array.from(values), eps);
    const analytic = (await leaves[which]?.grad?.data()) ?? [];
    expectClose(analytic, numeric, { rtol, atol, label: `gradient of input ${which}` });
  }
}
