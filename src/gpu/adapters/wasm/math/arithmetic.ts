/** Builtins that are a few operations, component by component. */
export const ARITHMETIC_FUNCTIONS = {
  inverseSqrt: `
fn inverseSqrt(x: T) -> T { return 1.0 / sqrt(x); }`,

  fma: `
// With two roundings, as WGSL allows.
fn fma(a: T, b: T, c: T) -> T { return a * b + c; }`,

  withSign: `
// y with the sign of x, for y ≥ 0.
fn withSign(y: T, x: T) -> T { return bitcast<T>(bitcast<U>(y) | (bitcast<U>(x) & U(0x80000000u))); }`,

  fract: `
fn fract(x: T) -> T { return x - floor(x); }`,

  saturate: `
fn saturate(x: T) -> T { return clamp(x, T(0.0), T(1.0)); }`,

  sign: `
fn sign(x: T) -> T { return select(select(T(0.0), T(-1.0), x < T(0.0)), T(1.0), x > T(0.0)); }`,

  step: `
fn step(edge: T, x: T) -> T { return select(T(0.0), T(1.0), edge <= x); }`,

  smoothstep: `
fn smoothstep(low: T, high: T, x: T) -> T {
  let t = clamp((x - low) / (high - low), T(0.0), T(1.0));
  return t * t * (3.0 - 2.0 * t);
}`,

  mix: `
fn mix(a: T, b: T, t: T) -> T { return a * (1.0 - t) + b * t; }`,

  degrees: `
fn degrees(x: T) -> T { return x * 57.29577951308232; }`,

  radians: `
fn radians(x: T) -> T { return x * 0.017453292519943295; }`,

  ldexp: `
// In three factors, as 2ⁿ may lie outside of f32. Going down in steps of 2⁻¹⁰² leaves the last one 24 bits above the
// subnormals, so that a result is rounded once.
fn ldexp(x: T, n: I) -> T {
  let first = select(select(I(0), I(127), n > I(127)), I(-102), n < I(-126));
  let others = clamp(n, I(-400), I(400)) - first;
  let second = select(select(I(0), I(127), others > I(127)), I(-102), others < I(-126));
  let third = clamp(others - second, I(-126), I(127));
  return x * powerOfTwo(first) * powerOfTwo(second) * powerOfTwo(third);
}`,

  powerOfTwo: `
// 2ⁿ for -126 ≤ n ≤ 127.
fn powerOfTwo(n: I) -> T { return bitcast<T>((n + I(127)) << U(23u)); }`,

  frexp: `
struct FrexpResult { fract: T, exp: I }
// x = fract·2^exp with ½ ≤ |fract| < 1; zeros, infinities and NaN are their own fract, with exp = 0.
fn frexp(x: T) -> FrexpResult {
  let subnormal = abs(x) < T(1.1754944e-38);
  let bits = bitcast<U>(select(x, x * 8388608.0, subnormal));
  let exponent = bitcast<I>((bits >> U(23u)) & U(0xffu)) - select(I(126), I(149), subnormal);
  let fract = bitcast<T>((bits & U(0x807fffffu)) | U(0x3f000000u));
  let own = (x == T(0.0)) | !(abs(x) <= T(3.4028235e38));
  return FrexpResult(select(fract, x, own), select(exponent, I(0), own));
}`,

  modf: `
struct ModfResult { fract: T, whole: T }
fn modf(x: T) -> ModfResult {
  let whole = trunc(x);
  return ModfResult(x - whole, whole);
}`,
} as const;

/** Of i32. */
export const INTEGER_FUNCTIONS = {
  sign: `
fn sign(e: E) -> E { return min(max(e, E(-1)), E(1)); }`,
} as const;
