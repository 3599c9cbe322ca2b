/** Builtins of the bits of integers, for `E` (u32, i32 or a vector of them) with `U`, `I` and `F` of the same width. */

/** Of vectors: WebAssembly has instructions for one i32. */
export const VECTOR_BIT_FUNCTIONS = {
  exponentOfPower: `
// n of x = 2ⁿ; -127 of 0.
fn exponentOfPower(x: U) -> I { return bitcast<I>(bitcast<U>(F(x)) >> U(23u)) - I(127); }`,

  countLeadingZeros: `
// Without the bit below it, no rounding to f32 reaches the next power of 2.
fn countLeadingZeros(e: E) -> E {
  let x = bitcast<U>(e);
  return bitcast<E>(min(I(31) - exponentOfPower(x & ~(x >> U(1u))), I(32)));
}`,

  countTrailingZeros: `
fn countTrailingZeros(e: E) -> E {
  let x = bitcast<U>(e);
  let n = exponentOfPower(x & (~x + U(1u)));
  return bitcast<E>(select(n, I(32), n < I(0)));
}`,

  countOneBits: `
// Sums of 2, 4, 8, 16 and 32 bits (Warren, Hacker's Delight, section 5-1).
fn countOneBits(e: E) -> E {
  let x = bitcast<U>(e);
  let pairs = x - ((x >> U(1u)) & U(0x55555555u));
  let fours = (pairs & U(0x33333333u)) + ((pairs >> U(2u)) & U(0x33333333u));
  return bitcast<E>((((fours + (fours >> U(4u))) & U(0x0f0f0f0fu)) * U(0x01010101u)) >> U(24u));
}`,
} as const;

export const BIT_FUNCTIONS = {
  reverseBits: `
fn reverseBits(e: E) -> E {
  let x = bitcast<U>(e);
  let ones = ((x >> U(1u)) & U(0x55555555u)) | ((x & U(0x55555555u)) << U(1u));
  let pairs = ((ones >> U(2u)) & U(0x33333333u)) | ((ones & U(0x33333333u)) << U(2u));
  let fours = ((pairs >> U(4u)) & U(0x0f0f0f0fu)) | ((pairs & U(0x0f0f0f0fu)) << U(4u));
  let bytes = ((fours >> U(8u)) & U(0x00ff00ffu)) | ((fours & U(0x00ff00ffu)) << U(8u));
  return bitcast<E>((bytes >> U(16u)) | (bytes << U(16u)));
}`,

  firstTrailingBit: `
// -1 of 0.
fn firstTrailingBit(e: E) -> E {
  let n = countTrailingZeros(bitcast<I>(e));
  return bitcast<E>(select(n, I(-1), n == I(32)));
}`,

  firstLeadingBit: `
// The highest bit that differs from the sign; -1 if there is none. Of u32 the sign is 0.
fn firstLeadingBit(e: E) -> E {
  let x = select(e, ~e, e < E(0));
  return bitcast<E>(I(31) - countLeadingZeros(bitcast<I>(x)));
}`,

  extractBits: `
// A shift left drops what is above the bits; the shift right brings zeros, or the sign.
fn extractBits(e: E, offset: u32, count: u32) -> E {
  let first = min(offset, 32u);
  let width = min(count, 32u - first);
  let spare = U((32u - width) & 31u);
  let field = (e << (U(32u - width - first) & U(31u))) >> spare;
  return select(field, E(0), width == 0u);
}`,

  insertBits: `
fn insertBits(e: E, newbits: E, offset: u32, count: u32) -> E {
  let first = min(offset, 32u);
  let width = min(count, 32u - first);
  let shift = U(first & 31u);
  let mask = U(select(0xffffffffu >> ((32u - width) & 31u), 0u, width == 0u)) << shift;
  return bitcast<E>((bitcast<U>(e) & ~mask) | ((bitcast<U>(newbits) << shift) & mask));
}`,
} as const;
