/**
 * exp, exp2, sinh, cosh and tanh.
 *
 * The argument is reduced to r = x - n·ln 2 with an integer n, so that eˣ = 2ⁿ·eʳ (Cody & Waite, Software Manual for the
 * Elementary Functions, 1980, chapter 6; Muller, Elementary Functions, 2016, section 11.2). ln 2 is the sum of two floats;
 * the first has 15 bits, so that its product with n is exact. Polynomials are minimax (Remez) for the relative error of the
 * result; their coefficients are rounded to f32 one after the other, the rest fitted again each time. `min`, `max` and `clamp`
 * return a NaN that is their first argument.
 */
export const EXPONENTIAL_FUNCTIONS = {
  timesPowerOfTwo: `
// y·2ⁿ for a normal y near 1 and n = bits - 0x4b400000, -252 ≤ n ≤ 254: in two factors, as 2ⁿ itself may lie outside of f32,
// and a subnormal result is rounded once. 0x4b400000 leaves no trace in the exponents: its low 9 bits are 0.
fn timesPowerOfTwo(y: T, bits: I) -> T {
  let half = (bits >> U(1u)) << U(23u);
  let rest = (bits << U(23u)) - half;
  return y * bitcast<T>(half + I(0x3f800000)) * bitcast<T>(rest + I(0x3f800000));
}`,

  expTimes: `
// eˣ·2ᵏ for -104 ≤ x ≤ 90. Adding 1.5·2²³ rounds to an integer, which then stands in the low bits.
fn expTimes(x: T, k: I) -> T {
  let shifted = x * 1.4426950408889634 + 12582912.0;
  let n = shifted - 12582912.0;
  let r = (x - n * 0.693145751953125) - n * 1.4286068203094172e-6;
  var p = r * 0.0013820973 + 0.008368685;
  p = p * r + 0.041668266;
  p = p * r + 0.16666521;
  p = p * r + 0.49999994;
  return timesPowerOfTwo((p * (r * r) + r) + 1.0, bitcast<I>(shifted) + k);
}`,

  exp: `
fn exp(x: T) -> T { return expTimes(clamp(x, T(-104.0), T(89.0)), I(0)); }`,

  exp2: `
fn exp2(x: T) -> T {
  let limited = clamp(x, T(-151.0), T(129.0));
  let shifted = limited + 12582912.0;
  return timesPowerOfTwo(exp2Reduced(limited - (shifted - 12582912.0)), bitcast<I>(shifted));
}`,

  exp2Reduced: `
// 2ʳ for |r| ≤ 0.5.
fn exp2Reduced(r: T) -> T {
  var p = r * 0.00015326498 + 0.0013390812;
  p = p * r + 0.009618506;
  p = p * r + 0.0555036;
  p = p * r + 0.24022648;
  p = p * r + 0.6931472;
  return p * r + 1.0;
}`,

  sinh: `
// Half of e^|x|, which does not overflow before the result does; below 1 a polynomial, as the two powers cancel.
fn sinh(x: T) -> T {
  let size = abs(x);
  let half = expTimes(min(size, T(90.0)), I(-1));
  let large = half - 0.25 / half;
  let z = x * x;
  var p = z * 2.7822132e-6 + 0.00019842896;
  p = p * z + 0.0083333105;
  p = p * z + 0.16666667;
  return withSign(select(large, size + size * (z * p), size < T(1.0)), x);
}`,

  cosh: `
fn cosh(x: T) -> T {
  let size = abs(x);
  let half = expTimes(min(size, T(90.0)), I(-1));
  return half + 0.25 / half;
}`,

  tanh: `
// 1 - 2/(e^2|x| + 1), which is 1 in f32 from 9.01 on; near 0 a polynomial, as the two terms cancel.
fn tanh(x: T) -> T {
  let size = abs(x);
  let large = 1.0 - 2.0 / (expTimes(min(size, T(10.0)) * 2.0, I(0)) + 1.0);
  let z = x * x;
  var p = z * -0.0062428494 + 0.021050714;
  p = p * z - 0.053847548;
  p = p * z + 0.13332544;
  p = p * z - 0.33333316;
  return withSign(select(large, size + size * (z * p), size < T(0.55)), x);
}`,
} as const;
