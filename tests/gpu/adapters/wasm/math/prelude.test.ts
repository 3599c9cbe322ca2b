import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mathFunction } from '../../../../../src/gpu/adapters/wasm/math/index.ts';
import { scalar, vector } from '../../../../../src/gpu/adapters/wasm/wgsl/types.ts';
import { run } from '../emit/launch.ts';

const F32 = scalar('f32');

describe('mathFunction', () => {
  it('has a module for a builtin and a type, always the same', () => {
    const exp = mathFunction('exp', vector('f32', 3));
    expect(exp?.source).toContain(`fn ${exp?.name}(x: vec3f) -> vec3f`);
    expect(mathFunction('exp', vector('f32', 3))).toBe(exp);
    expect(mathFunction('exp', F32)?.name).not.toBe(exp?.name);
  });

  it('puts what is called into the module, before its callers, and nothing else', () => {
    const names = [...(mathFunction('tanh', F32)?.source.matchAll(/fn (\w+)\(/g) ?? [])].map(
      ([, name]) => name,
    );
    expect([...names].sort()).toEqual(['expTimes_f32', 'tanh_f32', 'timesPowerOfTwo_f32', 'withSign_f32']);
    expect(names.indexOf('timesPowerOfTwo_f32')).toBeLessThan(names.indexOf('expTimes_f32'));
    expect(names.at(-1)).toBe('tanh_f32');
  });

  it('has nothing for what WebAssembly has an instruction for, and for types that a builtin lacks', () => {
    expect(mathFunction('sqrt', F32)).toBeUndefined();
    expect(mathFunction('countLeadingZeros', scalar('u32'))).toBeUndefined();
    expect(mathFunction('exp', scalar('i32'))).toBeUndefined();
    expect(mathFunction('cross', vector('f32', 4))).toBeUndefined();
    expect(mathFunction('timesPowerOfTwo', scalar('bool'))).toBeUndefined();
  });
});

/** Componentwise builtins with their number of arguments. */
const BUILTINS = [
  ...['exp', 'exp2', 'log', 'log2', 'inverseSqrt', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan'],
  ...['sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'fract', 'sign', 'quantizeToF16', 'degrees'],
].map((name) => ({ name, values: 1 }));
BUILTINS.push({ name: 'pow', values: 2 }, { name: 'atan2', values: 2 }, { name: 'smoothstep', values: 3 });

const COUNT = 12;

/** Return the bits of `name` of columns of bits, NaN as one number, computed in vectors of `size`. */
function computed(name: string, columns: readonly Uint32Array<ArrayBuffer>[], size: number): number[] {
  const type = size === 1 ? 'f32' : `vec${size}f`;
  const loads = columns.map((_, i) => {
    const components = Array.from({ length: size }, (_, j) => `x${i}[id.x * ${size}u + ${j}u]`);
    return `${type}(${components.join(', ')})`;
  });
  const stores = Array.from(
    { length: size },
    (_, j) => `y[id.x * ${size}u + ${j}u] = result${size === 1 ? '' : `.${'xyzw'[j]}`};`,
  );
  const wgsl = `
${columns.map((_, i) => `@group(0) @binding(${i}) var<storage, read> x${i}: array<f32>;`).join('\n')}
@group(0) @binding(${columns.length}) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) {
  let result = ${name}(${loads.join(', ')});
  ${stores.join('\n  ')}
}`;
  const y = new Float32Array(COUNT);
  run({ wgsl, buffers: [...columns, y], workgroups: [COUNT / size, 1, 1] });
  return [...new Uint32Array(y.map((value) => (Number.isNaN(value) ? Number.NaN : value)).buffer)];
}

/** Bits of any f32, and of those near 1. */
const bits = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.integer({ min: 0x3e00_0000, max: 0x4100_0000 }),
  fc.constantFrom(0, 0x8000_0000, 1, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0x0080_0000, 0x3f80_0000),
);
const column = fc.array(bits, { minLength: COUNT, maxLength: COUNT }).map((words) => Uint32Array.from(words));

describe('a vector', () => {
  it('of any size has the results of its components, bit for bit', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...BUILTINS),
        fc.constantFrom(2, 3, 4),
        fc.tuple(column, column, column),
        ({ name, values }, size, columns) => {
          const used = columns.slice(0, values);
          expect(computed(name, used, size)).toEqual(computed(name, used, 1));
        },
      ),
      { numRuns: 200 },
    );
  });
});
