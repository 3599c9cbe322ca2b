/** The trace of a step of GRPO: the rewards of all groups, and some groups token by token. */

/** One completion of a traced group. Arrays have a value for each of its T tokens. */
export interface TracedCompletion {
  /** Token ids, `eos` included if the completion ended. */
  readonly tokens: readonly number[];
  /** Text of each token. */
  readonly texts: readonly string[];
  readonly reward: number;
  /** NaN if no advantage was computed, as dynamic sampling dropped the group. */
  readonly advantage: number;
  readonly correct: boolean;
  /** False if the completion was cut off before its end. */
  readonly finished: boolean;
  /**
   * Log-probability under the policy before the first optimiser step on this completion; in nats, as all that follows. NaN if
   * the step did not learn from the completion.
   */
  readonly logp: Float32Array;
  /** Log-probability that the sampler recorded. */
  readonly oldLogp: Float32Array;
  /** KL from the reference, or its estimate; NaN without a reference, and where `logp` is. */
  readonly kl: Float32Array;
  /** Entropy of the policy's distribution; NaN where `logp` is. */
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

/** The rewards of a group. */
export interface GroupRewards {
  readonly expression: string;
  /** True if dynamic sampling dropped the group: the step did not learn from it. */
  readonly dropped: boolean;
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
  /** All groups of the step, in order; dropped ones last. */
  readonly rewards: readonly GroupRewards[];
  /** The traced groups: those whose rewards differ come first. */
  readonly groups: readonly TracedGroup[];
}
