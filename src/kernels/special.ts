/**
 * Functions of f32 that WGSL lacks, or whose guaranteed accuracy is too low: an error of 3 + 2|x| ulp for exp, more for pow,
 * 1e-5 for tanh, 2⁻²¹ for log near 1, and 2⁻¹¹ for sin. These are within a few ulp of the true value on every adapter, over
 * the whole range, and return the same as C's functions for infinities and NaN. They are written for `T` (f32 or vec4f) with
 * `U`, `I` and `B` of the same width.
 *
 * Compilers may treat floats as real numbers: the software driver turns a - a into 0 and a != a into false even for NaN, and
 * (1 + x) - 1 into x. So NaN is recognised by its bits, and no formula relies on cancelling a rounding error.
 */
import { ERF_FUNCTIONS } from './erf.ts';
import { POWER_FUNCTIONS } from './power.ts';
import { TRIGONOMETRIC_FUNCTIONS } from './trigonometry.ts';

const EXPONENTIAL_FUNCTIONS = {
  nan: `
fn nan(x: T) -> B { return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u); }`,

  finite: `
fn finite(x: T) -> B { return (bitcast<U>(x) & U(0x7f800000u)) != U(0x7f800000u); }`,

  powerOfTwo: `
// 2ⁿ for -126 ≤ n ≤ 127.
fn powerOfTwo(n: I) -> T { return bitcast<T>((n + I(127)) << U(23u)); }`,

  expm1Reduced: `
// eˣ - 1 for |x| ≤ 0.36 by its Taylor series, whose rest is below x⁸/8! < 1e-8·|x|.
fn expm1Reduced(x: T) -> T {
  var p = x * (1.0 / 5040.0) + (1.0 / 720.0);
  p = p * x + (1.0 / 120.0);
  p = p * x + (1.0 / 24.0);
  p = p * x + (1.0 / 6.0);
  p = p * x + 0.5;
  return x + x * x * p;
}`,

  expf: `
// eˣ = 2ⁿ·eʳ with n = round(x/ln 2); ln 2 is taken in two parts, the first of few bits, so that n·ln 2 is exact
// (Cody & Waite 1980). The scale comes in two factors, as 2ⁿ itself may lie outside of f32.
fn expf(x: T) -> T {
  let limited = clamp(x, T(-104.0), T(89.0));
  let n = round(limited * 1.4426950408889634);
  let r = (limited - n * 0.693359375) + n * 2.1219444005471e-4;
  let half = I(n) >> U(1u);
  let y = (1.0 + expm1Reduced(r)) * powerOfTwo(half) * powerOfTwo(I(n) - half);
  return select(y, x, nan(x));
}`,

  expm1f: `
fn expm1f(x: T) -> T {
  let near = abs(x) < T(0.35);
  let y = select(expf(x) - 1.0, expm1Reduced(select(T(0.0), x, near)), near);
  // Here x²/2 rounds away, and x has the right sign if it is 0.
  return select(y, x, abs(x) < T(1e-8));
}`,

  twiceArtanh: `
// 2 artanh s = ln((1 + s)/(1 - s)) for |s| ≤ 0.18 by its Taylor series; the rest is below 2s¹¹/11 < 1e-9·|s|.
fn twiceArtanh(s: T) -> T {
  let z = s * s;
  var p = z * (2.0 / 9.0) + (2.0 / 7.0);
  p = p * z + (2.0 / 5.0);
  p = p * z + (2.0 / 3.0);
  return 2.0 * s + s * z * p;
}`,

  binaryExponent: `
// e such that x = 2ᵉ·m with √½ ≤ m < √2, from the bits of a positive normal x: 0x3f3504f3 are those of √½.
fn binaryExponent(bits: U) -> I { return bitcast<I>(bits - U(0x3f3504f3u)) >> U(23u); }`,

  logf: `
// ln x = e·ln 2 + 2 artanh((m - 1)/(m + 1)) for x = 2ᵉ·m.
fn logf(x: T) -> T {
  let bits = bitcast<U>(x);
  let subnormal = bits < U(0x00800000u);
  // As many times 2⁻¹⁴⁹: in integers, as adapters may take subnormals for 0.
  let normal = bitcast<U>(select(x, T(bits), subnormal));
  let e = binaryExponent(normal);
  let m = bitcast<T>(normal - (bitcast<U>(e) << U(23u)));
  let n = T(e - select(I(0), I(149), subnormal));
  var y = n * 0.693359375 + (twiceArtanh((m - 1.0) / (m + 1.0)) - n * 2.1219444005471e-4);
  y = select(y, x, (bits & U(0x7f800000u)) == U(0x7f800000u));
  y = select(y, bitcast<T>(bits | U(0x7fc00000u)), bits > U(0x80000000u));
  return select(y, bitcast<T>(bits | U(0xff800000u)), (bits & U(0x7fffffffu)) == U(0u));
}`,

  log1pf: `
// Away from 0 the rounding of 1 + x is small beside its logarithm.
fn log1pf(x: T) -> T {
  let near = (x > T(-0.29)) & (x < T(0.41));
  let small = select(T(0.0), x, near);
  let y = select(logf(1.0 + x), twiceArtanh(small / (2.0 + small)), near);
  return select(y, x, abs(x) < T(1e-8));
}`,

  tanhf: `
// tanh|x| = -u/(u + 2) with u = e^(-2|x|) - 1, which neither overflows nor cancels.
fn tanhf(x: T) -> T {
  let u = expm1f(-2.0 * abs(x));
  let y = abs(u) / (u + 2.0);
  // Here x³/3 rounds away.
  return select(select(y, -y, x < T(0.0)), x, abs(x) < T(2e-4));
}`,

  sigmoidf: `
fn sigmoidf(x: T) -> T {
  let e = expf(-abs(x));
  return select(T(1.0), e, x < T(0.0)) / (1.0 + e);
}`,

  siluDerivative: `
fn siluDerivative(x: T) -> T {
  let s = sigmoidf(x);
  return s * (1.0 + x * (1.0 - s));
}`,

  softplusf: `
// ln(1 + eˣ) without overflow.
fn softplusf(x: T) -> T { return max(x, T(0.0)) + log1pf(expf(-abs(x))); }`,
} as const;

