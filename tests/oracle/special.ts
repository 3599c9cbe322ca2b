/**
 * erf and erfc to double precision (relative error below 1e-14 down to the smallest normal results).
 *
 * For erf below 2.5 the all-positive series erf x = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!! (Abramowitz & Stegun 7.1.6),
 * which cannot cancel. Above it, and for erfc from 1, the continued fraction (7.1.14), evaluated from the tail.
 */

/** Above this, erf x is 1 minus something so small that its own rounding no longer matters. */
const SERIES_LIMIT = 2.5;
/** Below this, 1 − erf x loses less than one digit. */
const COMPLEMENT_LIMIT = 1;

export function erf(x: number): number {
  const z = Math.abs(x);
  const value = z < SERIES_LIMIT ? series(z) : 1 - continuedFraction(z);
  return x < 0 ? -value : value;
}

/** 1 − erf(x) without cancellation for large positive x. */
export function erfc(x: number): number {
  if (x < COMPLEMENT_LIMIT) return 1 - erf(x);
  return continuedFraction(x);
}

function series(z: number): number {
  let term = z;
  let sum = z;
  for (let n = 1; term > sum * 1e-18; n++) {
    term *= (2 * z * z) / (2 * n + 1);
    sum += term;
  }
  return Number.isNaN(z) ? Number.NaN : (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
}

/** erfc z = e^(−z²)/√π · 1/(z + (1/2)/(z + 1/(z + (3/2)/(z + …)))). 400 levels suffice from 1 upwards. */
function continuedFraction(z: number): number {
  if (z === Number.POSITIVE_INFINITY) return 0;
  let denominator = z;
  for (let n = 400; n > 0; n--) denominator = z + n / 2 / denominator;
  return Math.exp(-z * z) / Math.sqrt(Math.PI) / denominator;
}
