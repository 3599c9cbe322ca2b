/**
 * asin, acos, atan and atan2.
 *
 * A minimax polynomial on [0, 1] for atan (beyond 1 that of 1/x) and on [0, ½] for asin (beyond ½ that of √((1 - x)/2): Cody &
 * Waite 1980, chapters 10 and 11). What is taken from π or π/2 is taken from two floats.
 */
export const INVERSE_TRIGONOMETRIC_FUNCTIONS = {
  fromRightAngles: `
// base + x, where base is none, one or two right angles.
fn fromRightAngles(one: B, two: B, x: T) -> T {
  let base = select(select(T(0.0), T(3.1415927410125732), two), T(1.5707963705062866), one);
  return base + (x - select(select(T(0.0), T(8.742277657347586e-8), two), T(4.371138828673793e-8), one));
}`,

  atanReduced: `
// atan x for 0 ≤ x ≤ 1.
fn atanReduced(x: T) -> T {
  let z = x * x;
  var p = z * -0.0017829033 + 0.010868988;
  p = p * z - 0.0310974;
  p = p * z + 0.05788165;
  p = p * z - 0.08399314;
  p = p * z + 0.10950881;
  p = p * z - 0.14264016;
  p = p * z + 0.1999853;
  p = p * z - 0.333333;
  return x + x * (z * p);
}`,

  atan: `
fn atan(x: T) -> T {
  let size = abs(x);
  let large = size > T(1.0);
  let y = atanReduced(select(size, 1.0 / size, large));
  let angle = fromRightAngles(large, B(false), select(y, -y, large));
  return withSign(angle, x);
}`,

  atan2: `
// The larger coordinate divides; of two zeros or two infinities the quotient is 0 or 1.
fn atan2(y: T, x: T) -> T {
  let steep = abs(y) > abs(x);
  let small = select(abs(y), abs(x), steep);
  let large = select(abs(x), abs(y), steep);
  let finite = select(small / large, T(1.0), small == large);
  let reduced = atanReduced(select(finite, small, large == T(0.0)));
  let behind = bitcast<U>(x) >= U(0x80000000u);
  let angle = fromRightAngles(steep, behind, select(reduced, -reduced, steep != behind));
  return withSign(angle, y);
}`,

  asinSquare: `
// The arc sine of x by x, less 1, from z = x² for 0 ≤ x ≤ ½.
fn asinSquare(z: T) -> T {
  var p = z * 0.042158406 + 0.02418474;
  p = p * z + 0.045469154;
  p = p * z + 0.074953094;
  p = p * z + 0.16666752;
  return z * p;
}`,

  asin: `
fn asin(x: T) -> T {
  let size = abs(x);
  let large = size > T(0.5);
  let z = select(x * x, 0.5 - 0.5 * size, large);
  let root = select(size, sqrt(z), large);
  let more = root * asinSquare(z);
  // π/4 twice: the difference is then below ¼ and rounds little.
  let rest = (0.7853981852531433 - 2.0 * root) - (2.0 * more + 4.371138828673793e-8);
  let y = select(root + more, 0.7853981852531433 + rest, large);
  return withSign(y, x);
}`,

  acos: `
fn acos(x: T) -> T {
  let size = abs(x);
  let small = size <= T(0.5);
  let z = select(0.5 - 0.5 * size, x * x, small);
  let root = select(sqrt(z), size, small);
  let more = root * asinSquare(z);
  let y = select(2.0 * (root + more), root + more, small);
  let negative = x < T(0.0);
  return fromRightAngles(small, negative, select(y, -y, small != negative));
}`,
} as const;
