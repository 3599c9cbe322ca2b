import { describe, expect, it } from 'vitest';
import { checkShader } from '../../../../../src/gpu/adapters/wasm/wgsl/index.ts';
import { BODY_LINE, program } from './checked.ts';

describe('a body', () => {
  it.each([
    // Names and types
    ['f = missing;', 5, 'there is no missing in scope'],
    ['f = missing(1);', 5, 'there is no function missing'],
    ['var a: vec5f;', 8, 'there is no type vec5f'],
    ['let f16_ = vec2h();', 12, 'the type vec2h is not supported'],
    ['let m = mat2x2f();', 9, 'the type mat2x2f is not supported'],
    ['f = f32;', 5, 'f32 is a type, not a value'],
    ['f = u;', 5, 'expected f32, found u32'],
    ['u = 1.5;', 5, 'expected u32, found an abstract float'],
    ['u = -1;', 5, '-1 is out of the range of u32'],
    ['i = 3000000000;', 5, '3000000000 is out of the range of i32'],
    ['let a = 1; let a = 2;', 16, 'a is declared twice in one scope'],
    ['let a;', 5, 'let a has no value'],
    ['var a;', 5, 'var a has neither a type nor a value'],
    ['{ let a = 1; } f = a;', 20, 'there is no a in scope'],
    ['var a = buffer;', 9, 'array<vec4<f32>> is not a value'],
    ['var<private> a = 1;', 14, 'address space function'],
    ['var a: array<f32>;', 5, 'var a cannot be of type array<f32>'],
    ['const a = f;', 11, 'expected a constant expression'],
    ['const_assert 1 > 2;', 1, 'const_assert fails'],
    // Operators
    ['f = f + u;', 7, 'no operator f32 + u32'],
    ['v4 = v4 + v3;', 9, 'no operator vec4<f32> + vec3<f32>'],
    ['u4 = u4 >> u;', 9, 'no operator vec4<u32> >> u32'],
    ['u4 = u4 & 1;', 9, 'no operator vec4<u32> & an abstract int'],
    ['i = i << i;', 7, 'no operator i32 << i32'],
    ['t = t < t;', 7, 'no operator bool < bool'],
    ['t = t && u;', 7, 'no operator bool && u32'],
    ['u = -u;', 5, 'no operator -u32'],
    ['t = !u;', 5, 'no operator !u32'],
    ['u = u / 0;', 7, 'division by zero'],
    ['u4 = u4 % vec4(1, 0, 1, 1);', 9, 'division by zero'],
    ['f = 1 / 0.0;', 7, 'division by zero'],
    ['u = u << 32;', 7, 'a shift by 32 bits or more'],
    ['i = 1i << 31u;', 8, '1 << 31 loses bits'],
    ['f = 3e38f * 10;', 11, '* 10 is out of the range of f32'],
    ['i = 9223372036854775807 + 1;', 25, 'out of the range of an abstract int'],
    // Accesses
    ['f = list[4];', 9, 'the index 4 is out of range: 0 to 3'],
    ['f = v4[-1];', 7, 'the index -1 is out of range'],
    ['f = buffer[-1].x;', 11, 'it is negative'],
    ['f = v2.z;', 8, 'a vec2 has no component for each letter of z'],
    ['v2 = v4.xg;', 9, 'xg is no swizzle'],
    ['f = v4.xyzwx;', 8, 'xyzwx is no swizzle'],
    ['f = f.x;', 7, 'f32 has no member x'],
    ['f = pair.c;', 10, 'struct Pair has no member c'],
    ['f = u[0];', 6, 'u32 has no elements'],
    ['f = list[f];', 9, 'an index is an i32 or u32, found f32'],
    // Assignments
    ['n = 2;', 1, 'n is a let or a parameter and is not assigned'],
    ['id.x = 2;', 4, 'id is a let or a parameter and is not assigned'],
    ['buffer[0] = v4;', 7, 'buffer is read-only and is not assigned'],
    ['counter = 1;', 1, 'a value of type atomic<u32> is not assigned'],
    ['v4.xy = v2;', 4, 'this is a value, not a variable'],
    ['f++;', 1, '++ takes an i32 or u32, found f32'],
    ['1 = f;', 1, 'this is a value, not a variable'],
    ['f == 1;', 3, 'expected an assignment, found =='],
    // Calls
    ['f = max(f);', 5, 'max takes 2 values, found 1'],
    ['f = max(f, u);', 5, 'no builtin max(f32, u32)'],
    ['f = max(v4, f);', 5, 'no builtin max(vec4<f32>, f32)'],
    ['f = exp(u);', 5, 'no builtin exp(u32)'],
    ['f = dot(f, f);', 5, 'no builtin dot(f32, f32)'],
    ['f = select(f, f, u);', 5, 'no builtin select(f32, f32, u32)'],
    ['max(f, f);', 1, 'the value of max is not used'],
    ['f = workgroupBarrier();', 5, 'there is no function workgroupBarrier'],
    ['f = subgroupAdd(f);', 5, 'this needs subgroups'],
    ['f = atomicLoad(counter);', 5, 'atomicLoad takes a reference'],
    ['u = atomicStore(&counter, 1);', 5, 'atomicStore returns no value'],
    ['u = atomicLoad(&u);', 5, 'atomicLoad takes a reference to an atomic, found u32'],
    ['u = arrayLength(&list);', 5, 'arrayLength takes a reference to an array without length'],
    ['_ = counter;', 5, 'atomic<u32> is not a value'],
    ['let p = &f;', 9, 'pointers are not supported'],
    ['v4 = vec4f(u);', 6, 'expected f32, found u32'],
    ['v4 = vec4f(f, f);', 6, 'vec4(…) takes 4 components, found 2'],
    ['v4 = vec4f(v3);', 6, 'vec3<f32> does not convert to vec4<f32>'],
    ['list = array<f32, 4>(1);', 8, 'array<f32, 4>(…) takes 4 values, found 1'],
    ['u = bitcast<u32>(v2);', 5, 'no bitcast from vec2<f32> to u32'],
    ['f = bitcast<f32>(0x7fc00000u);', 5, 'a constant must not be NaN or infinite'],
    ['f = sqrt(-1);', 5, 'sqrt of -1 is undefined'],
    ['f = textureLoad(f);', 5, 'there is no function textureLoad'],
    // Control flow
    ['if (u) { }', 5, 'expected bool, found u32'],
    ['break;', 1, 'break stands in no loop and no switch'],
    ['continue;', 1, 'continue stands in no loop'],
    ['switch u { default: { continue; } }', 23, 'continue stands in no loop'],
    ['loop { }', 1, 'this loop has no end'],
    ['for (;;) { f = 1; }', 1, 'this loop has no end'],
    ['loop { continuing { return; } }', 21, 'return stands in continuing'],
    ['loop { continuing { break; } }', 21, 'break stands in continuing'],
    ['loop { if t { break if t; } }', 15, 'break if stands only at the end of continuing'],
    ['loop { if t { continue; } let k = 1; continuing { i = k; break if t; } }', 55, 'k has no value here'],
    ['return 1;', 8, 'main returns no value'],
    ['switch u { case 1: { } }', 1, 'this switch has no default'],
    ['switch u { case 1, 1: { } default: { } }', 20, 'this switch has 1 twice'],
    ['switch u { case i: { } default: { } }', 17, 'expected a constant expression'],
    ['switch f { default: { } }', 1, 'a switch takes an i32 or u32, found f32'],
    ['discard;', 1, 'discard belongs to fragment shaders'],
    ['let private = 1; let enum = 2;', 22, 'enum is a reserved word'],
    ['f = 1 f = 2;', 7, 'expected ;, found f'],
  ])('%s is refused at column %i', (body, column, reason) => {
    expect(() => program(body)).toThrow(
      expect.objectContaining({ line: BODY_LINE, column, reason: expect.stringContaining(reason) }),
    );
  });
});

