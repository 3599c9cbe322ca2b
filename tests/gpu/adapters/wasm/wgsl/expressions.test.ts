import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expression } from './checked.ts';

describe('a literal', () => {
  it.each([
    ['1', '1:i32'],
    ['1u', '1:u32'],
    ['1.0', '1:f32'],
    ['0.1', `${Math.fround(0.1)}:f32`],
    ['-0.0', '-0:f32'],
    ['true', 'true:bool'],
    ['-2147483648', '-2147483648:i32'],
    ['u32(4294967295)', '4294967295:u32'],
  ])('%s is %s', (source, tree) => {
    expect(expression(source)).toBe(tree);
  });
});

describe('an abstract number', () => {
  it.each([
    ['f + 1', '(+ f 1:f32)'],
    ['u + 1', '(+ u 1:u32)'],
    ['1 + i', '(+ 1:i32 i)'],
    ['2 * v4', '(* (splat:vec4<f32> 2:f32) v4)'],
    ['v2 / 2.5', '(/ v2 (splat:vec2<f32> 2.5:f32))'],
    ['u4 % 3', '(% u4 (splat:vec4<u32> 3:u32))'],
    ['max(u, 1)', '(max:u32 u 1:u32)'],
    ['clamp(f, 0, 1)', '(clamp:f32 f 0:f32 1:f32)'],
    ['select(0, f, t)', '(select:f32 0:f32 f t)'],
    ['select(0, 1, t)', '(select:i32 0:i32 1:i32 t)'],
    ['vec4(1, u, 2, 3)', '(new:vec4<u32> 1:u32 u 2:u32 3:u32)'],
    ['vec2(1, 2) + v2', '(+ (new:vec2<f32> 1:f32 2:f32) v2)'],
    ['1 << u', '(<< 1:i32 u)'],
    ['u << 3', '(<< u 3:u32)'],
    ['exp(1)', '(exp:f32 1:f32)'],
    ['vec2(1, 2.5)', '(new:vec2<f32> 1:f32 2.5:f32)'],
    ['vec3(7)', '(splat:vec3<i32> 7:i32)'],
    ['array(1, 2.5)', '(new:array<f32, 2> 1:f32 2.5:f32)'],
    ['dot(vec2(1, 2), v2)', '(dot:f32 (new:vec2<f32> 1:f32 2:f32) v2)'],
  ])('in %s has the type of its place', (source, tree) => {
    expect(expression(source)).toBe(tree);
  });
});

describe('operators', () => {
  it.each([
    ['f - f', '(- f f)'],
    ['v4 * f', '(* v4 (splat:vec4<f32> f))'],
    ['f * v3', '(* (splat:vec3<f32> f) v3)'],
    ['-v4', '(- v4)'],
    ['!t4', '(! t4)'],
    ['~u4', '(~ u4)'],
    ['t & t', '(& t t)'],
    ['t4 | t4', '(| t4 t4)'],
    ['t && f > 0', '(&& t (> f 0:f32))'],
    ['v4 < v4', '(< v4 v4)'],
    ['u4 >> vec4u(9u)', '(>> u4 (splat:vec4<u32> 9:u32))'],
    ['t == t', '(== t t)'],
  ])('%s', (source, tree) => {
    expect(expression(source)).toBe(tree);
  });
});

describe('accesses', () => {
  it.each([
    ['v4.x', 'v4.x'],
    ['v4.g', 'v4.y'],
    ['v4.zw', '(swizzle23 v4)'],
    ['v4.xxxx.yz', '(swizzle12 (swizzle0000 v4))'],
    ['v4[2]', 'v4.z'],
    ['v4[u]', 'v4[u]'],
    ['(v4 + v4)[1]', '(swizzle1 (+ v4 v4))'],
    ['(v4 + v4)[i]', '(element (+ v4 v4) i)'],
    ['(v4 * 2).wx', '(swizzle30 (* v4 (splat:vec4<f32> 2:f32)))'],
    ['id.y', 'id.y'],
    ['list[3]', 'list[3:u32]'],
    ['list[i + 1]', 'list[(+ i 1:i32)]'],
    ['buffer[n].w', 'buffer[n].w'],
    ['buffer[n][u]', 'buffer[n][u]'],
    ['pair.b.z', 'pair.m1.z'],
    ['pair', 'pair'],
    ['Pair(1, vec4u()).a', '1:f32'],
    ['Pair(f, vec4u()).b', '(field1 (new:Pair f (splat:vec4<u32> 0:u32)))'],
    ['vec3(1, 2, 3).z', '3:i32'],
    ['vec2(1, 2)[u]', '(element (new:vec2<i32> 1:i32 2:i32) u)'],
    ['arrayLength(&buffer)', '(arrayLength buffer)'],
    ['atomicAdd(&counter, 2)', '(atomicAdd counter 2:u32)'],
    ['atomicLoad(&counter)', '(atomicLoad counter)'],
  ])('%s', (source, tree) => {
    expect(expression(source)).toBe(tree);
  });
});

