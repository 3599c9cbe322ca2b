/**
 * The error function in f32, which WGSL lacks: an odd rational minimax approximation on [-4, 4] (the coefficients
 * are those of Eigen's and XLA's float erf), within 2e-7 of the true value everywhere.
 */
export const ERF_WGSL = `
fn erf(z: vec4f) -> vec4f {
  let x = clamp(z, vec4f(-4.0), vec4f(4.0));
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
  return x * p / q;
}
// Exact GELU, x·Φ(x) (Hendrycks & Gimpel, 1606.08415), and its derivative Φ(x) + x·φ(x).
fn gelu(x: vec4f) -> vec4f {
  return 0.5 * x * (1.0 + erf(x * 0.7071067811865476));
}
fn geluDerivative(x: vec4f) -> vec4f {
  return 0.5 * (1.0 + erf(x * 0.7071067811865476)) + x * exp(-0.5 * x * x) * 0.3989422804014327;
}`;
