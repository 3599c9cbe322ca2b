/** Errors of opening an adapter. */
import { GpuError } from '../../base/errors.ts';

/** The reason why no adapter was opened. */
export type AdapterErrorCode =
  | 'DAWN_NOT_LOADED' // the native module of the `webgpu` package does not load on this system
  | 'ADAPTER_NOT_FOUND' // an adapter was asked for by name, and there is none of that name
  | 'BAD_THREADS' // MATHFORMER_THREADS is no number of threads
  | 'NO_ADAPTER'; // not even WebAssembly SIMD

/** The error of opening an adapter. `where` is the option, environment variable, package or platform that caused it. */
export class AdapterError extends GpuError {
  declare readonly code: AdapterErrorCode;

  constructor(code: AdapterErrorCode, message: string, where: string, fix: string) {
    super(message, { code, where, fix });
  }
}
