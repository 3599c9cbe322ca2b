/** Builtins that pack numbers into a u32, the first in its lowest bits, and unpack them. */

/** Shifts of the four bytes of a word. */
const BYTES = 'vec4u(0u, 8u, 16u, 24u)';
/** The four bytes of `word`, signed. */
const SIGNED_BYTES = '(bitcast<vec4i>(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u))';
/** The four bytes of `word`. */
const UNSIGNED_BYTES = `((vec4u(word) >> ${BYTES}) & vec4u(0xffu))`;
/** The two halves of `word`, signed. */
const SIGNED_HALVES = '(bitcast<vec2i>(vec2u(word) << vec2u(16u, 0u)) >> vec2u(16u))';
const UNSIGNED_HALVES = '(vec2u(word) & vec2u(0xffffu, 0xffffffffu)) >> vec2u(0u, 16u)';

const floats = (count: 2 | 4, lowest: number, scale: number): string =>
  `floor(0.5 + ${scale}.0 * clamp(e, vec${count}f(${lowest}.0), vec${count}f(1.0)))`;

export const PACKING_FUNCTIONS = {
  wordOfBytes: `
fn wordOfBytes(bytes: vec4u) -> u32 {
  let shifted = (bytes & vec4u(0xffu)) << ${BYTES};
  return shifted.x | shifted.y | shifted.z | shifted.w;
}`,
  wordOfHalves: `
fn wordOfHalves(halves: vec2u) -> u32 { return (halves.x & 0xffffu) | (halves.y << 16u); }`,
  pack4x8snorm: `
fn pack4x8snorm(e: vec4f) -> u32 { return wordOfBytes(bitcast<vec4u>(vec4i(${floats(4, -1, 127)}))); }`,
  pack4x8unorm: `
fn pack4x8unorm(e: vec4f) -> u32 { return wordOfBytes(vec4u(${floats(4, 0, 255)})); }`,
  pack4xI8: `
fn pack4xI8(e: vec4i) -> u32 { return wordOfBytes(bitcast<vec4u>(e)); }`,
  pack4xU8: `
fn pack4xU8(e: vec4u) -> u32 { return wordOfBytes(e); }`,
  pack4xI8Clamp: `
fn pack4xI8Clamp(e: vec4i) -> u32 {
  return wordOfBytes(bitcast<vec4u>(clamp(e, vec4i(-128), vec4i(127))));
}`,
  pack4xU8Clamp: `
fn pack4xU8Clamp(e: vec4u) -> u32 { return wordOfBytes(min(e, vec4u(255u))); }`,
  pack2x16snorm: `
fn pack2x16snorm(e: vec2f) -> u32 { return wordOfHalves(bitcast<vec2u>(vec2i(${floats(2, -1, 32767)}))); }`,
  pack2x16unorm: `
fn pack2x16unorm(e: vec2f) -> u32 { return wordOfHalves(vec2u(${floats(2, 0, 65535)})); }`,
  pack2x16float: `
fn pack2x16float(e: vec2f) -> u32 { return wordOfHalves(toHalf(e)); }`,
  unpack4x8snorm: `
fn unpack4x8snorm(word: u32) -> vec4f { return max(vec4f(${SIGNED_BYTES}) / 127.0, vec4f(-1.0)); }`,
  unpack4x8unorm: `
fn unpack4x8unorm(word: u32) -> vec4f { return vec4f(${UNSIGNED_BYTES}) / 255.0; }`,
  unpack4xI8: `
fn unpack4xI8(word: u32) -> vec4i { return ${SIGNED_BYTES}; }`,
  unpack4xU8: `
fn unpack4xU8(word: u32) -> vec4u { return ${UNSIGNED_BYTES}; }`,
  unpack2x16snorm: `
fn unpack2x16snorm(word: u32) -> vec2f { return max(vec2f(${SIGNED_HALVES}) / 32767.0, vec2f(-1.0)); }`,
  unpack2x16unorm: `
fn unpack2x16unorm(word: u32) -> vec2f { return vec2f(${UNSIGNED_HALVES}) / 65535.0; }`,
  unpack2x16float: `
fn unpack2x16float(word: u32) -> vec2f { return fromHalf(${UNSIGNED_HALVES}); }`,
  dot4U8Packed: `
fn dot4U8Packed(a: u32, b: u32) -> u32 { return dot(unpack4xU8(a), unpack4xU8(b)); }`,
  dot4I8Packed: `
fn dot4I8Packed(a: u32, b: u32) -> i32 { return dot(unpack4xI8(a), unpack4xI8(b)); }`,
} as const;
