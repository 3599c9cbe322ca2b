/** Variables, layouts, references and values of compound types (WGSL sections 7, 8.5 to 8.11, 9.2 and 14.4). */
import { floats, places, runs } from './program.ts';

const RECORD = `
struct Record { a: u32, b: vec3u, c: u32, d: vec2u, e: array<vec3u, 2>, f: u32 }`;
/** Words of a record: b is at 4, d at 8, e at 12 with steps of 4, f at 20; a record has 24. */
const RECORD_BINDINGS = `
@group(0) @binding(0) var<storage, read> x: array<Record>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;`;

const remainder = (x: number, y: number): number =>
  Math.fround(x - Math.fround(y * Math.trunc(Math.fround(x / y))));

runs('layouts', [
  {
    title: 'members are aligned, a scalar follows a vec3 directly, arrays of vec3 have steps of 16 bytes',
    declarations: RECORD,
    bindings: RECORD_BINDINGS,
    x: places(48),
    body: `
  let r = x[1];
  y[0] = r.a; y[1] = r.b.x; y[2] = r.b.z; y[3] = r.c; y[4] = r.d.y;
  y[5] = r.e[0].z; y[6] = r.e[1].x; y[7] = r.f;
  y[8] = x[0].e[1].y; y[9] = x[0].f; y[10] = arrayLength(&x);`,
    y: [24, 28, 30, 31, 33, 38, 40, 44, 17, 20, 2],
  },
  {
    title: 'a store of a vec3 leaves the word after it',
    bindings: `
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<Padded, 1>;`,
    declarations: 'struct Padded { v: vec3u, w: u32, rest: vec4u }',
    body: `
  y[0].w = 7;
  y[0].v = vec3u(1, 2, 3);
  y[0].rest.y = 9;`,
    y: [1, 2, 3, 7, 0, 9, 0, 0],
  },
  {
    title: 'a struct is loaded and stored member by member',
    declarations: 'struct Pair { a: vec2u, b: i32 }',
    bindings: `
@group(0) @binding(0) var<storage, read> x: array<Pair>;
@group(0) @binding(1) var<storage, read_write> y: array<Pair>;`,
    x: [1, 2, 0xffff_fffd, 0, 5, 6, 7, 0],
    body: `
  var p = x[1];
  p.b = -p.b;
  p.a.x += 10;
  y[0] = p;
  y[1] = x[0];`,
    y: [15, 6, -7, 0, 1, 2, -3, 0],
  },
  {
    title: '@size and @align move members',
    declarations: 'struct Spread { @size(16) a: u32, b: u32, @align(32) c: u32, @size(8) d: u32 }',
    bindings: `
@group(0) @binding(0) var<storage, read> x: array<Spread>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;`,
    x: places(32),
    body: 'y[0] = x[1].a; y[1] = x[1].b; y[2] = x[1].c; y[3] = x[1].d;',
    y: [16, 20, 24, 25],
  },
  {
    title: 'a uniform buffer has the same layout; the last member of a storage buffer may be a runtime array',
    declarations: 'struct Body { count: u32, items: array<vec2u> }',
    bindings: `
@group(0) @binding(0) var<uniform> x: array<vec4u, 2>;
@group(0) @binding(1) var<storage, read_write> y: Body;`,
    x: places(8),
    body: `
  y.count = arrayLength(&y.items);
  y.items[0] = x[1].wz;
  y.items[1].y = x[0].y;`,
    y: [2, 0, 7, 6, 0, 1],
  },
]);

