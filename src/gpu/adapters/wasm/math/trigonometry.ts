/**
 * sin, cos and tan over the whole range of f32.
 *
 * Up to 3200, x - n·π/2 is taken in four steps whose products are exact (Cody & Waite 1980, chapter 8: π/2 as the sum of floats of
 * 13 bits and a last one); beyond, x·2/π modulo 4 is computed in integers from as many digits of 2/π as the exponent of x needs
 * (Payne & Hanek, Radian reduction for trigonometric functions, SIGNUM 1983; Muller, Elementary Functions, 2016, section 11.4).
 * Either way the angle is a float and a rest. The polynomials are minimax on |angle| ≤ π/4.
 */

/** 32 zeros and the first 224 bits of 2/π. */
const TWO_OVER_PI = [
  0x0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab,
].map((word) => `U(0x${word.toString(16)}u)`);

/** Return the expression of word `first + skipped` of the digits, where skipped ≤ 4 depends on the lane. */
const word = (first: number): string =>
  [1, 2, 3, 4].reduce(
    (otherwise, skipped) =>
      `select(${otherwise}, ${TWO_OVER_PI[first + skipped]}, skipped == U(${skipped}u))`,
    `${TWO_OVER_PI[first]}`,
  );

/** Statements that make `angle + rest` = x - quadrant·π/2 for an x ≥ 0; only the last two bits of `quadrant` count. */
const REDUCTION = `
  let shifted = x * 0.6366197723675814 + 12582912.0;
  let n = shifted - 12582912.0;
  let a = x - n * 1.570556640625;
  let b = a - n * 0.0002396702766418457;
  var angle = b - n * 1.5890691429376602e-8;
  var rest = ((a - b) - n * 0.0002396702766418457) + ((b - angle) - n * 1.5890691429376602e-8);
  rest -= n * 2.5633440682570896e-12;
  var quadrant = bitcast<U>(shifted);
  let large = !(x <= T(3200.0));
  if (any(large)) {
    let bits = bitcast<U>(x);
    // x = mantissa·2^(exponent - 150). Digits of 2/π that only add multiples of 4 are skipped; those after the next three words
    // count for less than 2⁻⁶¹.
    let mantissa = (bits & U(0x007fffffu)) | U(0x00800000u);
    let position = max(bits >> U(23u), U(120u)) - U(120u);
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
    // (high, low) is the quotient in units of 2⁻⁶² modulo 4. Its nearest integer leaves a signed fraction in units of 2⁻⁶⁴.
    quadrant = select(quadrant, (high + U(0x20000000u)) >> U(30u), large);
    let top = (high << U(2u)) | (low >> U(30u));
    let negative = top >= U(0x80000000u);
    let bottom = select(low << U(2u), U(0u) - (low << U(2u)), negative);
    let size = select(top, ~top + select(U(0u), U(1u), bottom == U(0u)), negative);
    let zeros = min(countLeadingZeros(size), U(31u));
    // Its first 32 bits, times those of π/2: a float of 24 bits and a rest of 8.
    let product = highProduct((size << zeros) | ((bottom >> U(1u)) >> (U(31u) - zeros)), U(0xc90fdaa2u));
    // x - x is NaN for infinity and NaN, else 0.
    let unit = bitcast<T>(((U(96u) - zeros) << U(23u)) | (top & U(0x80000000u))) + (x - x);
    angle = select(angle, T(product & U(0xffffff00u)) * unit, large);
    rest = select(rest, T(product & U(0xffu)) * unit, large);
  }
  let z = angle * angle;`;

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

  turned: `
// sin(x + turn·π/2) for x ≥ 0.
fn turned(x: T, turn: U) -> T {${REDUCTION}
  let sine = angle + (angle * (z * ((z * -0.00019518279 + 0.008332189) * z - 0.16666655)) + rest);
  let fourth = (z * z) * ((z * 2.4432327e-5 - 0.001388731) * z + 0.041666646);
  let cosine = 1.0 - (z * 0.5 - (fourth - angle * rest));
  let turns = quadrant + turn;
  let y = bitcast<U>(select(sine, cosine, (turns & U(1u)) == U(1u)));
  return bitcast<T>(y ^ ((turns & U(2u)) << U(30u)));
}`,

  sin: `
fn sin(x: T) -> T {
  return bitcast<T>(bitcast<U>(turned(abs(x), U(0u))) ^ (bitcast<U>(x) & U(0x80000000u)));
}`,

  cos: `
fn cos(x: T) -> T { return turned(abs(x), U(1u)); }`,

  tan: `
fn tan(x: T) -> T {
  return bitcast<T>(bitcast<U>(tanOfSize(abs(x))) ^ (bitcast<U>(x) & U(0x80000000u)));
}`,

  tanOfSize: `
// The tangent for x ≥ 0: that of the angle, or its negative inverse.
fn tanOfSize(x: T) -> T {${REDUCTION}
  var p = z * 0.009396561 + 0.0031014313;
  p = p * z + 0.024441415;
  p = p * z + 0.053408198;
  p = p * z + 0.13338836;
  p = p * z + 0.33333156;
  let more = angle * (z * p) + (rest + rest * z);
  let tangent = angle + more;
  let inverse = -1.0 / tangent;
  // What the sum lost, as the inverse doubles its weight.
  let lost = (angle - tangent) + more;
  return select(tangent, inverse + (inverse * inverse) * lost, (quadrant & U(1u)) == U(1u));
}`,
} as const;
