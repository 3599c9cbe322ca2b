/**
 * The error function in f32, which WGSL lacks: an odd rational minimax approximation on [-4, 4] (the coefficients
 * are those of Eigen's and XLA's float erf), within 2e-7 of the true value; beyond 3.8325 the nearest f32 is ±1. Also both
 * forms of GELU and their derivatives. Written for `T`, f32 or vec4f.
 */
export const ERF_FUNCTIONS = {
  erf: `
fn erf(z: T) -> T {
  let x = clamp(z, T(-4.0), T(4.0));
  let t = x * x;
  var p = t * -2.72614225801306e-10 + 2.77068142495902e-08;
  p = p * t - 2.10102402082508e-06;
  p = p * t - 5.69250639462346e-05;
  p = p * t - 7.34990630326855e-04;
  p = p * t - 2.95459980854025e-03;
  p = p * t - 1.60960333262415e-02;
  var q = t * -1.45660718464996e-05 - 2.13374055278905e-04;
  q = q * t - 1.68282697438203e-03;
  q = q * t - 7.37332916720468e-03;
  q = q * t - 1.42647390514189e-02;
  return select(x * p / q, sign(x), abs(x) > T(3.8325));
}`,

  gelu: `
// Exact GELU, x·Φ(x) (Hendrycks & Gimpel, 1606.08415).
fn gelu(x: T) -> T {
  return 0.5 * x * (1.0 + erf(x * 0.7071067811865476));
}`,

  geluDerivative: `
// Φ(x) + x·φ(x). The density needs no better exp: where that of WGSL is imprecise, it vanishes beside Φ.
fn geluDerivative(x: T) -> T {
  return 0.5 * (1.0 + erf(x * 0.7071067811865476)) + x * exp(-0.5 * x * x) * 0.3989422804014327;
}`,

  geluTanh: `
// GELU with Φ(x) ≈ (1 + tanh(√(2/π)·(x + 0.044715x³)))/2, in the same paper.
fn geluTanh(x: T) -> T {
  return 0.5 * x * (1.0 + tanhf(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}`,

  geluTanhDerivative: `
fn geluTanhDerivative(x: T) -> T {
  let t = tanhf(0.7978845608028654 * (x + 0.044715 * x * x * x));
  let inner = 0.7978845608028654 * (1.0 + 0.134145 * x * x);
  return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * inner;
}`,
} as const;

/** erf and GELU for the epilogues of other kernels, on vec4f. */
export const GELU_WGSL =
  `${ERF_FUNCTIONS.erf}\n${ERF_FUNCTIONS.gelu}\n${ERF_FUNCTIONS.geluDerivative}`.replace(/\bT\b/g, 'vec4f');