const MAIN = '@compute @workgroup_size(1) fn main() { }';

describe('a source', () => {
  it.each([
    ['', 1, 'the source has no entry point'],
    [`${MAIN} @compute @workgroup_size(1) fn other() { }`, 74, 'the source has two entry points'],
    ['@compute fn main() { }', 13, 'the entry point needs @workgroup_size'],
    ['@compute @workgroup_size(0) fn main() { }', 26, 'an integer from 1 to 256'],
    [
      '@compute @workgroup_size(16, 32) fn main() { }',
      10,
      'a workgroup has at most 256 invocations, found 512',
    ],
    ['@vertex fn vertex() { }', 1, '@vertex is not supported'],
    ['@compute @workgroup_size(1) fn main(x: u32) { }', 37, 'needs @builtin'],
    ['@compute @workgroup_size(1) fn main(@builtin(position) x: vec4f) { }', 37, 'position is not supported'],
    [
      '@compute @workgroup_size(1) fn main(@builtin(workgroup_id) x: u32) { }',
      60,
      'workgroup_id is a vec3<u32>, not a u32',
    ],
    ['@compute @workgroup_size(1) fn main(@builtin(subgroup_size) x: u32) { }', 37, 'this needs subgroups'],
    ['enable f16;', 8, 'the extension f16 is not supported'],
    [`${MAIN} enable subgroups;`, 43, 'enable stands after a declaration'],
    ['override x = 1;', 1, 'override is not supported'],
    ['let x = 1;', 1, 'expected a declaration'],
    ['const x = y; const y = x;', 24, 'x is defined by itself'],
    ['struct S { a: S }', 15, 'S is defined by itself'],
    ['struct S { a: u32, a: u32 }', 20, 'struct S has two members a'],
    ['struct S { }', 8, 'struct S has no member'],
    ['struct S { a: array<u32>, b: u32 }', 27, 'b follows an array without length'],
    ['struct S { a: u32 } fn S() { }', 24, 'S is declared twice'],
    ['alias A = B;', 11, 'there is no type B'],
    ['var x: u32;', 5, 'var x needs an address space'],
    ['var<storage> x: u32;', 14, 'var x needs @group(0) @binding(n)'],
    ['@group(1) @binding(0) var<storage> x: u32;', 36, 'var x is in group 1'],
    ['@group(0) @binding(0) var<storage, write> x: u32;', 43, 'the access write is not supported'],
    ['@group(0) @binding(0) var<storage> x: bool;', 36, 'a buffer contains no bool'],
    ['@group(0) @binding(0) var<storage> x: atomic<u32>;', 36, 'x has atomics'],
    [
      '@group(0) @binding(0) var<storage> x: u32; @group(0) @binding(0) var<storage> y: u32;',
      79,
      'y has the binding 0, as x has',
    ],
    ['@group(0) @binding(0) var<uniform> x: array<f32, 4>;', 36, '4 bytes apart, not a multiple of 16'],
    ['var<workgroup> x: array<u32>;', 16, 'var<workgroup> x cannot be of type array<u32>'],
    ['var<workgroup> x = 1;', 20, 'a workgroup variable has no initial value'],
    ['var<private> x: array<u32, 0>;', 28, 'the length of an array is an integer from 1'],
    ['var<private> x: atomic<f32>;', 17, 'an atomic is atomic<u32> or atomic<i32>'],
    ['fn f() -> u32 { }', 15, 'f does not return a value on every path'],
    ['fn f(x: u32) -> u32 { if x > 1 { return 1; } }', 21, 'f does not return a value on every path'],
    ['fn f(x: u32) -> u32 { while x > 1 { return 1; } }', 21, 'f does not return a value on every path'],
    ['fn f(x: u32) -> u32 { return; }', 23, 'f returns a u32'],
    ['fn f(x: u32, x: u32) { }', 14, 'x is declared twice'],
    ['fn f(x: u32) { let x = 1; }', 20, 'x is declared twice'],
    ['fn f(x: ptr<function, u32>) { }', 9, 'the type ptr is not supported'],
    ['fn f(x: atomic<u32>) { }', 6, 'functions take and return no atomic<u32>'],
    ['fn f(@builtin(workgroup_id) x: vec3u) { }', 6, '@builtin stands before a parameter of no entry point'],
    ['fn f() { f(); } @compute @workgroup_size(1) fn main() { f(); }', 4, 'f calls itself'],
    ['fn f() { }}', 11, 'expected a declaration'],
  ])('%s is refused at column %i', (source, column, reason) => {
    const whole = source.includes('@compute') || source === '' ? source : `${source} ${MAIN}`;
    expect(() => checkShader(whole)).toThrow(
      expect.objectContaining({ line: 1, column, reason: expect.stringContaining(reason) }),
    );
  });

  it('whose brackets are too deep is refused, without a stack overflow', () => {
    const deep = (open: string, close: string): string => open.repeat(9000) + close.repeat(9000);
    const bodies = [
      `_ = ${deep('(', ')')};`,
      deep('{', '}'),
      deep('if true {', '}'),
      `_ = ${'~'.repeat(9000)}1;`,
    ];
    for (const body of bodies) expect(() => program(body)).toThrow('stand in each other');
    expect(() => program(`_ = ${'('.repeat(100)}1${')'.repeat(100)};`)).not.toThrow();
  });

  it('with an error gives its place in the message, and a code', () => {
    const source = `${MAIN}\nfn f() {\n  let x = y;\n}`;
    expect(() => checkShader(source)).toThrow(
      expect.objectContaining({
        message: 'WGSL, line 3, column 11: there is no y in scope',
        code: 'WGSL_INVALID',
        where: 'line 3, column 11',
      }),
    );
  });
});
