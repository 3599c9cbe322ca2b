/** The adapters `wasm` and `wasm-checked` in Node. */
import { availableParallelism } from 'node:os';
import { MOST_THREADS } from '../../adapterOptions.ts';
import { AdapterError } from '../error.ts';
import { openWasm, type WasmTraits } from './index.ts';
import { startNodeThread } from './nodeThread.ts';

export interface WasmChoice {
  /** Number of threads. Default: MATHFORMER_THREADS, or the number of cores. */
  readonly threads?: number | undefined;
  readonly relaxed?: boolean | undefined;
}

/** @throws AdapterError if MATHFORMER_THREADS is no number of threads. */
function threadsFromEnvironment(): number | undefined {
  const text = process.env.MATHFORMER_THREADS?.trim();
  if (!text) return undefined;
  const threads = Number(text);
  if (Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS) return threads;
  throw new AdapterError(
    'BAD_THREADS',
    `'${text}' is no number of threads`,
    'MATHFORMER_THREADS',
    `Give an integer from 1 to ${MOST_THREADS}, or leave it out: one for each core.`,
  );
}

/** Open the adapter `wasm`. @throws AdapterError if MATHFORMER_THREADS is no number of threads. */
export function openWasmInNode({ threads, relaxed }: WasmChoice): {
  readonly adapter: GPUAdapter;
  readonly traits: WasmTraits;
} {
  const count = threads ?? threadsFromEnvironment() ?? availableParallelism();
  return openWasm({ threads: count, relaxed, startThread: startNodeThread });
}

export { WasmGpu } from './adapter.ts';
export { openCheckedAdapter } from './checked/adapter.ts';
