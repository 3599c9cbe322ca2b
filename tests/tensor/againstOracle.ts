/** Run a computation on the GPU and in the float64 reference, forward and backward, and compare every number. */
import type { Device } from '../../src/gpu/device.ts';
import { backward, type Shape, Tensor, type TensorData } from '../../src/tensor/index.ts';
import { type Array64, add, array, mul, backward as oracleBackward, sizeOf, sum } from '../oracle/array.ts';
import { expectClose, finiteDifference, type Tolerance } from '../oracle/compare.ts';
import { normals } from '../oracle/random.ts';

export interface Operand {
  /** Float32 values, or indices, or booleans; only the first kind has a gradient. */
  readonly values: TensorData | readonly boolean[];
  readonly shape: Shape;
  /** True if the operand requires no gradient. */
  readonly constant?: boolean;
}

/** An operand of float32 values. */
export interface FloatOperand extends Operand {
  readonly values: Float32Array<ArrayBuffer>;
}

/** `Result` is a promise for ops that read the size of their result back. */
export interface Computation<Result = Tensor | readonly Tensor[]> {
  readonly inputs: readonly Operand[];
  readonly gpu: (inputs: readonly Tensor[]) => Result;
  readonly oracle: (inputs: readonly Array64[]) => Array64 | readonly Array64[];
  /** Tolerance of the results. Default: that of PyTorch for float32. */
  readonly forward?: Tolerance;
  /** Tolerance of the gradient of each input. */
  readonly gradient?: (input: number) => Tolerance;
  /** Updated with the largest errors. */
  readonly worst?: WorstErrors;
}

/** Largest |actual − expected| / max(1, |expected|) of results and of gradients. */
export interface WorstErrors {
  result: number;
  gradient: number;
}

function worstError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const [x = 0, y = 0] = [actual[i], expected[i]];
    if (Number.isFinite(y)) worst = Math.max(worst, Math.abs(x - y) / Math.max(1, Math.abs(y)));
  }
  return worst;
}

/** Return normally distributed values of a shape. */
export function random(shape: Shape, seed: number, mean = 0, std = 1): FloatOperand {
  return { values: Float32Array.from(normals(seed, sizeOf(shape), mean, std)), shape };
}

/**
 * Return the tolerance of an f32 sum of `length` terms of size `magnitude`. Its partial sums reach √length·magnitude; their
 * rounding errors add up to about √length·√length·2⁻²⁵·magnitude. PyTorch's 1e-5 covers this up to length 16.
 */
export function summed(length: number, magnitude = 1): Tolerance {
  return { atol: 1e-5 * Math.max(1, (Math.sqrt(length) / 4) * magnitude) };
}

const isConstant = ({ values, constant }: Operand): boolean =>
  constant === true || !(values instanceof Float32Array);

const listOf = <T>(value: T | readonly T[]): readonly T[] =>
  Array.isArray(value) ? (value as readonly T[]) : [value as T];

/** Expect results, and gradients of random weightings of the results, to agree with the reference. */
export async function expectSameAsOracle(
  device: Device,
  computation: Computation<Tensor | readonly Tensor[] | Promise<Tensor>>,
): Promise<void> {
  using _ = device.scope();
  const { inputs, forward, gradient, worst } = computation;
  const leaves = inputs.map((input) => {
    const leaf = Tensor.from(device, input.values, input.shape);
    return isConstant(input) ? leaf : leaf.requireGrad();
  });
  const references = inputs.map((input) =>
    array(Array.from(input.values, Number), input.shape, !isConstant(input)),
  );
  const outputs = listOf(await computation.gpu(leaves));
  const expected = listOf(computation.oracle(references));
  const seeds = expected.map(({ size }, i) => Float32Array.from(normals(1000 + i, size)));
  for (const [i, output] of outputs.entries()) {
    const { shape, data } = expected[i] as Array64;
    if (`${output.shape}` !== `${shape}`) throw new Error(`output ${i}: shape ${output.shape}, not ${shape}`);
    const values = await output.data();
    expectClose(values, data, { ...forward, label: `output ${i}` });
    if (worst) worst.result = Math.max(worst.result, worstError(values, data));
    if (output.requiresGrad)
      backward(output, Tensor.from(device, seeds[i] as Float32Array<ArrayBuffer>, shape));
  }
  if (references.every(({ requiresGrad }) => !requiresGrad)) return;
  const weighted = expected.map((output, i) => sum(mul(output, array(seeds[i] ?? [], output.shape))));
  const objective = weighted.reduce(add);
  if (objective.requiresGrad) oracleBackward(objective);
  for (const [i, input] of inputs.entries()) {
    const { shape } = input;
    const actual = await leaves[i]?.grad?.data();
    if (isConstant(input)) {
      if (actual) throw new Error(`input ${i} got a gradient without requiring one`);
      continue;
    }
    const wanted = references[i]?.grad ?? new Float64Array(sizeOf(shape));
    const found = actual ?? new Float32Array(sizeOf(shape));
    expectClose(found, wanted, { ...gradient?.(i), label: `gradient of input ${i}` });
    if (worst) worst.gradient = Math.max(worst.gradient, worstError(found, wanted));
  }
}

