/** f16 in integers: conversions that round to nearest, ties to even, with subnormals, infinities and NaN (IEEE 754 binary16). */
export const HALF_FUNCTIONS = {
  toHalf: `
// The bits of the f16 nearest to x.
fn toHalf(x: T) -> U {
  let bits = bitcast<U>(x);
  let size = bits & U(0x7fffffffu);
  // The exponents differ by 112. Half of the last place, less one if the result would be even, makes ties round to even.
  let normal = (size - U(0x38000000u) + U(0xfffu) + ((size >> U(13u)) & U(1u))) >> U(13u);
  // Beside 0.5 the last place is 2⁻²⁴, that of f16's subnormals.
  let subnormal = bitcast<U>(bitcast<T>(size) + 0.5) - U(0x3f000000u);
  let finite = select(normal, subnormal, size < U(0x38800000u));
  let limited = select(finite, U(0x7c00u), size >= U(0x477ff000u));
  let half = select(limited, U(0x7e00u), size > U(0x7f800000u));
  return half | ((bits >> U(16u)) & U(0x8000u));
}`,

  fromHalf: `
// The value of the f16 with these bits.
fn fromHalf(half: U) -> T {
  let size = half & U(0x7fffu);
  let normal = (size << U(13u)) + U(0x38000000u);
  let finite = select(normal, bitcast<U>(T(size) * 5.9604644775390625e-8), size < U(0x400u));
  let bits = select(finite, (size << U(13u)) + U(0x70000000u), size >= U(0x7c00u));
  return bitcast<T>(bits | ((half & U(0x8000u)) << U(16u)));
}`,

  quantizeToF16: `
fn quantizeToF16(x: T) -> T { return fromHalf(toHalf(x)); }`,
} as const;
