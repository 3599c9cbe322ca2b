/** The adapter `wasm`. */
import { WasmAdapter } from './adapter.ts';
import { compileKernel } from './emit/index.ts';
import { openInline } from './inline.ts';
import type { CompileShader } from './kernels.ts';
import type { StartThread } from './thread.ts';
import { openThreads } from './threads.ts';
import { checkShader } from './wgsl/index.ts';

export type { StartThread } from './thread.ts';

export interface WasmOptions {
  readonly threads: number;
  /** How to start a thread. Without it everything runs on the calling thread, in slices. */
  readonly startThread?: StartThread | undefined;
  /** Multiply and add with one rounding, where the engine can. Other bits. Default: false. */
  readonly relaxed?: boolean;
  /** Maximum bytes of a device's memory. Default: 4 GiB. */
  readonly memoryLimit?: number;
}

/** Return an adapter that computes with WebAssembly. */
export function wasmAdapter({ threads, startThread, relaxed = false, ...options }: WasmOptions): WasmAdapter {
  const sharedMemory = startThread !== undefined;
  const compile: CompileShader = (shader) => compileKernel(shader, { sharedMemory, relaxed });
  const openExecutor = startThread ? openThreads({ threads, startThread, compile }) : openInline(compile);
  const traits = relaxed ? ['relaxed'] : [];
  return new WasmAdapter({ traits, subgroupSize: 0, sharedMemory, checkShader, openExecutor }, options);
}
