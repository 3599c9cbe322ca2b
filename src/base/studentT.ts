/** Student's t: intervals and tests for means of a few values, such as one of each seed. */
import { ArgumentError } from './arguments.ts';
import { exp, log } from './elementary.ts';
import type { Interval } from './statistics.ts';

/** The difference of two means, with its 95 % interval and the two-sided p of no difference. */
export interface TTest extends Interval {
  readonly p: number;
}

/**
 * Return the two-sided probability of a t at least this far from 0.
 * @param degrees of freedom, ≥ 1; they need not be an integer.
 */
export function studentP(t: number, degrees: number): number {
  // Abramowitz and Stegun 26.7.1, with both parts of 1, since one may be tiny.
  const square = t * t;
  const all = degrees + square;
  return incompleteBeta({ x: degrees / all, rest: square / all, a: degrees / 2, b: 0.5 });
}

/** The 95 % point of the normal distribution, rounded down. Student's are above. */
const LEAST_T95 = 1.9599;

/** Return the t that is exceeded on both sides together with a probability of 5 %. @param degrees of freedom, ≥ 1. */
export function studentT95(degrees: number): number {
  const scale = (2 * exp(-logBeta(degrees / 2, 0.5))) / Math.sqrt(degrees);
  let t = LEAST_T95;
  // Newton's method: the tails are convex, so that it comes from below.
  for (let i = 0; i < 20; i++) {
    const density = scale * exp((-(degrees + 1) / 2) * log(1 + (t * t) / degrees));
    const step = (studentP(t, degrees) - 0.05) / density;
    t += step;
    if (Math.abs(step) < 1e-14 * t) break;
  }
  return t;
}

/** Return the mean of values with its 95 % interval. @throws ArgumentError for fewer than two. */
export function tInterval(values: readonly number[]): Interval {
  const { mean, variance, count } = momentsOf('values', values);
  const halfWidth = studentT95(count - 1) * Math.sqrt(variance / count);
  return { estimate: mean, low: mean - halfWidth, high: mean + halfWidth };
}

/**
 * Compare paired values: second − first. @throws ArgumentError unless both have the same number of values, at least two.
 */
export function pairedTTest(first: readonly number[], second: readonly number[]): TTest {
  if (first.length !== second.length) {
    throw new ArgumentError('pairedTTest', `got ${first.length} and ${second.length} values`, 'give pairs');
  }
  const { mean, variance, count } = momentsOf(
    'pairs',
    second.map((value, i) => value - (first[i] ?? 0)),
  );
  return testOf(mean, Math.sqrt(variance / count), count - 1);
}

/**
 * Compare independent values whose variances may differ: second − first (Welch 1947).
 * @throws ArgumentError for fewer than two values of one.
 */
export function welchTTest(first: readonly number[], second: readonly number[]): TTest {
  const [a, b] = [momentsOf('first', first), momentsOf('second', second)];
  const [errorA, errorB] = [a.variance / a.count, b.variance / b.count];
  const error = errorA + errorB;
  const degrees =
    error === 0
      ? a.count + b.count - 2
      : (error * error) / ((errorA * errorA) / (a.count - 1) + (errorB * errorB) / (b.count - 1));
  return testOf(b.mean - a.mean, Math.sqrt(error), degrees);
}

function testOf(estimate: number, standardError: number, degrees: number): TTest {
  const halfWidth = studentT95(degrees) * standardError;
  const p = standardError === 0 ? Number(estimate === 0) : studentP(estimate / standardError, degrees);
  return { estimate, low: estimate - halfWidth, high: estimate + halfWidth, p };
}

/**
 * Correct the p of several tests, so that the probability of any false finding among them stays below the level (Holm 1979).
 * Returns them in the same order.
 */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((p, at) => ({ p, at })).toSorted((a, b) => a.p - b.p);
  const corrected = new Array<number>(ps.length);
  let most = 0;
  for (const [rank, { p, at }] of order.entries()) {
    most = Math.max(most, Math.min(1, (ps.length - rank) * p));
    corrected[at] = most;
  }
  return corrected;
}

function momentsOf(what: string, values: readonly number[]) {
  const count = values.length;
  if (count < 2) throw new ArgumentError(what, `there are ${count}`, 'give at least two');
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) * (value - mean), 0);
  return { count, mean, variance: squares / (count - 1) };
}

/** Arguments of I_x(a, b), with 1 − x. */
interface BetaArguments {
  readonly x: number;
  readonly rest: number;
  readonly a: number;
  readonly b: number;
}

/** The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22). */
function incompleteBeta({ x, rest, a, b }: BetaArguments): number {
  if (x === 0 || rest === 0) return rest === 0 ? 1 : 0;
  // The fraction converges fast on one side of the mean only.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta({ x: rest, rest: x, a: b, b: a });
  return (exp(a * log(x) + b * log(rest) - logBeta(a, b)) / a) * betaFraction(x, a, b);
}

/** Return ln B(a, b). */
const logBeta = (a: number, b: number): number => logGamma(a) + logGamma(b) - logGamma(a + b);

/** Smallest value of a denominator in Lentz's method. */
const TINY = 1e-300;
const MOST_TERMS = 500;

/** The continued fraction of the incomplete beta function, evaluated by the modified Lentz method (Thompson and Barnett 1986). */
function betaFraction(x: number, a: number, b: number): number {
  const nonZero = (value: number): number => (Math.abs(value) < TINY ? TINY : value);
  let c = 1;
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= MOST_TERMS; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    for (const term of [even, odd]) {
      d = 1 / nonZero(1 + term * d);
      c = nonZero(1 + term / c);
      fraction *= c * d;
    }
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return fraction;
}

/** Stirling's series for ln Γ: B₂ₖ / (2k·(2k − 1)) (DLMF 5.11.1). */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360_360, 1 / 156];
/** From here on Stirling's series has all digits. */
const LARGE = 15;

/** Return ln Γ(x) for x > 0. */
function logGamma(x: number): number {
  let product = 1;
  let large = x;
  for (; large < LARGE; large++) product *= large;
  // Horner's scheme in 1/x².
  const series = STIRLING.reduceRight((sum, coefficient) => sum / (large * large) + coefficient, 0) / large;
  return (large - 0.5) * log(large) - large + log(2 * Math.PI) / 2 + series - log(product);
}
