/**
 * Elementary functions with the same bits in every JavaScript engine. ECMAScript leaves the last digits of `Math.exp`, `Math.cos`
 * and `**` to the engine, and engines differ. These use +, −, × and ÷ alone, whose last bit is defined. `log`, `pow` and `cos`
 * compute in pairs of doubles and are correctly rounded but for about one result in 2⁴⁰; `exp` and `expm1`, which run for every
 * token of a step, are off by one unit in the last place at most, `expm1` by three.
 */
import { add, divide, exactSum, multiply, negative, type Pair, scale } from './pair.ts';

const ONE: Pair = [1, 0];
// To 106 bits.
const LN2: Pair = [Math.LN2, 2.3190468138462996e-17];
const HALF_PI: Pair = [1.5707963267948966, 6.123233995736766e-17];

/** Halvings of the argument of `pairExpm1`, and terms of its series. */
const HALVINGS = 8;
const EXP_TERMS = 11;

/** Return e^x − 1 for |x| ≤ 0.35: its Taylor series at x/2⁸, then doubled eight times by e^2y − 1 = p·(p + 2). */
function pairExpm1(x: Pair): Pair {
  const small = scale(x, 2 ** -HALVINGS);
  let sum: Pair = ONE;
  for (let n = EXP_TERMS; n > 1; n--) sum = add(ONE, divide(multiply(small, sum), [n, 0]));
  let p = multiply(small, sum);
  for (let i = 0; i < HALVINGS; i++) p = multiply(p, add(p, [2, 0]));
  return p;
}

/** Powers of two from 2⁻⁵⁵⁰ to 2⁵⁵⁰. */
const POWERS = Float64Array.from({ length: 1101 }, (_, i) => 2 ** (i - 550));

/** Return 2^k·x, for |k| up to 1100. In two steps, as 2^k alone may overflow. */
function timesPowerOfTwo(x: number, k: number): number {
  const half = k >> 1;
  return x * (POWERS[half + 550] ?? 0) * (POWERS[k - half + 550] ?? 0);
}

/** Arguments from which e^x is 0 or ∞. */
const EXP_RANGE = 746;

/** 1/n!, n = 15 … 2: of the Taylor series of (e^r − 1 − r)/r². */
const SERIES = Float64Array.from({ length: 14 }, (_, i) => {
  let factorial = 1;
  for (let n = 2; n <= 15 - i; n++) factorial *= n;
  return 1 / factorial;
});

/** Return (e^r − 1 − r)/r² for |r| ≤ 0.35. */
function expSeries(r: number): number {
  let sum = 0;
  for (let i = 0; i < SERIES.length; i++) sum = sum * r + (SERIES[i] ?? 0);
  return sum;
}

/** ln 2 in two parts: products of the first, which has 32 bits, with exponents are exact. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;

/** Return e^x. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) >= EXP_RANGE) return x > 0 ? Number.POSITIVE_INFINITY : 0;
  const k = Math.round(x / Math.LN2);
  const reduced = x - k * LN2_HIGH;
  const r = reduced - k * LN2_LOW;
  const rest = reduced - r - k * LN2_LOW;
  return timesPowerOfTwo(1 + (r + (rest + r * r * expSeries(r))), k);
}

/** Return e^x − 1, also near 0. */
export function expm1(x: number): number {
  if (Math.abs(x) < 0.35) return x + x * x * expSeries(x);
  return exp(x) - 1;
}

const LOG_TERMS = 21;

/** Return ln x of a positive, finite number: k·ln 2 + 2 artanh((m − 1)/(m + 1)) for x = 2^k·m with √½ ≤ m < √2. */
function pairLog(x: number): Pair {
  const [m, k] = mantissa(x);
  const s = divide([m - 1, 0], exactSum(m, 1));
  const z = multiply(s, s);
  let sum: Pair = [0, 0];
  for (let n = LOG_TERMS; n >= 0; n--) sum = add(divide(ONE, [2 * n + 1, 0]), multiply(z, sum));
  return add(multiply([k, 0], LN2), scale(multiply(s, sum), 2));
}

const words = new DataView(new ArrayBuffer(8));
const LEAST_NORMAL = 2 ** -1022;

/** Return m and k with x = 2^k·m and √½ ≤ m < √2. */
function mantissa(x: number): readonly [m: number, k: number] {
  const shift = x < LEAST_NORMAL ? 54 : 0;
  words.setFloat64(0, timesPowerOfTwo(x, shift));
  const exponent = (words.getUint32(0) >>> 20) - 1023 - shift;
  words.setUint32(0, (words.getUint32(0) & 0xfffff) | (1023 << 20));
  const m = words.getFloat64(0);
  return m < Math.SQRT2 ? [m, exponent] : [m / 2, exponent + 1];
}

/** Return ln x. 0 gives −∞, a negative number NaN. */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  return pairLog(x)[0];
}

/** Return x^y for x ≥ 0, both finite. */
export function pow(x: number, y: number): number {
  if (x === 0) return y === 0 ? 1 : y > 0 ? 0 : Number.POSITIVE_INFINITY;
  const product = multiply(pairLog(x), [y, 0]);
  if (Math.abs(product[0]) >= EXP_RANGE) return product[0] > 0 ? Number.POSITIVE_INFINITY : 0;
  const k = Math.round(product[0] / LN2[0]);
  const [high] = add(ONE, pairExpm1(add(product, multiply([-k, 0], LN2))));
  return timesPowerOfTwo(high, k);
}

const COS_TERMS = 14;

/** Return cos x for 0 ≤ x ≤ π. */
export function cos(x: number): number {
  if (x > HALF_PI[0] / 2 && x < 1.5 * HALF_PI[0]) return pairSin(add(HALF_PI, [-x, 0]))[0];
  const folded: Pair = x < HALF_PI[0] ? [x, 0] : add(scale(HALF_PI, 2), [-x, 0]);
  const z = multiply(folded, folded);
  const [high] = alternating(z, 0);
  return x < HALF_PI[0] ? high : -high;
}

/** Return sin x for |x| ≤ π/4. */
const pairSin = (x: Pair): Pair => multiply(x, alternating(multiply(x, x), 1));

/** Return 1 − z/(2·1) + z²/(4·3·2·1) − … of the cosine (`odd` 0), or 1 − z/(3·2) + … of the sine by x (`odd` 1), z = x². */
function alternating(z: Pair, odd: 0 | 1): Pair {
  let sum: Pair = ONE;
  for (let n = COS_TERMS; n > 0; n--) {
    const divisor = (2 * n + odd) * (2 * n - 1 + odd);
    sum = add(ONE, negative(divide(multiply(z, sum), [divisor, 0])));
  }
  return sum;
}
