import { describe, expect, it } from 'vitest';
import { statements } from './checked.ts';

describe('a statement', () => {
  it.each([
    ['let a = 1; var b: u32; var c = v4.x;', 'let a:i32 = 1:i32; var b:u32; var c:f32 = v4.x'],
    [
      'let a: f32 = 1; var<function> b: vec2u = vec2(1, 2);',
      'let a:f32 = 1:f32; var b:vec2<u32> = (new:vec2<u32> 1:u32 2:u32)',
    ],
    ['const a = 2; f = a;', 'f = 2:f32'],
    ['f = 1; v4.y = f; list[i] = f; pair.b[u] = 2;', 'f = 1:f32; v4.y = f; list[i] = f; pair.m1[u] = 2:u32'],
    ['output[u] = f; (v4).x = 1;', 'output[u] = f; v4.x = 1:f32'],
    [
      'f += 1; v4 *= f; u <<= 2; t4 &= t4;',
      'f = (+ f 1:f32); v4 = (* v4 (splat:vec4<f32> f)); u = (<< u 2:u32); t4 = (& t4 t4)',
    ],
    ['i++; u4.x--;', 'i = (+ i 1:i32); u4.x = (- u4.x 1:u32)'],
    ['_ = f + 1; atomicAdd(&counter, 1);', '(+ f 1:f32); (atomicAdd counter 1:u32)'],
    ['{ let f = u; u = f; } f = 2;', '{ let f:u32 = u; u = f }; f = 2:f32'],
    [
      'if t { f = 1; } else if (u > 2) { } else { f = 2; }',
      'if t { f = 1:f32 } { if (> u 2:u32) {  } { f = 2:f32 } }',
    ],
    [
      'for (var k = 0; k < 3; k++) { f = 1; }',
      '{ var k:i32 = 0:i32; loop while (< k 3:i32) { f = 1:f32 } { k = (+ k 1:i32) } }',
    ],
    ['for (;;) { break; }', 'loop { break }'],
    ['while (t) { continue; }', 'loop while t { continue }'],
    [
      'loop { let k = u; continuing { u = k; break if u > 3; } }',
      'loop { let k:u32 = u } { u = k } until (> u 3:u32)',
    ],
    [
      'switch i { case 1, 2: { f = 1; } case 3, default { break; } }',
      'switch i 1,2: { f = 1:f32 } 3,default: { break }',
    ],
    ['switch (u) { default: { } }', 'switch u default: {  }'],
    ['workgroupBarrier(); storageBarrier();', 'workgroupBarrier; storageBarrier'],
    ['return; f = 1;', 'return; f = 1:f32'],
    [';;', ''],
    ['const_assert 1 + 1 == 2;', ''],
  ])('%s', (source, tree) => {
    expect(statements(source)).toBe(tree);
  });

  it('of a compound assignment evaluates an index with a call once', () => {
    const declarations = 'var<private> at: u32; fn next() -> u32 { at++; return at; }';
    expect(statements('list[next()] += 1;', declarations)).toBe(
      '{ let index:u32 = (call:u32 next); list[index] = (+ list[index] 1:f32) }',
    );
    expect(statements('list[u + 1] += 1;', declarations)).toBe(
      'list[(+ u 1:u32)] = (+ list[(+ u 1:u32)] 1:f32)',
    );
  });

  it('calls a function whose value it does not need', () => {
    expect(statements('next(); noop();', 'fn next() -> u32 { return 1; } fn noop() { }')).toBe(
      '(call:u32 next); (call:nothing noop)',
    );
  });
});
