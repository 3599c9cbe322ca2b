import { describe, expect, it } from 'vitest';
import {
  checkShader,
  type Prelude,
  type PreludeFunction,
} from '../../../../../src/gpu/adapters/wasm/wgsl/index.ts';

const written = (type: string): PreludeFunction => ({
  name: 'exp',
  source: `
  fn half(x: ${type}) -> ${type} { return x * 0.5; }
  fn exp(x: ${type}) -> ${type} { return half(x) + 1.0; }`,
});
const EXP = { scalar: written('f32'), vector: written('vec4f') };
const PRELUDE: Prelude = (name, { kind }) => (name === 'exp' ? EXP[kind] : undefined);

const source = (statement: string): string => `
  @group(0) @binding(2) var<storage, read_write> y: array<f32>;
  @group(0) @binding(1) var<storage, read> x: array<vec4f>;
  @compute @workgroup_size(64)
  fn main(@builtin(global_invocation_id) id: vec3u) { ${statement} }`;

describe('a shader', () => {
  it('lists the variables that it uses in the order of their bindings', () => {
    const { variables } = checkShader(source('y[id.x] = x[id.x].x;'));
    expect(variables.map(({ name, binding, writable }) => [name, binding, writable])).toEqual([
      ['x', 1, false],
      ['y', 2, true],
    ]);
    expect(checkShader(source('y[0] = 1;')).variables.map(({ name }) => name)).toEqual(['y']);
  });

  it('has the functions of its prelude in the place of builtins, callees first', () => {
    const { functions } = checkShader(source('y[0] = exp(y[1]) + exp(x[0]).x;'), PRELUDE);
    const names = functions.map(({ name, returns }) => [name, returns?.kind]);
    expect(names).toEqual([
      ['half', 'scalar'],
      ['exp', 'scalar'],
      ['half', 'vector'],
      ['exp', 'vector'],
      ['main', undefined],
    ]);
  });
});
