/** Messages between a `ParallelSampler` and its processes. */
import type { ErrorDetails } from '../base/errors.ts';
import type { DeviceOptions } from '../gpu/device.ts';
import type { Completion, SampleOptions } from '../model/completions.ts';
import type { ModelConfig } from '../model/config.ts';

/** The first message to a process: its adapter, device and model. */
export interface Setup {
  /** The adapter's description, or a part of it. */
  readonly adapter: string;
  readonly device: DeviceOptions;
  readonly model: ModelConfig;
  /** The id that ends a completion. */
  readonly eos: number;
}

/** Every later message to a process: prompts to complete. */
export interface Request {
  /** All parameters of the model, if they have changed since the last request. */
  readonly weights?: Float32Array<ArrayBuffer>;
  readonly prompts: readonly (readonly number[])[];
  readonly options: SampleOptions;
}

/** The reply to a request. */
export type Reply =
  | { readonly completions: Completion[] }
  | { readonly failure: ErrorDetails & { readonly message: string } };
