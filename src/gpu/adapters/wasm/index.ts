/** The adapter `wasm`. */
import { AdapterError } from '../error.ts';
import { WasmAdapter } from './adapter.ts';
import type { OpenExecutor } from './backend.ts';
import { compileKernel } from './emit/index.ts';
import { openInline } from './inline.ts';
import type { CompileShader } from './kernels.ts';
import { hasRelaxedSimd, hasSharedMemory, hasSimd } from './support.ts';
import type { StartThread } from './thread.ts';
import { openThreads } from './threads.ts';
import { checkShader } from './wgsl/index.ts';

export interface WasmOptions {
  /** Number of threads, 1 or more. Without shared memory there is only one. */
  readonly threads: number;
  /** Starts a thread. Without it everything runs on the calling thread, in slices. */
  readonly startThread?: StartThread | undefined;
  /** Multiply and add with one rounding, where the engine can. Faster, and other bits. Default: false. */
  readonly relaxed?: boolean | undefined;
  /** Maximum bytes of a device's memory. Default: 4 GiB. */
  readonly memoryLimit?: number | undefined;
}

/** Threads and rounding of an adapter. */
export interface WasmTraits {
  /** Number of threads; 0 if everything runs on the calling thread. */
  readonly threads: number;
  readonly relaxed: boolean;
}

/** Open an adapter that computes with WebAssembly. @throws AdapterError if the engine lacks WebAssembly SIMD. */
export function openWasm(options: WasmOptions): {
  readonly adapter: GPUAdapter;
  readonly traits: WasmTraits;
} {
  if (!hasSimd())
    throw new AdapterError(
      'NO_ADAPTER',
      'this engine has no WebAssembly SIMD',
      'WebAssembly',
      'Use Node 20 or later, or a current browser.',
    );
  const { memoryLimit } = options;
  const relaxed = (options.relaxed ?? false) && hasRelaxedSimd();
  const startThread = hasSharedMemory() ? options.startThread : undefined;
  const sharedMemory = startThread !== undefined;
  const threads = sharedMemory ? options.threads : 0;
  const compile: CompileShader = (shader) => compileKernel(shader, { sharedMemory, relaxed });
  const backend = {
    traits: relaxed ? ['relaxed'] : [],
    ...{ subgroupSize: 0, sharedMemory, checkShader },
    openExecutor: startThread ? threadsOrInline({ threads, startThread, compile }) : openInline(compile),
  };
  return { adapter: new WasmAdapter(backend, { memoryLimit }), traits: { threads, relaxed } };
}

/** Open threads; the calling thread has to do without where none starts, as under a policy that forbids workers of a blob. */
function threadsOrInline(setting: Parameters<typeof openThreads>[0]): OpenExecutor {
  return async (memory, events) => {
    try {
      return await openThreads(setting)(memory, events);
    } catch {
      return openInline(setting.compile)(memory, events);
    }
  };
}
