/** Comparing numbers in tests: closeness as PyTorch defines it, and gradients against finite differences. */
import { type Array64, array, gradients, mul, parameter, sum } from './array.ts';
import { normals } from './random.ts';

export interface Tolerance {
  /** Allowed error relative to the expected value. PyTorch's float32 default. */
  readonly rtol?: number;
  /** Allowed absolute error. PyTorch's float32 default. */
  readonly atol?: number;
  /** Named in the failure. */
  readonly label?: string;
  /** True if NaN equals NaN. Default: false, as in PyTorch. */
  readonly equalNaN?: boolean;
}

/**
 * Fails unless |actual − expected| ≤ atol + rtol·|expected| for every element; equal infinities are equal.
 * The message names the element that exceeds its tolerance most.
 */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol = 1.3e-6, atol = 1e-5, label = 'values', equalNaN = false }: Tolerance = {},
): void {
  if (actual.length !== expected.length) {
    throw new Error(`${label}: ${actual.length} elements, expected ${expected.length}`);
  }
  let worst = -1;
  let worstExcess = 0;
  let failures = 0;
  for (let i = 0; i < actual.length; i++) {
    const [x, y] = [actual[i], expected[i]];
    if (Object.is(x, y) || x === y) {
      if (!Number.isNaN(x) || equalNaN) continue;
    }
    const allowed = atol + rtol * Math.abs(y);
    const excess =
      Number.isFinite(x) && Number.isFinite(y) ? Math.abs(x - y) - allowed : Number.POSITIVE_INFINITY;
    if (excess <= 0) continue;
    failures += 1;
    if (worst === -1 || excess > worstExcess) [worst, worstExcess] = [i, excess];
  }
  if (failures === 0) return;
  const error = Math.abs(actual[worst] - expected[worst]);
  const relative = error / Math.abs(expected[worst]);
  throw new Error(
    `${label}: ${failures} of ${actual.length} elements differ; worst at index ${worst}: ` +
      `actual ${actual[worst]}, expected ${expected[worst]}, ` +
      `absolute error ${error.toExponential(3)}, relative ${relative.toExponential(3)} (atol ${atol}, rtol ${rtol})`,
  );
}

/** df/dx by central differences, one element at a time. The error is about eps²·f‴/6 + 1e-16·|f|/eps. */
export function finiteDifference(f: (x: Float64Array) => number, x: Float64Array, eps = 1e-5): Float64Array {
  const probe = Float64Array.from(x);
  return Float64Array.from(x, (value, i) => {
    probe[i] = value + eps;
    const above = f(probe);
    probe[i] = value - eps;
    const below = f(probe);
    probe[i] = value;
    return (above - below) / (2 * eps);
  });
}

/**
 * Fails unless the reverse-mode gradient of Σ w·f(inputs), with fixed random w, agrees with finite differences in
 * every element of every input.
 */
export function gradCheck(
  f: (inputs: readonly Array64[]) => Array64,
  inputs: readonly Array64[],
  { eps = 1e-5, rtol = 1e-6, atol = 1e-8, label = 'gradient' }: Tolerance & { readonly eps?: number } = {},
): void {
  const shape = f(inputs).shape;
  const weights = array(normals(7, f(inputs).size), shape);
  const objective = (values: readonly Array64[]): Array64 => sum(mul(f(values), weights));
  const leaves = inputs.map((input) => parameter(input.data, input.shape));
  const analytic = gradients(objective(leaves), leaves);
  inputs.forEach((input, which) => {
    const at = (x: Float64Array): number =>
      objective(inputs.map((other, i) => (i === which ? array(x, input.shape) : other.detach()))).item();
    const numeric = finiteDifference(at, input.data, eps);
    expectClose(analytic[which], numeric, { rtol, atol, label: `${label} (input ${which})` });
  });
}
