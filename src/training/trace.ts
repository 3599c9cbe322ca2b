/**
 * The trace of a step of GRPO: every group's rewards, and some groups token by token. A run keeps it as
 * `trace/step<N>.safetensors`.
 */

/** One completion of a traced group. Arrays have a value for each of its T tokens. */
export interface TracedCompletion {
  /** Token ids, `eos` included if the completion ended. */
  readonly tokens: readonly number[];
  /** Text of each token. */
  readonly texts: readonly string[];
  readonly reward: number;
  readonly advantage: number;
  readonly correct: boolean;
  /** False if the completion was cut off before its end. */
  readonly finished: boolean;
  /** Log-probability under the policy when the step learnt, before its optimiser step; in nats, as all that follows. */
  readonly logp: Float32Array;
  /** Log-probability that the sampler recorded. */
  readonly oldLogp: Float32Array;
  /** KL from the reference, or its estimate; NaN without a reference. */
  readonly kl: Float32Array;
  readonly entropy: Float32Array;
}

/** A problem with the completions of its group. */
export interface TracedGroup {
  readonly expression: string;
  readonly expected: string;
  /** Text of the prompt's tokens. */
  readonly prompt: readonly string[];
  readonly completions: readonly TracedCompletion[];
}

/** Rewards of a group that is in the trace without its completions. */
export interface GroupRewards {
  readonly expression: string;
  /** One reward for each completion. */
  readonly rewards: Float32Array;
}

/** The trace of a step. */
export interface StepTrace {
  readonly step: number;
  /** Name of the policy loss. */
  readonly loss: string;
  /** The ratio is clipped at 1 − clipRatio and 1 + clipRatioHigh. */
  readonly clipRatio: number;
  readonly clipRatioHigh: number;
  /** All groups of the step, in order. */
  readonly rewards: readonly GroupRewards[];
  /** The traced groups. */
  readonly groups: readonly TracedGroup[];
}
