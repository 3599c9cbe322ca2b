/** Operands of the log-probability kernels, which all variants share. */
import type { BufferView } from '../../gpu/buffers.ts';

export const PARAMS = { R: 'u32', V: 'u32', inverseTemperature: 'f32' } as const;
/** Below every logit that counts. */
export const LOWEST = '-3.0e38';

export interface LogSoftmaxGatherViews {
  /** (R,V) */
  readonly logits: BufferView;
  /** u32 (R) */
  readonly ids: BufferView;
  /** u32 (R, ⌈V/32⌉): bit v set where id v is kept. */
  readonly kept?: BufferView | undefined;
  /** (R): entropy in nats. */
  readonly entropy: BufferView;
  /** (R) */
  readonly lse: BufferView;
  readonly R: number;
  readonly V: number;
  readonly inverseTemperature: number;
}

/** Operands of the forward pass. */
export interface ForwardOptions extends LogSoftmaxGatherViews {
  /** (R) */
  readonly logp: BufferView;
}

/** Operands of the backward pass. */
export interface BackwardOptions extends LogSoftmaxGatherViews {
  /** (R) */
  readonly dLogp: BufferView;
  /** (R) */
  readonly dEntropy: BufferView;
  /** (R,V) */
  readonly dLogits: BufferView;
}

/** Return the parameters of a launch. */
export const paramsOf = ({ R, V, inverseTemperature }: LogSoftmaxGatherViews) => ({
  R,
  V,
  inverseTemperature,
});
