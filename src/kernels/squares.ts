/**
 * Sums of squares without overflow: the square of a number above 1.8e19 exceeds f32, so the squares of 2⁻⁸⁰·x are added as
 * well as those of x, and the root is taken of the valid sum. (As in BLAS's nrm2; Blue 1978.)
 */
export const SQUARES_WGSL = `
fn squaresOf(x: f32) -> vec2f {
  let scaled = vec2f(x, x * ${2 ** -80});
  return scaled * scaled;
}
fn isNaN(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn isFinite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }
// Not finite if a number among those squared was not, or if the root itself is too large.
fn rootOfSquares(squares: vec2f) -> f32 {
  return select(sqrt(squares.y) * ${2 ** 80}, sqrt(squares.x), isFinite(squares.x));
}`;

/**
 * For a second pass over numbers whose plain sum of `squares` overflows or underflows: the power of two by which each is
 * multiplied, the square of one, and the root of the mean square of both passes.
 */
export const RESCALED_SQUARES_WGSL = `
fn fits(squares: f32) -> bool { return isFinite(squares) & (squares >= ${2 ** -60}); }
fn scaleFor(squares: f32) -> f32 { return select(${2 ** -80}, ${2 ** 80}, isFinite(squares)); }
fn rescaledSquare(x: f32, squares: f32) -> f32 {
  let scaled = x * scaleFor(squares);
  return scaled * scaled;
}
fn rootOfMean(rescaled: f32, squares: f32, divisor: f32) -> f32 {
  return select(sqrt(rescaled / divisor) / scaleFor(squares), sqrt(squares / divisor), fits(squares));
}`;
