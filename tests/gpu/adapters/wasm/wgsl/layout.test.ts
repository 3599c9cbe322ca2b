import { describe, expect, it } from 'vitest';
import { checkShader, sizes } from '../../../../../src/gpu/adapters/wasm/wgsl/index.ts';
import type { StructType, Type } from '../../../../../src/gpu/adapters/wasm/wgsl/tree.ts';

/** Return the type of the variable `x` in storage. */
function typeOf(name: string, declarations = ''): Type {
  const { variables } = checkShader(`${declarations}
    @group(0) @binding(0) var<storage, read_write> x: ${name};
    @compute @workgroup_size(1) fn main() { ${name.startsWith('atomic') ? '_ = atomicLoad(&x);' : 'x = x;'} }`);
  const [x] = variables;
  if (!x) throw new Error('the shader uses x');
  return x.type;
}

function structOf(declarations: string): StructType {
  const { variables } = checkShader(`${declarations}
    @group(0) @binding(0) var<storage, read_write> x: array<S>;
    @compute @workgroup_size(1) fn main() { x[0] = x[1]; }`);
  const type = variables[0]?.type;
  if (type?.kind !== 'array' || type.of.kind !== 'struct') throw new Error('x is an array of structs');
  return type.of;
}

describe('the layout', () => {
  // The table of alignments and sizes in section 14.4.1.
  it.each([
    ['f32', 4, 4],
    ['atomic<i32>', 4, 4],
    ['vec2<u32>', 8, 8],
    ['vec3<i32>', 12, 16],
    ['vec4f', 16, 16],
    ['array<f32, 5>', 20, 4],
    ['array<vec2f, 3>', 24, 8],
    ['array<vec3f, 2>', 32, 16],
    ['array<array<vec3f, 2>, 3>', 96, 16],
  ])('of %s is %i bytes, aligned to %i', (name, size, align) => {
    expect(sizes(typeOf(name))).toMatchObject({ size, align });
  });

  // The examples of section 14.4.2: a struct of 24 bytes in one of 208.
  it('of structs is that of the examples of the specification', () => {
    const type = structOf(`
      struct A { u: f32, v: f32, w: vec2<f32>, x: f32 }
      struct S { a: vec2<f32>, b: vec3<f32>, c: f32, d: f32, e: A, f: vec3<f32>, g: array<A, 3>, h: i32 }`);
    expect(type.members.map(({ offset }) => offset)).toEqual([0, 16, 28, 32, 40, 64, 80, 152]);
    expect(type).toMatchObject({ size: 160, align: 16 });
  });

  it('of members follows @size and @align', () => {
    const type = structOf('struct S { @size(12) a: f32, @align(16) b: vec2f, c: f32 }');
    expect(type.members.map(({ offset }) => offset)).toEqual([0, 16, 24]);
    expect(type).toMatchObject({ size: 32, align: 16 });
  });

  it('of a struct with an array without length ends at its first element', () => {
    const { variables } = checkShader(`
      struct S { count: u32, list: array<vec4f> }
      @group(0) @binding(0) var<storage, read_write> x: S;
      @compute @workgroup_size(1) fn main() { x.list[x.count] = vec4f(); }`);
    expect(variables[0]?.type).toMatchObject({
      size: 16,
      align: 16,
      members: [{ offset: 0 }, { offset: 16 }],
    });
  });

  it.each([
    ['@size(2) a: f32', '@size takes at least 4 here'],
    ['@align(2) a: f32', '@align takes at least 4 here'],
    ['@align(12) a: f32', '@align takes a power of 2'],
    ['@builtin(position) a: f32', '@builtin is not supported on a member'],
  ])('of a member %s is refused', (member, reason) => {
    expect(() => structOf(`struct S { ${member} }`)).toThrow(reason);
  });
});

describe('equal types', () => {
  it('are one object', () => {
    const { variables } = checkShader(`
      alias V = vec4<f32>;
      @group(0) @binding(0) var<storage, read_write> a: array<V, 2 + 2>;
      @group(0) @binding(1) var<storage, read_write> b: array<vec4f, 4u>;
      @compute @workgroup_size(1) fn main() { a = b; }`);
    expect(variables[0]?.type).toBe(variables[1]?.type);
  });
});