const DIVISION_FUNCTIONS = {
  fmodf: `
// a - b·trunc(a/b), exactly: the mantissa of a, shifted left by what a's exponent is above b's, modulo that of b, eight
// bits at a time. In integers, as adapters divide floats inexactly and may take subnormals for 0.
fn fmodf(a: T, b: T) -> T {
  let sizeA = bitcast<U>(a) & U(0x7fffffffu);
  let sizeB = bitcast<U>(b) & U(0x7fffffffu);
  let exponentA = max(sizeA >> U(23u), U(1u));
  let exponentB = max(sizeB >> U(23u), U(1u));
  let dividend = select((sizeA & U(0x007fffffu)) | U(0x00800000u), sizeA, sizeA < U(0x00800000u));
  let divisor = max(select((sizeB & U(0x007fffffu)) | U(0x00800000u), sizeB, sizeB < U(0x00800000u)), U(1u));
  var rest = dividend % divisor;
  var steps = select(U(0u), exponentA - exponentB, exponentA > exponentB);
  while (any(steps > U(0u))) {
    let shift = min(steps, U(8u));
    rest = (rest << shift) % divisor;
    steps -= shift;
  }
  let shift = min(countLeadingZeros(rest) - U(8u), exponentB - U(1u));
  // A mantissa with its leading bit adds one to the exponent, one without is that of a subnormal.
  let size = select(((exponentB - shift - U(1u)) << U(23u)) + (rest << shift), U(0u), rest == U(0u));
  let y = bitcast<T>(size | (bitcast<U>(a) & U(0x80000000u)));
  let invalid = (sizeA >= U(0x7f800000u)) | (sizeB > U(0x7f800000u)) | (sizeB == U(0u));
  return select(select(y, a, sizeA < sizeB), bitcast<T>(sizeA | U(0x7fc00000u)), invalid);
}`,

  offFloor: `
// Whether a quotient with this fmod, rounded down, is one less than rounded towards 0.
fn offFloor(rest: T, b: T) -> B { return (rest != T(0.0)) & ((rest < T(0.0)) != (b < T(0.0))); }`,

  remainderf: `
fn remainderf(a: T, b: T) -> T {
  let rest = fmodf(a, b);
  return select(select(rest, rest + b, offFloor(rest, b)), rest, nan(rest));
}`,

  floorDivide: `
// ⌊a/b⌋ from a remainder that is exact, so that a quotient just below an integer is not rounded up to it.
fn floorDivide(a: T, b: T) -> T {
  let rest = fmodf(a, b);
  let quotient = (a - rest) / b - select(T(0.0), T(1.0), offFloor(rest, b));
  let below = floor(quotient);
  let y = below + select(T(0.0), T(1.0), quotient - below > T(0.5));
  let zero = bitcast<T>((bitcast<U>(a) ^ bitcast<U>(b)) & U(0x80000000u));
  let whole = select(y, zero, quotient == T(0.0));
  return select(select(whole, rest, nan(rest)), a / b, b == T(0.0));
}`,
} as const;

const FUNCTIONS: Readonly<Record<string, string>> = {
  ...EXPONENTIAL_FUNCTIONS,
  ...DIVISION_FUNCTIONS,
  ...ERF_FUNCTIONS,
  ...POWER_FUNCTIONS,
  ...TRIGONOMETRIC_FUNCTIONS,
};

/** Return the functions that `code` calls, and those that they call. */
export function specialFunctions(code: string): string {
  const called = new Set<string>();
  const visit = (text: string): void => {
    for (const [, name = ''] of text.matchAll(/\b(\w+)\(/g)) {
      const body = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
      if (body === undefined || called.has(name)) continue;
      called.add(name);
      visit(body);
    }
  };
  visit(code);
  return [...called].map((name) => FUNCTIONS[name]).join('\n');
}
