/**
 * pow.
 *
 * b·log2 a reaches 150, so the logarithm needs 33 bits. It is kept as a head of 12 bits and a rest; the product with b, split
 * likewise, is then exact but for the smallest part (the method of fdlibm's powf, Sun Microsystems 1993).
 */
export const POWER_FUNCTIONS = {
  head: `
// The first 12 significant bits.
fn head(x: T) -> T { return bitcast<T>(bitcast<U>(x) & U(0xfffff000u)); }`,

  pow: `
// aᵇ; NaN if a < 0, as 2^(b·log2 a) is, by which WGSL defines it.
fn pow(a: T, b: T) -> T {
  // a = 2ᵉ·m, √½ ≤ m < √2, and log2 m = 2/ln 2·artanh s with s = (m - 1)/(m + 1).
  let subnormal = a < T(1.1754944e-38);
  let bits = bitcast<U>(select(a, a * 8388608.0, subnormal));
  let exponent = bitcast<I>(bits - U(0x3f3504f3u)) >> U(23u);
  let e = T(exponent) - select(T(0.0), T(23.0), subnormal);
  let m = bitcast<T>(bits - (bitcast<U>(exponent) << U(23u)));
  let above = m + 1.0;
  let s = (m - 1.0) / above;
  let sHead = head(s);
  let aboveHead = head(above);
  let sRest = (((m - 1.0) - sHead * aboveHead) - sHead * (m - (aboveHead - 1.0))) / above;

  // 3·artanh(s)/s = 3 + s² + s⁴·…
  let z = s * s;
  let zHead = sHead * sHead;
  let more = sRest * (s + sHead) + (z * z) * ((z * 0.3512945 + 0.42820635) * z + 0.6000023);
  let series = head((3.0 + zHead) + more);
  let seriesRest = (zHead - (series - 3.0)) + more;
  let large = sHead * series;
  let small = sRest * series + s * seriesRest;
  let product = head(large + small);
  let productRest = small - (product - large);

  // 2/(3·ln 2), its first 12 bits and the rest.
  let log = product * 0.961669921875;
  let logRest = product * 0.00012677205 + productRest * 0.9617967;
  let logHead = head((log + logRest) + e);
  let logTail = logRest - ((logHead - e) - log);

  // 2^(b·log2 a) = 2ⁿ·2ᶠ. Beyond 2³², b makes any a but 1 overflow or vanish.
  let power = clamp(b, T(-4294967296.0), T(4294967296.0));
  let powerHead = head(power);
  let scaled = powerHead * logHead;
  let scaledRest = (power - powerHead) * logHead + power * logTail;
  let shifted = clamp(scaled + scaledRest, T(-151.0), T(129.0)) + 12582912.0;
  let f = clamp((scaled - (shifted - 12582912.0)) + scaledRest, T(-0.51), T(0.51));
  let y = timesPowerOfTwo(exp2Reduced(f), bitcast<I>(shifted));

  // Zero and infinity to a power are 0 or infinity; anything to the power 0 is 1.
  let infinite = a > T(3.4028235e38);
  let infinity = bitcast<T>((bits & U(0u)) | U(0x7f800000u));
  let extreme = select(T(0.0), infinity, infinite == (b > T(0.0)));
  let valid = select(y, extreme, (infinite | (a == T(0.0))) & (b == b));
  let positive = select(bitcast<T>(bitcast<U>(a) | U(0x7fc00000u)), valid, a >= T(0.0));
  return select(positive, T(1.0), b == T(0.0));
}`,
} as const;
