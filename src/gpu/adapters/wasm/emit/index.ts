/** Compiles checked shaders to WebAssembly. */
import type { CompiledKernel } from '../abi.ts';
import { fail } from '../wgsl/error.ts';
import { visit } from '../wgsl/index.ts';
import type { Shader } from '../wgsl/tree.ts';
import { encodeModule } from './assembler.ts';
import { generate } from './generate.ts';
import { bindingsOf, translateKernel } from './translate/kernel.ts';

export interface CompileOptions {
  /** True if the memory is shared between threads. It must fit the memory that the module is instantiated with. */
  readonly sharedMemory?: boolean;
  /** True to multiply and add with one rounding: the engine must have relaxed SIMD. Faster, and other bits on other machines. */
  readonly relaxed?: boolean;
}

/**
 * Compile a shader.
 *
 * @throws WgslError if it needs subgroups, or something else that is not supported.
 */
export function compileKernel(
  shader: Shader,
  { sharedMemory = false, relaxed = false }: CompileOptions = {},
): CompiledKernel {
  refuseSubgroups(shader);
  const { graph, scratchBytes } = translateKernel(shader);
  const wasm = encodeModule({
    functions: [generate(graph, { relaxed })],
    exported: { name: 'run', number: 0 },
    sharedMemory,
  });
  const bindings = bindingsOf(shader).map(({ binding }) => binding ?? 0);
  return { wasm, bindings, scratchBytes };
}

function refuseSubgroups({ entry, functions, subgroups }: Shader): void {
  if (!subgroups) return;
  const reason = (name: string) =>
    `${name} needs subgroups, which the WebAssembly adapter does not have: choose a variant without them`;
  for (const { body } of functions) {
    visit(body, {
      expression: (expression) => {
        if (expression.kind === 'builtin' && expression.name.startsWith('subgroup')) {
          fail(expression.at, reason(expression.name));
        }
      },
    });
  }
  const value = entry.builtins.find((name) => name.startsWith('subgroup'));
  fail(entry.function.at, reason(value ?? 'the kernel'));
}