describe('constructors and conversions', () => {
  it.each([
    ['f32(u)', '(to:f32 u)'],
    ['u32(t)', '(to:u32 t)'],
    ['bool(i)', '(to:bool i)'],
    ['f32(f)', 'f'],
    ['vec4f(u4)', '(to:vec4<f32> u4)'],
    ['vec4f(v4)', 'v4'],
    ['vec4<f32>(f)', '(splat:vec4<f32> f)'],
    ['vec4(v2, f, 1)', '(new:vec4<f32> v2 f 1:f32)'],
    ['vec4f(v2, v2)', '(new:vec4<f32> v2 v2)'],
    ['vec4f()', '(splat:vec4<f32> 0:f32)'],
    ['array<f32, 2>(f, 1)', '(new:array<f32, 2> f 1:f32)'],
    ['array<f32, 200>()', '(new:array<f32, 200>)'],
    ['Pair()', '(new:Pair)'],
    ['bitcast<u32>(f)', '(bits:u32 f)'],
    ['bitcast<vec4f>(u4)', '(bits:vec4<f32> u4)'],
    ['bitcast<f32>(f)', 'f'],
    ['F(u)', '(to:f32 u)'],
    ['V(2)', '(splat:vec4<f32> 2:f32)'],
  ])('%s', (source, tree) => {
    expect(expression(source, 'alias F = f32; alias V = vec4<F>;')).toBe(tree);
  });
});

describe('builtins', () => {
  it.each([
    ['min(v4, v4)', '(min:vec4<f32> v4 v4)'],
    ['abs(i4)', '(abs:vec4<i32> i4)'],
    ['any(t4)', '(any:bool t4)'],
    ['all(t)', 't'],
    ['dot(u4, u4)', '(dot:u32 u4 u4)'],
    ['length(v3)', '(length:f32 v3)'],
    ['mix(v2, v2, f)', '(mix:vec2<f32> v2 v2 (splat:vec2<f32> f))'],
    ['select(v4, v4, t4)', '(select:vec4<f32> v4 v4 t4)'],
    ['select(v4, v4, t)', '(select:vec4<f32> v4 v4 t)'],
    ['unpack2x16float(u)', '(unpack2x16float:vec2<f32> u)'],
    ['pack2x16float(v2)', '(pack2x16float:u32 v2)'],
    ['countLeadingZeros(u4)', '(countLeadingZeros:vec4<u32> u4)'],
    ['extractBits(i, 2, 3)', '(extractBits:i32 i 2:u32 3:u32)'],
    ['subgroupBroadcast(v4, 3)', '(subgroupBroadcast:vec4<f32> v4 3:u32)'],
    ['subgroupShuffle(f, u)', '(subgroupShuffle:f32 f u)'],
    ['subgroupAdd(u)', '(subgroupAdd:u32 u)'],
    ['subgroupElect()', '(subgroupElect:bool)'],
    ['subgroupBallot(t)', '(subgroupBallot:vec4<u32> t)'],
  ])('%s', (source, tree) => {
    expect(expression(source, 'enable subgroups;')).toBe(tree);
  });

  it('give way to functions of the source with their names', () => {
    const declarations = 'fn exp(x: u32) -> u32 { return x; } fn half(x: f32) -> f32 { return x / 2; }';
    expect(expression('exp(u) + u32(half(2))', declarations)).toBe(
      '(+ (call:u32 exp u) (to:u32 (call:f32 half 2:f32)))',
    );
  });
});

