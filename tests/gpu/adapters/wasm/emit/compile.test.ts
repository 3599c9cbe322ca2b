import { describe, expect, test } from 'vitest';
import { compileKernel } from '../../../../../src/gpu/adapters/wasm/emit/index.ts';
import { hasRelaxedSimd } from '../../../../../src/gpu/adapters/wasm/support.ts';
import { checkShader } from '../../../../../src/gpu/adapters/wasm/wgsl/index.ts';
import { run } from './launch.ts';

describe('compileKernel', () => {
  test('refuses subgroups, and names the builtin and its place', () => {
    const wgsl = `enable subgroups;
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) i: u32) {
  y[i] = subgroupAdd(y[i]);
}`;
    expect(() => compileKernel(checkShader(wgsl))).toThrow(/line 5, column \d+: subgroupAdd needs subgroups/);
  });

  test('numbers the bindings, and asks for the scratch memory of arrays', () => {
    const { bindings, scratchBytes } = compileKernel(
      checkShader(`
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
var<workgroup> w: array<vec4f, 3>;
@compute @workgroup_size(4)
fn main(@builtin(local_invocation_index) i: u32) {
  w[i] = vec4f(x[i]);
  y[i] = w[i].x;
}`),
    );
    expect(bindings).toEqual([2, 5]);
    expect(scratchBytes).toBe(48);
  });

  test.runIf(hasRelaxedSimd())('with relaxed, products are added with one rounding, or with two', () => {
    const [a, b, c] = [1 + 2 ** -12, 1 + 2 ** -12, -1];
    const y = new Float32Array(8);
    run({
      wgsl: `
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(1)
fn main() {
  y[0] = x[0] * x[1] + x[2];
  y[1] = x[2] - x[0] * x[1];
}`,
      buffers: [new Float32Array([a, a, a, a, b, b, b, b, c, c, c, c]), y],
      relaxed: true,
    });
    const [once, twice] = [a * b + c, Math.fround(a * b) + c].map(Math.fround);
    expect([once, twice]).toContain(y[0]);
    expect([Math.fround(c - a * b), Math.fround(c - Math.fround(a * b))]).toContain(y[4]);
    expect(once).not.toBe(twice);
  });

  test('components that are read alone are those of the vector', () => {
    const x = Float32Array.from({ length: 12 }, (_, i) => i + 1);
    const y = new Float32Array(8);
    run({
      wgsl: `
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(1)
fn main() {
  let lanes = x[0];
  let whole = x[1];
  y[0] = lanes.y * whole + lanes.w * x[2];
  y[1] = vec4f(lanes.x, lanes.z, whole.y, 0);
}`,
      buffers: [x, y],
    });
    expect([...y]).toEqual([5, 6, 7, 8].map((v, i) => 2 * v + 4 * (9 + i)).concat([1, 3, 6, 0]));
  });
});
