/** What a `ParallelSampler` and its processes tell each other. */
import type { ErrorDetails } from '../base/errors.ts';
import type { DeviceOptions } from '../gpu/device.ts';
import type { ModelConfig } from '../model/config.ts';
import type { Completion, SampleOptions } from '../model/sampling.ts';

/** The first message to a process: what it generates with. */
export interface Setup {
  /** Part of the adapter's description. */
  readonly adapter: string;
  readonly device: DeviceOptions;
  readonly model: ModelConfig;
  /** The id that ends a completion. */
  readonly eos: number;
}

/** Every later one. */
export interface Request {
  /** The whole arena of parameters, if it has changed. */
  readonly weights?: Float32Array<ArrayBuffer>;
  readonly prompts: readonly (readonly number[])[];
  readonly options: SampleOptions;
}

/** The answer to a request. */
export type Reply =
  | { readonly completions: Completion[] }
  | { readonly failure: ErrorDetails & { readonly message: string } };
