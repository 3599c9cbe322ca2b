import { describe, expect, it } from 'vitest';
import { checkShader, WgslError } from '../../../../../src/gpu/adapters/wasm/wgsl/index.ts';

const source = (body: string, functions = ''): string => `
@group(0) @binding(0) var<uniform> count: u32;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<storage, read_write> a: atomic<u32>;
var<workgroup> shared_x: array<u32, 64>;
var<private> own: u32;
${functions}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
${body}
}`;

/** Return the source that the error names, or `uniform` if there is no error. */
function divergence(body: string, functions?: string): string {
  try {
    checkShader(source(body, functions));
    return 'uniform';
  } catch (error) {
    if (!(error instanceof WgslError)) throw error;
    return /depends on (\w+)$/.exec(error.message)?.[1] ?? error.message;
  }
}

describe('control flow at a barrier', () => {
  it.each([
    ['if (group.x > 3) { workgroupBarrier(); }'],
    ['if (count > 3) { return; } workgroupBarrier();'],
    ['if (x[group.x] > 3) { storageBarrier(); }'],
    ['for (var i = 0u; i < count; i++) { workgroupBarrier(); }'],
    ['if (lane > 3) { y[lane] = 1; } workgroupBarrier();'],
    ['for (var i = lane; i < count; i += 64) { y[i] = 1; } workgroupBarrier();'],
    ['for (var i = 0u; i < count; i++) { if (lane > i) { break; } } workgroupBarrier();'],
    ['switch (lane) { case 1: { y[0] = 1; break; } default: { } } workgroupBarrier();'],
    ['if (arrayLength(&x) > 3) { workgroupBarrier(); }'],
    ['loop { workgroupBarrier(); if (x[0] > 3) { break; } }'],
    ['var i = 0u; loop { workgroupBarrier(); continuing { i++; break if i > count; } }'],
  ])('is uniform: %s', (body) => {
    expect(divergence(body)).toBe('uniform');
  });

  it.each([
    ['if (lane > 3) { workgroupBarrier(); }', 'lane'],
    ['if (lane > 3) { } else { workgroupBarrier(); }', 'lane'],
    ['if (y[0] > 3) { storageBarrier(); }', 'y'],
    ['if (shared_x[0] > 3) { workgroupBarrier(); }', 'shared_x'],
    ['if (own > 3) { workgroupBarrier(); }', 'own'],
    ['if (atomicLoad(&a) > 3) { workgroupBarrier(); }', 'a'],
    ['if (x[lane] > 3) { workgroupBarrier(); }', 'lane'],
    ['if (lane > 3) { return; } workgroupBarrier();', 'lane'],
    ['if (count > 3) { if (lane > 3) { return; } } workgroupBarrier();', 'lane'],
    ['for (var i = 0u; i < lane; i++) { workgroupBarrier(); }', 'lane'],
    ['for (var i = 0u; i < count; i++) { workgroupBarrier(); if (lane > i) { break; } }', 'lane'],
    ['for (var i = 0u; i < count; i++) { if (lane > i) { continue; } workgroupBarrier(); }', 'lane'],
    ['loop { workgroupBarrier(); continuing { break if lane > 3; } }', 'lane'],
    ['for (var i = 0u; i < count; i++) { if (lane > i) { return; } } workgroupBarrier();', 'lane'],
    ['switch (lane) { case 1: { return; } default: { } } workgroupBarrier();', 'lane'],
    ['switch (count) { case 1: { if (lane > 3) { break; } workgroupBarrier(); } default: { } }', 'lane'],
    ['var n = count; if (lane > 3) { n = 1; } if (n > 0) { workgroupBarrier(); }', 'lane'],
    ['var n = vec2u(); n[lane % 2] = 1; if (n.x > 0) { workgroupBarrier(); }', 'lane'],
    ['var n = 0u; loop { if (n > lane) { break; } n++; } if (n > 3) { workgroupBarrier(); }', 'lane'],
    ['let both = group.x > 3 && lane > 3; if (both) { workgroupBarrier(); }', 'lane'],
  ])('is not uniform: %s', (body, by) => {
    expect(divergence(body)).toBe(by.replace('lane', 'local_invocation_index'));
  });

  it('is followed into functions, with their arguments', () => {
    const functions = `
      fn wait(n: u32) { if (n > 3) { workgroupBarrier(); } }
      fn twice(n: u32) -> u32 { if (n > 5) { return 1; } return n * 2; }
      fn owned() -> u32 { return own; }
      fn agree() -> bool { workgroupBarrier(); return true; }`;
    expect(divergence('wait(count);', functions)).toBe('uniform');
    expect(divergence('wait(lane);', functions)).toBe('local_invocation_index');
    expect(divergence('if (lane > 3) { wait(1); }', functions)).toBe('local_invocation_index');
    expect(divergence('wait(twice(count));', functions)).toBe('uniform');
    expect(divergence('wait(twice(lane));', functions)).toBe('local_invocation_index');
    expect(divergence('wait(owned());', functions)).toBe('own');
    expect(divergence('_ = count > 3 && agree();', functions)).toBe('uniform');
    expect(divergence('_ = lane > 3 && agree();', functions)).toBe('local_invocation_index');
    expect(divergence('if (agree()) { wait(count); }', functions)).toBe('uniform');
  });

  it('is not uniform under a condition whose place the error names', () => {
    const shader = source('let first = lane == 0;\n  if (first) {\n    workgroupBarrier();\n  }');
    expect(() => checkShader(shader)).toThrow(
      expect.objectContaining({
        line: 13,
        column: 5,
        reason:
          'not all invocations of a workgroup reach this workgroupBarrier: the condition at line 12, column 3 depends on local_invocation_index',
      }),
    );
  });
});