/** Σ w·f with fixed random weights w, over all elements of all results. */
function weightedSum(results: readonly ArrayLike<number>[]): number {
  return results.reduce((total, values, i) => {
    const weights = normals(77 + i, values.length);
    for (let k = 0; k < values.length; k++) total += (values[k] ?? 0) * (weights[k] ?? 0);
    return total;
  }, 0);
}

/** Central differences of Σ w·f(inputs), from the GPU's own f32 results, by every element of input `which`. */
async function numericGradient(
  device: Device,
  f: (inputs: readonly Tensor[]) => Tensor | readonly Tensor[],
  inputs: readonly Operand[],
  which: number,
  eps: number,
): Promise<Float64Array> {
  const constants = inputs.map(({ values, shape }) => Tensor.from(device, values, shape));
  const values = Float64Array.from(inputs[which]?.values ?? [], Number);
  // All probes are launched first and read afterwards: finiteDifference wants its values at once.
  const probes: (readonly Tensor[])[] = [];
  const probe = (x: Float64Array): number => {
    const moved = Tensor.from(device, Float32Array.from(x), inputs[which]?.shape);
    probes.push(listOf(f(constants.map((constant, i) => (i === which ? moved : constant)))));
    return 0;
  };
  finiteDifference(probe, values, eps);
  const objectives: number[] = [];
  for (const results of probes) {
    objectives.push(weightedSum(await Promise.all(results.map((result) => result.data()))));
  }
  return finiteDifference(() => objectives.shift() ?? Number.NaN, values, eps);
}

/**
 * Expect the gradient of Σ w·f(inputs) to agree with central differences of the GPU's own f32 results, without a second
 * implementation. The error of the differences is about eps²·f‴/6 + 2⁻²⁴·|f|/eps, hence eps near 1e-2.
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
  backward(output, Tensor.from(device, normals(77, output.size), output.shape));
  for (const which of inputs.keys()) {
    const numeric = await numericGradient(device, f, inputs, which, eps);
    const analytic = (await leaves[which]?.grad?.data()) ?? [];
    expectClose(analytic, numeric, { rtol, atol, label: `gradient of input ${which}` });
  }
}

/** Expect the reference's float64 gradient to agree with central differences of the GPU's f32 results. */
export async function expectOracleDifferences(
  device: Device,
  { inputs, gpu, oracle, eps = 1e-2 }: Computation & { readonly eps?: number },
): Promise<void> {
  using _ = device.scope();
  const references = inputs.map((input) =>
    array(Array.from(input.values, Number), input.shape, !isConstant(input)),
  );
  const results = listOf(oracle(references)).map((y, i) =>
    sum(mul(y, array(normals(77 + i, y.size), y.shape))),
  );
  oracleBackward(results.reduce(add));
  for (const [which, input] of inputs.entries()) {
    if (isConstant(input)) continue;
    const numeric = await numericGradient(device, gpu, inputs, which, eps);
    const analytic = references[which]?.grad ?? new Float64Array(sizeOf(input.shape));
    expectClose(numeric, analytic, { rtol: 1e-2, atol: 5e-3, label: `gradient of input ${which}` });
  }
}
