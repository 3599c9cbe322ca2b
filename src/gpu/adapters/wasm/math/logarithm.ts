/**
 * log, log2, asinh, acosh and atanh.
 *
 * A positive x is 2ⁿ·m with √½ ≤ m < √2 (as in fdlibm, Sun Microsystems 1993), so that 1 has n = 0 and nothing cancels; f = m - 1
 * is exact, and the rest is a minimax polynomial in f without a division. ln 2 is the sum of two floats; the first has 15 bits,
 * so that its product with n is exact. What is not a positive normal number is rare, and costs a branch only.
 */

/** Statements that make x = 2ⁿ·(1 + f), √½ ≤ 1 + f < √2, of a positive normal x: 0x3f3504f3 are the bits of √½. */
const SPLIT = `
  let bits = bitcast<U>(x);
  let exponent = bitcast<I>(bits - U(0x3f3504f3u)) >> U(23u);
  let n = T(exponent);
  let f = bitcast<T>(bits - (bitcast<U>(exponent) << U(23u))) - 1.0;`;

/** n·ln 2 + ln(1 + f), the `rest` of n·ln 2 included. */
const LOG_SUM = `(((f * f) * (((((((f * 0.08740714 - 0.14309931) * f + 0.14916651) * f - 0.16569991) * f + 0.19962166)
    * f - 0.25001788) * f + 0.33333948) * f - 0.4999999) + rest) + f) + n * 0.693145751953125`;

export const LOGARITHM_FUNCTIONS = {
  isExtreme: `
// True of all but positive normal numbers.
fn isExtreme(x: T) -> B { return (bitcast<U>(x) - U(0x00800000u)) >= U(0x7f000000u); }`,

  logExtreme: `
// The logarithm, given that of a normal x, and that of x·2²³ less the logarithm of 2²³.
fn logExtreme(x: T, normal: T, subnormal: T) -> T {
  let bits = bitcast<U>(x);
  let finite = select(normal, subnormal, x < T(1.1754944e-38));
  let positive = select(x, finite, x <= T(3.4028235e38));
  let valid = select(positive, bitcast<T>(bits | U(0x7fc00000u)), x < T(0.0));
  return select(valid, bitcast<T>(bits | U(0xff800000u)), x == T(0.0));
}`,

  logNormal: `
fn logNormal(x: T) -> T {${SPLIT}
  let rest = n * 1.4286068203094172e-6;
  return ${LOG_SUM};
}`,

  log: `
fn log(x: T) -> T {
  var y = logNormal(x);
  if (any(isExtreme(x))) { y = logExtreme(x, y, logNormal(x * 8388608.0) - 15.942385152878742); }
  return y;
}`,

  log2Normal: `
fn log2Normal(x: T) -> T {${SPLIT}
  var p = f * -0.07968142 + 0.16335031;
  p = p * f - 0.19332501;
  p = p * f + 0.20888267;
  p = p * f - 0.239789;
  p = p * f + 0.28830376;
  p = p * f - 0.3606826;
  p = p * f + 0.48090377;
  p = p * f - 0.7213475;
  p = p * f + 1.442695;
  return f * p + n;
}`,

  log2: `
fn log2(x: T) -> T {
  var y = log2Normal(x);
  if (any(isExtreme(x))) { y = logExtreme(x, y, log2Normal(x * 8388608.0) - 23.0); }
  return y;
}`,

  log1p: `
// ln(1 + y) for y ≥ 0, with what 1 + y loses in rounding.
fn log1p(y: T) -> T {
  let x = 1.0 + y;
  let lost = min(y, T(1.0)) - (x - max(y, T(1.0)));${SPLIT}
  let rest = n * 1.4286068203094172e-6 + lost / x;
  return ${LOG_SUM};
}`,

  asinh: `
// ln(|x| + √(x² + 1)) = ln(1 + |x| + x²/(1 + √(x² + 1))). From 2⁶³ on, x² may overflow and the 1 rounds away.
fn asinh(x: T) -> T {
  let size = abs(x);
  let huge = size > T(9.2233720368547758e18);
  let a = select(size, T(1.0), huge);
  let square = a * a;
  let near = log1p(a + square / (1.0 + sqrt(square + 1.0)));
  let large = select(near, log(size) + 0.6931471805599453, huge);
  let z = x * x;
  var p = z * -0.002982973 + 0.010453624;
  p = p * z - 0.019702774;
  p = p * z + 0.029770652;
  p = p * z - 0.04456524;
  p = p * z + 0.07499524;
  p = p * z - 0.16666657;
  let y = select(large, size + size * (z * p), size < T(0.75));
  return select(x, withSign(y, x), size <= T(3.4028235e38));
}`,

  acosh: `
// ln(1 + t + √(2t + t²)) with t = x - 1; below ½ √(2t) times a polynomial. From 2⁶³ on, t² may overflow and the 1 rounds away.
fn acosh(x: T) -> T {
  let huge = x > T(9.2233720368547758e18);
  let t = select(x, T(1.0), huge) - 1.0;
  let near = log1p(t + sqrt(t * (t + 2.0)));
  let large = select(near, log(x) + 0.6931471805599453, huge);
  var p = t * -0.00041323566 + 0.0017600675;
  p = p * t - 0.00554787;
  p = p * t + 0.018746601;
  p = p * t - 0.08333322;
  let root = sqrt(t + t);
  let y = select(large, root + root * (t * p), x < T(1.5));
  let valid = select(bitcast<T>(bitcast<U>(x) | U(0x7fc00000u)), y, x >= T(1.0));
  return select(valid, x, x > T(3.4028235e38));
}`,

  atanh: `
// ½·ln(1 + 2|x|/(1 - |x|)); below ½ a polynomial.
fn atanh(x: T) -> T {
  let size = abs(x);
  let inside = size < T(1.0);
  let a = select(T(0.0), size, inside);
  let large = 0.5 * log1p((a + a) / (1.0 - a));
  let z = x * x;
  var p = z * 0.17638059 + 0.051603124;
  p = p * z + 0.1181641;
  p = p * z + 0.14223784;
  p = p * z + 0.20002453;
  p = p * z + 0.33333302;
  let y = select(large, size + size * (z * p), size < T(0.5));
  return select(x / sqrt(1.0 - size), withSign(y, x), inside);
}`,
} as const;
