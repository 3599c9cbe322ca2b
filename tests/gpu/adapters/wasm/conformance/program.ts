/** Programs and the words that they leave, worked out by hand, for the compiler and the interpreter. */
import { describe, expect, it } from 'vitest';
import { BACKENDS } from './backends.ts';

export interface Program {
  readonly title: string;
  /** Declarations of module scope. */
  readonly declarations?: string;
  /** Body of the entry point. It reads `x` and writes `y`, arrays of u32, and knows `id`, `local` and `group`. */
  readonly body: string;
  /** Words of `x`. */
  readonly x?: readonly number[];
  /** Words of `y` afterwards; before, all are 0. */
  readonly y: readonly number[];
  /** Invocations of a workgroup. */
  readonly size?: number;
  readonly workgroups?: number;
  /** Declarations of `x` and `y`, if they are not arrays of u32. */
  readonly bindings?: string;
}

const BINDINGS = `
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;`;

const wgslOf = ({ declarations = '', body, size = 1, bindings = BINDINGS }: Program): string => `
${declarations}
${bindings}
@compute @workgroup_size(${size})
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3u,
) {
${body}
  _ = x[0];
}`;

/** Declare the tests of programs. */
export function runs(title: string, programs: readonly Program[]): void {
  describe(title, () => {
    for (const program of programs) {
      const { x = [0], y, workgroups = 1 } = program;
      it.each(BACKENDS)(`${program.title}, $name`, ({ run }) => {
        const output = new Uint32Array(y.length);
        run({
          wgsl: wgslOf(program),
          buffers: [Uint32Array.from(x), output],
          workgroups: [workgroups, 1, 1],
        });
        expect([...output]).toEqual(y.map((word) => word >>> 0));
      });
    }
  });
}

/** Return the bits of f32 values. */
export const floats = (...values: readonly number[]): number[] => [
  ...new Uint32Array(Float32Array.from(values).buffer),
];

/** Return 0, 1, 2, …: where each word shows its place. */
export const places = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
