/**
 * Tables of expressions, their operands and the results that the WGSL specification gives, worked out by hand.
 *
 * An expression of a, b and c is evaluated for all rows at once: as scalars, and as vectors of two, three and four rows; by the
 * compiler and by the interpreter. The operands come from a buffer, so that nothing is known when the kernel compiles; then, where
 * WGSL allows it, they are constants. In an expression F, I, U and B are the types of f32, i32, u32
 * and bool of the operands' size.
 */
import { describe, expect, it } from 'vitest';
import { WgslError } from '../../../../../src/gpu/adapters/wasm/wgsl/index.ts';
import { run as compileAndRun } from '../emit/launch.ts';
import { BACKENDS, type Backend } from './backends.ts';

type Scalar = 'f32' | 'i32' | 'u32' | 'bool';

export interface Table {
  readonly expression: string;
  /** Types of a, b and c. */
  readonly of: readonly Scalar[];
  readonly returns: Scalar;
  /** Values of a, b and c, then the result. Of bool: 0 and 1. NaN stands for each NaN. */
  readonly rows: readonly (readonly number[])[];
  /** Sizes that the expression has; all if absent. */
  readonly sizes?: readonly Size[];
  /** True if constants have other results, which WGSL's rules for them give. */
  readonly atRunTimeOnly?: boolean;
}

type Size = 1 | 2 | 3 | 4;
const SIZES: readonly Size[] = [1, 2, 3, 4];

/** Return the type of `size` components. */
const typeOf = (of: Scalar, size: Size): string => (size === 1 ? of : `vec${size}<${of}>`);

/** Return the bits of a value. */
function toBits(value: number, of: Scalar): number {
  if (of === 'f32') return new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0;
  return value >>> 0;
}

/** Return the value with these bits. */
function fromBits(bits: number, of: Scalar): number {
  if (of === 'f32') return new Float32Array(Uint32Array.of(bits).buffer)[0] ?? 0;
  return of === 'i32' ? bits | 0 : bits;
}

const loaded = (of: Scalar, word: string): string =>
  of === 'bool' ? `${word} != 0u` : of === 'u32' ? word : `bitcast<${of}>(${word})`;

const stored = (of: Scalar, value: string): string =>
  of === 'bool' ? `select(0u, 1u, ${value})` : `bitcast<u32>(${value})`;

/** Return the expression with types of this size. */
const typed = (expression: string, size: Size): string =>
  expression
    .replaceAll(/\bF\b/g, typeOf('f32', size))
    .replaceAll(/\bI\b/g, typeOf('i32', size))
    .replaceAll(/\bU\b/g, typeOf('u32', size))
    .replaceAll(/\bB\b/g, typeOf('bool', size));

function kernelOf({ expression, of, returns }: Table, size: Size): string {
  const components = (text: (i: number) => string): string =>
    Array.from({ length: size }, (_, i) => text(i)).join(', ');
  const operands = of.map((type, operand) => {
    const words = components((i) => loaded(type, `in${operand}[at + ${i}u]`));
    return `  let ${'abc'[operand]} = ${typeOf(type, size)}(${words});`;
  });
  const results = Array.from({ length: size }, (_, i) => {
    const component = size === 1 ? 'result' : `result.${'xyzw'[i]}`;
    return `  out[at + ${i}u] = ${stored(returns, component)};`;
  });
  return `
${of.map((_, i) => `@group(0) @binding(${i}) var<storage, read> in${i}: array<u32>;`).join('\n')}
@group(0) @binding(${of.length}) var<storage, read_write> out: array<u32>;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u) {
  let at = group.x * ${size}u;
${operands.join('\n')}
  let result: ${typeOf(returns, size)} = ${typed(expression, size)};
${results.join('\n')}
}`;
}

/** Return the results of all rows, the first ones again up to a multiple of the size. */
function evaluate(run: Backend, table: Table, size: Size): number[] {
  const { of, returns, rows } = table;
  const count = Math.ceil(rows.length / size) * size;
  const padded = Array.from({ length: count }, (_, i) => rows[i % rows.length] ?? []);
  const inputs = of.map((type, i) => Uint32Array.from(padded, (row) => toBits(row[i] ?? 0, type)));
  const output = new Uint32Array(count);
  run({ wgsl: kernelOf(table, size), buffers: [...inputs, output], workgroups: [count / size, 1, 1] });
  return Array.from(output, (bits) => fromBits(bits, returns));
}

/** Return the literal of a value; undefined if there is none. */
function literalOf(value: number, of: Scalar): string | undefined {
  if (of === 'bool') return value === 0 ? 'false' : 'true';
  if (of !== 'f32') return `${of}(${value})`;
  if (!Number.isFinite(value)) return undefined;
  return Object.is(value, -0) ? '-0f' : `f32(${Math.fround(value)})`;
}

/**
 * Evaluate a row of scalar constants. Return undefined if WGSL does not allow it: constants have no NaN, no infinities, no overflow
 * and no division by zero.
 */
function evaluateConstants({ expression, of, returns }: Table, row: readonly number[]): number | undefined {
  const constants = of.map((type, i) => [type, literalOf(row[i] ?? 0, type)] as const);
  if (constants.some(([, literal]) => literal === undefined)) return undefined;
  const wgsl = `
@group(0) @binding(0) var<storage, read_write> out: array<u32>;
@compute @workgroup_size(1)
fn main() {
${constants.map(([type, literal], i) => `  const ${'abc'[i]}: ${type} = ${literal};`).join('\n')}
  out[0] = ${stored(returns, typed(expression, 1))};
}`;
  const output = new Uint32Array(1);
  try {
    compileAndRun({ wgsl, buffers: [output] });
  } catch (error) {
    if (error instanceof WgslError) return undefined;
    throw error;
  }
  return fromBits(output[0] ?? 0, returns);
}

/** Name a row and a value, so that a difference says where it is. */
const named = (row: readonly number[], result: number): string =>
  `${row.slice(0, -1).map(shown).join(', ')} → ${shown(result)}`;

const shown = (value: number): string => (Object.is(value, -0) ? '-0' : `${value}`);

/** Declare the tests of tables. */
export function conforms(title: string, tables: readonly Table[]): void {
  describe(title, () => {
    for (const table of tables) {
      const { expression, of, rows, returns, sizes = SIZES, atRunTimeOnly = false } = table;
      const expected = rows.map((row) => {
        const last = row.at(-1) ?? 0;
        return named(row, returns === 'f32' ? Math.fround(last) : last);
      });
      it.each(BACKENDS)(`${expression} of ${of.join(', ')}, $name`, ({ run }) => {
        for (const size of sizes) {
          const results = evaluate(run, table, size);
          const actual = rows.map((row, i) => named(row, results[i] ?? 0));
          expect(actual, `${size} at once`).toEqual(expected);
        }
      });
      if (atRunTimeOnly) continue;
      it(`${expression} of ${of.join(', ')}, constant`, () => {
        for (const [i, row] of rows.entries()) {
          const result = evaluateConstants(table, row);
          if (result !== undefined) expect(named(row, result)).toBe(expected[i]);
        }
      });
    }
  });
}