runs('variables', [
  {
    title: 'without a value a variable is 0, each time that its declaration runs',
    body: `
  for (var i = 0u; i < 3; i++) {
    var v: vec3u;
    var a: array<u32, 4>;
    v.y += i; a[i] += 5;
    y[i] = v.x + v.y * 10 + a[0] + a[1] + a[2] + a[3];
  }`,
    y: [5, 15, 25],
  },
  {
    title: 'private variables begin with their value in each invocation',
    declarations: `
var<private> count: u32 = 3;
var<private> table: array<u32, 2>;
fn bump(by: u32) -> u32 { count += by; table[1] += count; return count; }`,
    size: 3,
    workgroups: 2,
    body: `
  let first = bump(local);
  y[id.x] = first * 100 + bump(1) * 10 + table[1];`,
    y: [347, 459, 571, 347, 459, 571],
  },
  {
    title: 'workgroup variables are 0 at the start of each workgroup',
    declarations: `
var<workgroup> sum: array<u32, 4>;`,
    size: 4,
    workgroups: 3,
    body: `
  sum[local] += local + 1;
  workgroupBarrier();
  y[id.x] = sum[0] * 1000 + sum[1] * 100 + sum[2] * 10 + sum[3];`,
    y: new Array(12).fill(1234),
  },
  {
    title: 'an inner name hides an outer one until its block ends',
    body: `
  let a = 1u;
  { let a = a + 10; y[0] = a; }
  for (var a = 5u; a < 6; a++) { y[1] = a; let b = a; { var a = b * 2; a++; y[2] = a; } }
  y[3] = a;`,
    y: [11, 5, 11, 1],
  },
  {
    title: 'arrays are values: a copy does not change with the original',
    body: `
  var a = array<u32, 3>(1, 2, 3);
  let b = a;
  var c = a;
  a[1] = 20;
  c[2] = 30;
  y[0] = a[1]; y[1] = b[1]; y[2] = c[1]; y[3] = c[2]; y[4] = b[2];`,
    y: [20, 2, 2, 30, 3],
  },
  {
    title: 'a function changes its own copies',
    declarations: `
struct S { a: u32, v: vec2u }
fn changed(s: S, values: array<u32, 2>) -> S {
  var t = s;
  t.a += values[1];
  t.v.y = values[0];
  return t;
}`,
    body: `
  let s = S(1, vec2u(2, 3));
  let t = changed(s, array<u32, 2>(40, 50));
  y[0] = s.a; y[1] = s.v.y; y[2] = t.a; y[3] = t.v.x; y[4] = t.v.y;`,
    y: [1, 3, 51, 2, 40],
  },
  {
    title: 'constants are exact until they get a type',
    declarations: `
const THIRD = 1.0 / 3.0;
const BIG = 4294967296 / 2 - 1;
const MASK: u32 = 0xff << 4;`,
    body: `
  y[0] = bitcast<u32>(f32(THIRD * 3.0));
  y[1] = BIG;
  y[2] = MASK;
  y[3] = bitcast<u32>(f32(0x1.8p1));
  y[4] = u32(1e3) + 7u / 2;
  y[5] = bitcast<u32>(-7 / 2) + bitcast<u32>(-7 % 2);`,
    y: [...floats(1), 0x7fff_ffff, 0xff0, ...floats(3), 1003, -4],
  },
  {
    title: '% of f32 constants is x - y·trunc(x/y), rounded as at run time',
    declarations: 'const REMAINDER = 3e38f % 7f;',
    body: `
  y[0] = bitcast<u32>(REMAINDER);
  y[1] = bitcast<u32>(bitcast<f32>(x[0]) % bitcast<f32>(x[1]));`,
    x: floats(3e38, 7),
    y: floats(...new Array<number>(2).fill(remainder(Math.fround(3e38), 7))),
  },
]);

