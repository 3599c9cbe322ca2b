/**
 * Philox 4×32-10 (Salmon et al., SC'11): random numbers as a pure function of a counter and a key, so that a value depends on
 * its purpose (sequence, position, stream), not on the order of execution. WGSL has no 64-bit product, so its high half is
 * computed from 16-bit parts.
 */
export const PHILOX_WGSL = `
fn mulHigh(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu; let ah = a >> 16u;
  let bl = b & 0xffffu; let bh = b >> 16u;
  let mid = ah * bl + ((al * bl) >> 16u);
  let mid2 = al * bh + (mid & 0xffffu);
  return ah * bh + (mid >> 16u) + (mid2 >> 16u);
}
fn philox(counter: vec4u, key: vec2u) -> vec4u {
  var c = counter;
  var k = key;
  for (var round = 0u; round < 10u; round++) {
    c = vec4u(mulHigh(0xCD9E8D57u, c.z) ^ c.y ^ k.x, 0xCD9E8D57u * c.z, mulHigh(0xD2511F53u, c.x) ^ c.w ^ k.y, 0xD2511F53u * c.x);
    k += vec2u(0x9E3779B9u, 0xBB67AE85u);
  }
  return c;
}
// Uniform on (0, 1): 23 bits and a half, so that neither end occurs and every value is exact in f32.
fn uniform4(bits: vec4u) -> vec4f { return (vec4f(bits >> vec4u(9u)) + 0.5) * 1.1920928955078125e-7; }`;

/**
 * The words of four neighbouring counters at a time, whose first words are `first` to `first` + 3: a round has as many
 * instructions for four as for one where a thread computes in vec4s. Besides `PHILOX_WGSL`.
 */
export const PHILOX_BLOCKS_WGSL = `
fn mulHigh4(a: u32, b: vec4u) -> vec4u {
  let bl = b & vec4u(0xffffu);
  let bh = b >> vec4u(16u);
  let mid = (a >> 16u) * bl + (((a & 0xffffu) * bl) >> vec4u(16u));
  let mid2 = (a & 0xffffu) * bh + (mid & vec4u(0xffffu));
  return (a >> 16u) * bh + (mid >> vec4u(16u)) + (mid2 >> vec4u(16u));
}
fn philoxBlocks(first: u32, rest: vec3u, key: vec2u) -> array<vec4u, 4> {
  var x = vec4u(first) + vec4u(0, 1, 2, 3);
  var y = vec4u(rest.x);
  var z = vec4u(rest.y);
  var w = vec4u(rest.z);
  var k = key;
  for (var round = 0u; round < 10u; round++) {
    let lowOfZ = 0xCD9E8D57u * z;
    let lowOfX = 0xD2511F53u * x;
    let highOfX = mulHigh4(0xD2511F53u, x);
    x = mulHigh4(0xCD9E8D57u, z) ^ y ^ vec4u(k.x);
    y = lowOfZ;
    z = highOfX ^ w ^ vec4u(k.y);
    w = lowOfX;
    k += vec2u(0x9E3779B9u, 0xBB67AE85u);
  }
  return array(
    vec4u(x.x, y.x, z.x, w.x), vec4u(x.y, y.y, z.y, w.y), vec4u(x.z, y.z, z.z, w.z), vec4u(x.w, y.w, z.w, w.w),
  );
}`;

/** Gumbel noise from a uniform number, or from four, finite for every value of `uniform4`: −2.8 to 16.6. */
const gumbelWgsl = (name: string, type: string): string => `
// −log(−log u). Near 1, −log u is a series in 1 − u, which is exact there: log itself may be off by 2⁻²¹, or 0.
fn ${name}(u: ${type}) -> ${type} {
  let v = 1.0 - u;
  return -log(select(-log(u), v * (1.0 + v * (0.5 + v * (1.0 / 3.0))), v < ${type}(0.005)));
}`;
export const GUMBEL_WGSL = gumbelWgsl('gumbel', 'f32');
export const GUMBEL4_WGSL = gumbelWgsl('gumbel4', 'vec4f');

/**
 * Other distributions, from the words of `philox`. For the tails, the uniform number in a logarithm has 32 bits: normal numbers
 * reach ±6.7, exponential ones e^±22.
 */
export const DISTRIBUTIONS_WGSL = `
fn fine(bits: vec4u) -> vec4f { return (vec4f(bits) + 0.5) * 2.3283064365386963e-10; }
// Cosine and sine of an angle in turns, −1/2 to 1/2: their series within an eighth of the nearest quarter. WGSL's own
// may be off by 2⁻¹¹, and drivers differ.
fn cosineAndSine(turns: f32) -> vec2f {
  let quarter = round(turns * 4.0);
  let a = (turns - quarter * 0.25) * 6.283185307179586;
  let s = a * a;
  let sine = a * (1.0 - s * (1.0 / 6.0 - s * (1.0 / 120.0 - s * (1.0 / 5040.0 - s * (1.0 / 362880.0)))));
  let cosine = 1.0 - s * (0.5 - s * (1.0 / 24.0 - s * (1.0 / 720.0 - s * (1.0 / 40320.0))));
  let turned = select(vec2f(cosine, sine), vec2f(-sine, cosine), abs(quarter) == 1.0);
  return select(turned, -turned, quarter == -1.0 || abs(quarter) == 2.0);
}
// Box and Muller: a radius and an angle make two independent numbers.
fn normal4(bits: vec4u) -> vec4f {
  let radius = sqrt(max(-2.0 * log(fine(bits).xz), vec2f()));
  let turns = uniform4(bits).yw - 0.5;
  return vec4f(radius.x * cosineAndSine(turns.x), radius.y * cosineAndSine(turns.y));
}
// −log(1 − u), by its series where 1 − u would lose digits.
fn exponential4(bits: vec4u) -> vec4f {
  let u = min(fine(bits), vec4f(0.99999994));
  return select(-log(1.0 - u), u * (1.0 + u * (0.5 + u * (1.0 / 3.0))), u < vec4f(0.005));
}`;