describe('a constant expression', () => {
  it.each([
    ['1 + 2 * 3', '7:i32'],
    ['7 / 2', '3:i32'],
    ['-7 / 2', '-3:i32'],
    ['-7 % 3', '-1:i32'],
    ['7.5 % 2', '1.5:f32'],
    ['1.0 / 3', `${Math.fround(1 / 3)}:f32`],
    ['1f / 3f', `${Math.fround(1 / 3)}:f32`],
    ['0.1f + 0.2f', `${Math.fround(Math.fround(0.1) + Math.fround(0.2))}:f32`],
    ['2147483647i + 1i', '-2147483648:i32'],
    ['4294967295u * 4294967295u', '1:u32'],
    ['0u - 1u', '4294967295:u32'],
    ['0x80000000u >> 31', '1:u32'],
    ['-8i >> 1', '-4:i32'],
    ['1 << 40 >> 39', undefined],
    ['(1 << 40) >> 39', '2:i32'],
    ['~0u', '4294967295:u32'],
    ['5 & 3 | 8', undefined],
    ['(5 & 3) | 8', '9:i32'],
    ['3 > 2 && 2 > 1', 'true:bool'],
    ['vec2(1, 2) * 3', '(new:vec2<i32> 3:i32 6:i32)'],
    ['vec2(1, 2) == vec2(1, 3)', '(new:vec2<bool> true:bool false:bool)'],
    ['max(1, 2.5)', '2.5:f32'],
    ['clamp(7, 1, 5)', '5:i32'],
    ['round(2.5)', '2:f32'],
    ['round(-0.5)', '-0:f32'],
    ['sqrt(2f)', `${Math.fround(Math.SQRT2)}:f32`],
    ['abs(-3)', '3:i32'],
    ['select(1, 2, false)', '1:i32'],
    ['any(vec2(true, false))', 'true:bool'],
    ['i32(1.9)', '1:i32'],
    ['i32(-1.9)', '-1:i32'],
    ['u32(-1.5)', '0:u32'],
    ['u32(-1i)', '4294967295:u32'],
    ['i32(4294967295u)', '-1:i32'],
    ['i32(3e9f)', '2147483520:i32'],
    ['u32(1e20f)', '4294967040:u32'],
    ['i32(3e9)', '2147483647:i32'],
    ['f32(16777217)', '16777216:f32'],
    ['bool(0.0)', 'false:bool'],
    ['f32(true)', '1:f32'],
    ['bitcast<u32>(1f)', '1065353216:u32'],
    ['bitcast<f32>(0x3f800000u)', '1:f32'],
    ['bitcast<i32>(0xffffffffu)', '-1:i32'],
    ['STEP * 2 + list3[2]', '19:i32'],
    ['corner.y', '2:f32'],
  ])('%s is %s', (source, value) => {
    const declarations =
      'const STEP = 8; const list3: array<i32, 3> = array(1, 2, 3); const corner = vec2f(1, STEP / 4);';
    if (value) expect(expression(source, declarations)).toBe(value);
    else expect(() => expression(source, declarations)).toThrow('needs parentheses');
  });

  it('of u32 wraps as 32-bit integers do', () => {
    const number = fc.nat({ max: 2 ** 32 - 1 });
    const exact = {
      '+': (a: bigint, b: bigint) => a + b,
      '-': (a: bigint, b: bigint) => a - b,
      '*': (a: bigint, b: bigint) => a * b,
    };
    fc.assert(
      fc.property(number, number, fc.constantFrom('+', '-', '*'), (a, b, operator) => {
        const value = BigInt.asUintN(32, exact[operator](BigInt(a), BigInt(b)));
        expect(expression(`${a}u ${operator} ${b}u`)).toBe(`${value}:u32`);
      }),
    );
  });

  it('of i32 wraps, and divides towards zero', () => {
    const number = fc.integer();
    const exact = {
      '+': (a: bigint, b: bigint) => a + b,
      '-': (a: bigint, b: bigint) => a - b,
      '*': (a: bigint, b: bigint) => a * b,
      '/': (a: bigint, b: bigint) => a / b,
      '%': (a: bigint, b: bigint) => a % b,
    };
    fc.assert(
      fc.property(number, number, fc.constantFrom('+', '-', '*', '/', '%'), (a, b, operator) => {
        fc.pre((operator !== '/' && operator !== '%') || (b !== 0 && b !== -1));
        const value = BigInt.asIntN(32, exact[operator](BigInt(a), BigInt(b)));
        expect(expression(`i32(${a}) ${operator} i32(${b})`)).toBe(`${value}:i32`);
      }),
    );
  });
});