runs('vectors', [
  {
    title: 'swizzles read components in any order, more than once',
    x: [1, 2, 3, 4],
    body: `
  let v = vec4u(x[0], x[1], x[2], x[3]);
  let w = v.wzyx;
  let s = v.xxy + v.rga;
  y[0] = w.x; y[1] = w.w; y[2] = s.x; y[3] = s.y; y[4] = s.z; y[5] = v.zw.y; y[6] = v.bgr.gr.y;`,
    y: [4, 1, 2, 3, 6, 4, 3],
  },
  {
    title: 'components chosen at run time are read and written',
    x: [2, 0, 3],
    body: `
  var v = vec4u(10, 20, 30, 40);
  v[x[0]] = 7;
  v[x[1]] += v[x[2]];
  let w = vec3u(5, 6, 7);
  y[0] = v.x; y[1] = v.y; y[2] = v.z; y[3] = v.w; y[4] = w[x[0]]; y[5] = (w * 2)[x[1]];`,
    y: [50, 20, 7, 40, 7, 10],
  },
  {
    title: 'vectors are made of scalars and vectors; a scalar fills one',
    x: [1, 2, 3],
    body: `
  let v = vec4u(vec2u(x[0], x[1]), vec2u(x[2]));
  let w = vec3u(9, v.yz);
  y[0] = v.x; y[1] = v.y; y[2] = v.z; y[3] = v.w;
  y[4] = w.x; y[5] = w.y; y[6] = w.z; y[7] = vec3u().z + u32(vec2f(2.5).y);`,
    y: [1, 2, 3, 3, 9, 2, 3, 2],
  },
  {
    title: 'a scalar beside a vector counts for each component',
    x: floats(1, 2, 3),
    body: `
  let v = vec3f(bitcast<f32>(x[0]), bitcast<f32>(x[1]), bitcast<f32>(x[2]));
  let w = 6.0 / v - v * 2.0;
  y[0] = bitcast<u32>(w.x); y[1] = bitcast<u32>(w.y); y[2] = bitcast<u32>(w.z);`,
    y: floats(4, -1, -4),
  },
  {
    title: 'comparisons, select, any and all go by components',
    x: [1, 5, 3],
    body: `
  let v = vec3u(x[0], x[1], x[2]);
  let less = v < vec3u(3);
  let s = select(v, v * 100, less);
  y[0] = s.x; y[1] = s.y; y[2] = s.z;
  y[3] = select(0u, 1u, any(less)); y[4] = select(0u, 1u, all(less));
  y[5] = select(0u, 1u, all(v >= vec3u(1))); y[6] = select(0u, 1u, any(v == vec3u(4)));
  let m = !less & vec3<bool>(true, true, false);
  y[7] = u32(m.x) + 10 * u32(m.y) + 100 * u32(m.z);`,
    y: [100, 5, 3, 1, 0, 1, 0, 10],
  },
  {
    title: 'three components do not let a fourth take part',
    x: [0, 0, 0],
    body: `
  let v = vec3u(x[0], x[1], x[2]);
  y[0] = select(0u, 1u, all(v == vec3u(0)));
  y[1] = select(0u, 1u, any(v != vec3u(0)));
  y[2] = dot(v + 1, vec3u(1, 10, 100));
  let w = vec2u(x[0], 1) / vec2u(x[1], 1);
  y[3] = select(0u, 1u, all(w == vec2u(0, 1)));`,
    y: [1, 0, 111, 1],
  },
  {
    title: 'bools live in variables, vectors, arrays and parameters',
    declarations: `
fn pick(chosen: bool, v: vec2<bool>) -> vec2<bool> { return select(v, !v, chosen); }`,
    x: [3, 0],
    body: `
  var flags = array<bool, 3>(true, false, x[0] > 2);
  flags[x[1]] = false;
  let v = pick(flags[2], vec2<bool>(flags[0], flags[2]));
  y[0] = u32(flags[0]); y[1] = u32(flags[1]); y[2] = u32(flags[2]); y[3] = u32(v.x); y[4] = u32(v.y);`,
    y: [0, 0, 1, 1, 0],
  },
  {
    title: 'components of vectors of bools in an array are read and written at run time',
    body: `
  var v = array<vec4<bool>, 2>();
  v[x[0]].y = true;
  v[x[0]][x[0] + 2] = x[0] > 0;
  y[0] = u32(v[x[0]].y); y[1] = u32(v[x[0]].x); y[2] = u32(v[x[0] - 1].y);
  y[3] = select(7u, 8u, v[x[0]][3]);
  y[4] = dot(vec4u(v[x[0]]), vec4u(1, 10, 100, 1000));`,
    x: [1],
    y: [1, 0, 0, 8, 1010],
  },
]);

runs('assignments', [
  {
    title: 'compound assignments and increments wrap, and take a scalar for a vector',
    x: [5, 0xffff_ffff],
    body: `
  var a = x[0];
  a += 3; a *= 2; a -= 20; a /= 3; a %= 7; y[0] = a;
  a = 12; a <<= x[0]; a |= 1; a ^= 3; a &= 0xf0; a >>= 4; y[1] = a;
  var i = 2147483647i; i++; y[2] = bitcast<u32>(i); i--; y[3] = bitcast<u32>(i);
  var n = 0u; n--; y[4] = n; n++; y[5] = n;
  var v = vec2f(1, 2); v *= 2.5; v -= vec2f(0.5, 1); y[6] = bitcast<u32>(v.x); y[7] = bitcast<u32>(v.y);`,
    // (8·2 - 20) wraps to 4294967292, a third is 1431655764, which is 6 modulo 7.
    y: [1_431_655_764 % 7, 0b1000, 0x8000_0000, 0x7fff_ffff, 0xffff_ffff, 0, ...floats(2, 4)],
  },
  {
    title: 'components and elements are assigned alone',
    x: [1],
    body: `
  var v = vec3u(1, 2, 3);
  v.y = 20; v.z += v.x;
  var a = array<vec2u, 2>();
  a[x[0]].y = 9; a[0] = v.xy; a[x[0] - 1].x ^= 0xff;
  y[0] = v.x; y[1] = v.y; y[2] = v.z; y[3] = a[0].x; y[4] = a[0].y; y[5] = a[1].x; y[6] = a[1].y;`,
    y: [1, 20, 4, 0xfe, 20, 0, 9],
  },
  {
    title: 'a value may be dropped for its effect',
    declarations: `
var<private> calls = 0u;
fn next() -> u32 { calls++; return calls; }`,
    body: `
  _ = next();
  _ = next() + next();
  y[0] = calls;`,
    y: [3],
  },
  {
    title: 'the right side is evaluated before the store, and the index of a compound assignment once',
    declarations: `
var<private> at = 0u;
fn next() -> u32 { at++; return at - 1; }`,
    body: `
  y[next()] += 5u;
  y[next()] += 7u;
  y[2] = at;`,
    y: [5, 7, 2],
  },
]);
