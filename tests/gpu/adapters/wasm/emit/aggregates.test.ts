import { describe, expect, test } from 'vitest';
import { run } from './launch.ts';

/** Run statements that write to `y`, 16 numbers. */
function compute(body: string, functions = ''): number[] {
  const y = new Float32Array(16);
  run({
    wgsl: `
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
${functions}
@compute @workgroup_size(1)
fn main() {
  ${body}
  y[15] = x[0].w;
}`,
    buffers: [Float32Array.from({ length: 16 }, (_, i) => i + 1), y],
  });
  expect(y[15]).toBe(4);
  return [...y.subarray(0, 15)];
}

describe('aggregates', () => {
  test('an array that an unrolled loop indexes, and one that is indexed at run time', () => {
    const y = compute(`
  var v: array<vec4f, 4>;
  for (var i = 0u; i < 4; i++) { v[i] = x[i] * 2; }
  var w = v;
  let at = u32(x[0].y);
  w[at] = vec4f(0);
  for (var i = 0u; i < 4; i++) { y[i] = v[i].x + w[i].y; }
  for (var i = 0u; i < 4; i++) { if (i == at) { break; } y[4 + i] = v[3 - i].w; }
  for (var i = 0u; i < 4; i++) { if (i == at) { continue; } y[8 + i] = w[i][at]; }`);
    expect(y).toEqual([2 + 4, 10 + 12, 18, 26 + 28, 32, 24, 0, 0, 6, 14, 0, 30, 0, 0, 0]);
  });

  test('structs of structs and arrays are copied, passed and returned', () => {
    const y = compute(
      `
  var p = Outer(Inner(1, array<f32, 2>(2, 3)), x[1]);
  var q = changed(p);
  p.inner.list[1] = 50;
  let r = q.inner;
  y[0] = p.inner.a + p.inner.list[0] + p.inner.list[1];
  y[1] = q.inner.a + q.inner.list[0] + q.inner.list[1];
  y[2] = q.rest.z + r.list[0];
  let at = u32(x[0].x);
  y[3] = r.list[at];
  y[4] = array<f32, 3>(7, 8, 9)[at];`,
      `
struct Inner { a: f32, list: array<f32, 2> }
struct Outer { inner: Inner, rest: vec4f }
fn changed(p: Outer) -> Outer {
  var result = p;
  result.inner.list[0] *= 10;
  result.rest = p.rest.wzyx;
  return result;
}`,
    );
    expect(y.slice(0, 5)).toEqual([53, 24, 6 + 20, 3, 8]);
  });

  test('components: swizzles, assignment of one, vectors from parts, bools', () => {
    const y = compute(`
  var v = x[0];
  v.z = 30;
  v[0] += 9;
  let w = vec4f(v.zw, x[1].yx);
  y[0] = w.x; y[1] = w.y; y[2] = w.z; y[3] = w.w;
  let b = v > vec4f(5);
  y[4] = select(0.0, 1.0, b.x);
  y[5] = select(0.0, 1.0, b.y);
  y[6] = dot(select(vec4f(1), vec4f(10), b), vec4f(1, 2, 3, 4));
  y[7] = select(0.0, 1.0, any(b.yw) || all(b.xz));
  var c = vec2<bool>(false, true);
  c.x = !c.y;
  y[8] = select(0.0, 1.0, any(c)) + select(0.0, 2.0, all(c));
  let u = vec3u(7, 8, 9) / vec3u(2, u32(x[0].x) - 1, 3);
  y[9] = f32(u.x * 100 + u.y * 10 + u.z);`);
    expect(y.slice(0, 10)).toEqual([30, 4, 6, 5, 1, 0, 10 + 2 + 30 + 4, 1, 1, 383]);
  });

  test('an array of many elements is in memory, zero at the start', () => {
    const y = compute(`
  for (var round = 0u; round < 2; round++) {
    var many: array<f32, 200>;
    for (var i = 0u; i < 200; i += 3) { many[i] += f32(i); }
    var sum = 0.0;
    for (var i = 0u; i < 200; i++) { sum += many[i]; }
    y[round] = sum;
  }`);
    expect(y.slice(0, 2)).toEqual([6633, 6633]);
  });
});
