/**
 * aᵇ in f32. b·log2|a| reaches 128, so the logarithm needs more digits than f32 has. It is stored as the sum of a 12-bit part
 * and a small remainder; their products with b, split likewise, are exact (the method of fdlibm's powf). The parts are split
 * by their bits, which no compiler can undo.
 */
export const POWER_FUNCTIONS = {
  head: `
// The first 12 significant bits.
fn head(x: T) -> T { return bitcast<T>(bitcast<U>(x) & U(0xfffff000u)); }`,

  powf: `
fn powf(a: T, b: T) -> T {
  // |a| = 2ᵉ·m, √½ ≤ m < √2, and log2 m = C·artanh s with s = (m - 1)/(m + 1) and C = 2/ln 2. A subnormal is an
  // integer times 2⁻¹⁴⁹.
  let size = bitcast<U>(a) & U(0x7fffffffu);
  let subnormal = size < U(0x00800000u);
  let normal = bitcast<U>(select(abs(a), T(size), subnormal));
  let exponent = binaryExponent(normal);
  let e = T(exponent - select(I(0), I(149), subnormal));
  let m = bitcast<T>(normal - (bitcast<U>(exponent) << U(23u)));
  let above = m + 1.0;
  let s = (m - 1.0) / above;
  let sHead = head(s);
  let aboveHead = head(above);
  let sRest = (((m - 1.0) - sHead * aboveHead) - sHead * (m - (aboveHead - 1.0))) / above;
  let z = s * s;
  var series = z * (1.0 / 11.0) + (1.0 / 9.0);
  series = series * z + (1.0 / 7.0);
  series = series * z + (1.0 / 5.0);
  series = series * z + (1.0 / 3.0);
  // 2.884765625 are the first 12 bits of C.
  let large = sHead * 2.884765625;
  let small = sHead * 6.24456777926774e-4 + (sRest + s * z * series) * 2.8853900817779268;
  let logHead = head(e + large + small);
  let logRest = ((e - logHead) + large) + small;

  // 2^(b·log2|a|) = 2ⁿ·2ᶠ. Beyond 2⁴⁰, b makes any |a| but 1 overflow or vanish.
  let power = clamp(b, T(-1.0995116e12), T(1.0995116e12));
  let powerHead = head(power);
  let product = powerHead * logHead;
  let rest = (power - powerHead) * logHead + power * logRest;
  let n = round(clamp(product + rest, T(-152.0), T(129.0)));
  let f = clamp((product - n) + rest, T(-0.51), T(0.51));
  let half = I(n) >> U(1u);
  var y = (1.0 + expm1Reduced(f * 0.6931471805599453)) * powerOfTwo(half) * powerOfTwo(I(n) - half);

  // What C99 says of zeros, infinities, signs and NaN. Every f32 from 2²⁴ on is an even integer.
  let whole = trunc(power);
  let integral = (abs(b) >= T(16777216.0)) | (whole == power);
  let unit = I(clamp(whole, T(-16777216.0), T(16777216.0))) & I(1);
  let odd = (abs(b) < T(16777216.0)) & integral & (unit == I(1));
  let zero = size == U(0u);
  let infinite = size == U(0x7f800000u);
  let infinity = bitcast<T>((size & U(0u)) | U(0x7f800000u));
  y = select(y, select(T(0.0), infinity, infinite == (b > T(0.0))), zero | infinite);
  y = select(y, -y, odd & ((bitcast<U>(a) >> U(31u)) == U(1u)));
  let invalid = (a < T(0.0)) & !(integral | infinite);
  y = select(y, bitcast<T>(bitcast<U>(a) | U(0x7fc00000u)), invalid | nan(a) | nan(b));
  return select(y, T(1.0), ((b == T(0.0)) & !nan(b)) | ((a == T(1.0)) & !nan(a)));
}`,
} as const;
