import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { run } from './launch.ts';

/** Indices around the ends of arrays and of the number range. */
const index = fc.oneof(
  fc.nat(20),
  fc.integer({ min: 0xfffffff0, max: 0xffffffff }),
  fc.constantFrom(0x7fffffff, 0x80000000, 0x10000000, 0x0fffffff, 0x40000000),
  fc.integer({ min: 0, max: 0xffffffff }),
);
const clamped = (i: number, length: number): number => Math.min(i, length - 1);

describe('an index past the end is that of the last element', () => {
  test('reading and writing bindings', () => {
    fc.assert(
      fc.property(index, index, fc.integer({ min: 1, max: 9 }), (from, to, length) => {
        const x = Float32Array.from({ length }, (_, i) => i + 0.5);
        const y = new Float32Array(length);
        run({
          wgsl: `
@group(0) @binding(0) var<storage, read> at: array<u32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1)
fn main() { y[at[1]] = x[at[0]] + f32(arrayLength(&y)); }`,
          buffers: [new Uint32Array([from, to]), x, y],
        });
        const expected = new Float32Array(length);
        expected[clamped(to, length)] = clamped(from, length) + 0.5 + length;
        expect(y).toEqual(expected);
      }),
    );
  });

  test('a negative index is one past the end', () => {
    fc.assert(
      fc.property(fc.integer({ min: -5, max: 9 }), (at) => {
        const y = new Uint32Array(4);
        run({
          wgsl: `
@group(0) @binding(0) var<storage, read> at: array<i32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
var<workgroup> w: array<u32, 3>;
@compute @workgroup_size(1)
fn main() {
  y[at[0]] = 7;
  w[at[0]] = 5;
  y[0] += w[2];
}`,
          buffers: [new Int32Array([at]), y],
        });
        const expected = new Uint32Array(4);
        expected[at < 0 ? 3 : Math.min(at, 3)] = 7;
        expected[0] = (expected[0] ?? 0) + (at < 0 || at >= 2 ? 5 : 0);
        expect(y).toEqual(expected);
      }),
    );
  });

  test('arrays in structs, arrays of arrays, components of vectors, arrays of functions', () => {
    fc.assert(
      fc.property(index, index, (i, j) => {
        const y = new Float32Array(4);
        const data = Float32Array.from({ length: 4 + 2 * 12 }, (_, k) => k);
        run({
          wgsl: `
struct Row { cells: array<vec2f, 3>, last: vec2f, rest: vec4f }
struct All { head: vec4f, rows: array<Row> }
@group(0) @binding(0) var<storage, read> at: array<u32>;
@group(0) @binding(1) var<storage, read> all_: All;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1)
fn main() {
  let i = at[0];
  let j = at[1];
  y[0] = all_.rows[i].cells[j][i];
  y[1] = all_.head[j];
  var local = array<f32, 3>(1, 2, 3);
  local[i] = 10;
  y[2] = local[j];
  var v = vec3f(1, 2, 3);
  v[j] = 20;
  y[3] = v[i] + f32(arrayLength(&all_.rows));
}`,
          buffers: [new Uint32Array([i, j]), data, y],
        });
        const local = [1, 2, 3];
        local[clamped(i, 3)] = 10;
        const v = [1, 2, 3];
        v[clamped(j, 3)] = 20;
        expect([...y]).toEqual([
          4 + 12 * clamped(i, 2) + 2 * clamped(j, 3) + clamped(i, 2),
          clamped(j, 4),
          local[clamped(j, 3)],
          (v[clamped(i, 3)] ?? 0) + 2,
        ]);
      }),
    );
  });
});

describe('memory', () => {
  test('vec3s, padding and neighbours stay as they are', () => {
    const y = new Float32Array(12).fill(-1);
    run({
      wgsl: `
struct Item { a: vec3f, b: f32 }
@group(0) @binding(0) var<storage, read_write> y: array<Item, 2>;
@group(0) @binding(1) var<storage, read_write> z: array<vec3f>;
@compute @workgroup_size(1)
fn main() {
  y[1].a = vec3f(1, 2, 3) + y[0].b;
  y[0] = Item(vec3f(7), y[1].a.z);
  z[0] = y[0].a * 2;
}`,
      buffers: [y.subarray(0, 8), y.subarray(8, 12)],
    });
    expect([...y]).toEqual([7, 7, 7, 2, 0, 1, 2, -1, 14, 14, 14, -1]);
  });

  test('what a kernel writes it reads again, in the order of statements', () => {
    const y = new Uint32Array([1, 2, 3, 4]);
    run({
      wgsl: `
@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(1)
fn main() {
  let before = y[1];
  y[1] = y[0] + before * 10;
  let after = y[1];
  y[1] = 5;
  y[0] = after + y[1] * 100 + before * 1000;
  var copy = array<u32, 2>(y[2], y[3]);
  y[2] = copy[1];
  y[3] = copy[0];
}`,
      buffers: [y],
    });
    expect([...y]).toEqual([21 + 500 + 2000, 5, 4, 3]);
  });

  test('atomics, on shared memory too', () => {
    for (const sharedMemory of [false, true]) {
      const y = new Int32Array([10, 0, 5, -5, 0b1100, 0b1010, 3, 9, 0]);
      run({
        wgsl: `
struct All { signed: array<atomic<i32>, 4>, bits: array<atomic<u32>, 4>, old: u32 }
@group(0) @binding(0) var<storage, read_write> y: All;
@compute @workgroup_size(4)
fn main(@builtin(local_invocation_index) i: u32) {
  atomicAdd(&y.signed[0], i32(i));
  atomicSub(&y.signed[1], 2);
  atomicMin(&y.signed[2], -i32(i));
  atomicMax(&y.signed[3], i32(i) - 10);
  atomicAnd(&y.bits[0], 0xau);
  atomicOr(&y.bits[1], i);
  atomicXor(&y.bits[2], 5u);
  if (i == 3) {
    y.old = atomicExchange(&y.bits[3], 77u) + atomicLoad(&y.bits[2]);
    atomicStore(&y.signed[1], -100);
  }
}`,
        buffers: [y],
        sharedMemory,
      });
      expect([...y]).toEqual([16, -100, -3, -5, 0b1000, 0b1011, 3, 77, 9 + 3]);
    }
  });
});
