/**
 * sin and cos in f32 over its whole range. x·2/π modulo 4 is computed in integers, from as many digits of 2/π as the exponent
 * of x needs (Payne & Hanek 1983): exact on every adapter, and compilers cannot reorder it.
 */

/** 32 zeros and the first 224 bits of 2/π. */
const TWO_OVER_PI = [
  0x0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab,
].map((word) => `U(0x${word.toString(16)}u)`);

/** Return word `first + skipped` of the digits, where skipped ≤ 4 depends on the lane. */
const word = (first: number): string =>
  [1, 2, 3, 4].reduce(
    (otherwise, skipped) =>
      `select(${otherwise}, ${TWO_OVER_PI[first + skipped]}, skipped == U(${skipped}u))`,
    TWO_OVER_PI[first] as string,
  );

export const TRIGONOMETRIC_FUNCTIONS = {
  highProduct: `
// The upper 32 bits of a·b.
fn highProduct(a: U, b: U) -> U {
  let low = U(0xffffu);
  let sixteen = U(16u);
  let cross = (a >> sixteen) * (b & low) + (((a & low) * (b & low)) >> sixteen);
  let middle = (a & low) * (b >> sixteen) + (cross & low);
  return (a >> sixteen) * (b >> sixteen) + (cross >> sixteen) + (middle >> sixteen);
}`,

  sineAt: `
// sin(angle + quarters·π/2) for |angle| ≤ π/4.
fn sineAt(angle: T, quarters: U) -> T {
  let z = angle * angle;
  var sine = z * (1.0 / 362880.0) - (1.0 / 5040.0);
  sine = sine * z + (1.0 / 120.0);
  sine = angle + angle * z * (sine * z - (1.0 / 6.0));
  var cosine = z * (1.0 / 40320.0) - (1.0 / 720.0);
  cosine = cosine * z + (1.0 / 24.0);
  cosine = 1.0 + z * (cosine * z - 0.5);
  let y = select(sine, cosine, (quarters & U(1u)) == U(1u));
  return select(y, -y, (quarters & U(2u)) == U(2u));
}`,

  sineOfTurn: `
// sin(2π·turn/2³² + quarters·π/2).
fn sineOfTurn(turn: U, quarters: u32) -> T {
  let nearest = (turn + U(0x20000000u)) >> U(30u);
  let fraction = T(bitcast<I>(turn << U(2u))) * 2.3283064365386963e-10;
  return sineAt(fraction * 1.5707963267948966, nearest + U(quarters));
}`,

  turned: `
// sin(x + turn·π/2): x = angle + quadrant·π/2 with |angle| ≤ π/4.
fn turned(x: T, turn: u32) -> T {
  let bits = bitcast<U>(x);
  // |x| = mantissa·2^(exponent - 150). Digits of 2/π that only add multiples of 4 are skipped; those after the next
  // three words count for less than 2⁻⁶¹.
  let mantissa = (bits & U(0x007fffffu)) | U(0x00800000u);
  let position = max((bits >> U(23u)) & U(255u), U(126u)) - U(120u);
  let skipped = position >> U(5u);
  let shift = position & U(31u);
  let word0 = ${word(0)};
  let word1 = ${word(1)};
  let word2 = ${word(2)};
  let word3 = ${word(3)};
  // A shift by 32 is not allowed; one by 31 - shift and one more is.
  let digits0 = (word0 << shift) | ((word1 >> U(1u)) >> (U(31u) - shift));
  let digits1 = (word1 << shift) | ((word2 >> U(1u)) >> (U(31u) - shift));
  let digits2 = (word2 << shift) | ((word3 >> U(1u)) >> (U(31u) - shift));
  let carried = highProduct(mantissa, digits2);
  let low = mantissa * digits1 + carried;
  let carry = select(U(0u), U(1u), low < carried);
  let high = mantissa * digits0 + highProduct(mantissa, digits1) + carry;
  // (high, low) is the quotient in units of 2⁻⁶² modulo 4: the nearest integer and a signed fraction.
  let reduced = (bits & U(0x7fffffffu)) >= U(0x3f490fdbu);
  let quotient = (high + U(0x20000000u)) >> U(30u);
  let fraction = T(bitcast<I>((high << U(2u)) | (low >> U(30u)))) * 2.3283064365386963e-10
    + T(low << U(2u)) * 5.421010862427522e-20;
  // Below π/4 there is nothing to take off.
  let angle = select(abs(x), fraction * 1.5707963267948966, reduced);
  let quadrant = select(U(0u), quotient, reduced);
  let negative = (bits >> U(31u)) == U(1u);
  // sin(-x) = -sin x, and cos(-x) = cos x.
  let flipped = negative & B(turn == 0u);
  let y = sineAt(angle, quadrant + U(turn));
  return select(select(y, -y, flipped), bitcast<T>(bits | U(0x7fc00000u)),
    (bits & U(0x7f800000u)) == U(0x7f800000u));
}`,

  sinf: `
fn sinf(x: T) -> T { return turned(x, 0u); }`,

  cosf: `
fn cosf(x: T) -> T { return turned(x, 1u); }`,
} as const;
