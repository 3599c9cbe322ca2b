/** Options that choose an adapter. */
import { boolean, integer, type OptionKinds, text } from '../base/arguments.ts';

/** Maximum number of threads of the adapter `wasm`. */
export const MOST_THREADS = 256;

/** The choice of an adapter. */
export interface AdapterOptions {
  /**
   * `wasm`: compute with WebAssembly, to the same bits on every machine. In Node also `hardware`, `lavapipe`, or
   * part of an adapter's description; by default the environment variable MATHFORMER_ADAPTER, or else the fastest there is. In a
   * browser also `webgpu`; by default its WebGPU on hardware, or else `wasm`; it ignores other names.
   */
  readonly adapter?: string | undefined;
  /**
   * Number of threads of `wasm`, 1 to 256; results do not depend on it. Default: the environment variable MATHFORMER_THREADS, or
   * the number of cores. A browser needs a page that is cross-origin isolated for more than one.
   */
  readonly threads?: number | undefined;
  /** Let `wasm` multiply and add with one rounding, where the engine can: faster, and other bits. Default: false. */
  readonly relaxed?: boolean | undefined;
}

/** The kind of each option. */
export const ADAPTER_OPTIONS: OptionKinds<AdapterOptions> = {
  adapter: text,
  threads: integer(1, MOST_THREADS),
  relaxed: boolean,
};
