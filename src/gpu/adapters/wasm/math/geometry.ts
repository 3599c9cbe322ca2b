/** Builtins of a vector as a whole, for `T`, a vector of f32. */
export const GEOMETRY_FUNCTIONS = {
  length: `
fn length(v: T) -> f32 { return sqrt(dot(v, v)); }`,

  distance: `
fn distance(a: T, b: T) -> f32 { return length(a - b); }`,

  normalize: `
fn normalize(v: T) -> T { return v / length(v); }`,

  reflect: `
fn reflect(e: T, normal: T) -> T { return e - 2.0 * dot(normal, e) * normal; }`,

  refract: `
// 0 where all light is reflected.
fn refract(e: T, normal: T, ratio: f32) -> T {
  let cosine = dot(normal, e);
  let k = 1.0 - ratio * ratio * (1.0 - cosine * cosine);
  return select(ratio * e - (ratio * cosine + sqrt(k)) * normal, T(), k < 0.0);
}`,

  faceForward: `
fn faceForward(e1: T, e2: T, e3: T) -> T { return select(-e1, e1, dot(e2, e3) < 0.0); }`,
} as const;

/** Those of f32: a vector of one component. */
export const SCALAR_GEOMETRY_FUNCTIONS = {
  length: `
fn length(x: T) -> T { return abs(x); }`,

  distance: `
fn distance(a: T, b: T) -> T { return abs(a - b); }`,
} as const;

/** That of vec3f. */
export const CROSS_FUNCTIONS = {
  cross: `
fn cross(a: T, b: T) -> T { return a.yzx * b.zxy - a.zxy * b.yzx; }`,
} as const;
