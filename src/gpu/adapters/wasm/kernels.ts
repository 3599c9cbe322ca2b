/** The compiled kernels of an executor. */
import type { CompiledKernel } from './abi.ts';
import type { Shader } from './wgsl/tree.ts';

/** Compile a shader to a module that imports the memory of an executor. @throws Error with the reason why it cannot. */
export type CompileShader = (shader: Shader) => CompiledKernel;

/** A kernel that threads can load. */
export interface LoadedKernel {
  readonly label: string;
  readonly module: WebAssembly.Module;
}

/** Compiles kernels, and numbers them. */
export class Kernels {
  readonly list: LoadedKernel[] = [];
  readonly #compile: CompileShader;
  #scratchBytes = 0;

  constructor(compile: CompileShader) {
    this.#compile = compile;
  }

  /** Bytes of scratch memory that a thread needs for any of them. */
  get scratchBytes(): number {
    return this.#scratchBytes;
  }

  /** Compile a shader, and return its number. @throws Error */
  add(shader: Shader, label: string): number {
    const compiled = this.#compile(shader);
    return this.#number(new WebAssembly.Module(compiled.wasm), compiled, label);
  }

  /** Compile a shader; WebAssembly's compiler runs on another thread. @throws Error */
  async addAsync(shader: Shader, label: string): Promise<number> {
    const compiled = this.#compile(shader);
    return this.#number(await WebAssembly.compile(compiled.wasm), compiled, label);
  }

  #number(module: WebAssembly.Module, { scratchBytes }: CompiledKernel, label: string): number {
    this.#scratchBytes = Math.max(this.#scratchBytes, scratchBytes);
    return this.list.push({ label, module }) - 1;
  }
}
