/** Traces of which only some values matter. */
import type { GroupRewards, StepTrace, TracedCompletion, TracedGroup } from 'mathformer/training';

/** Make a completion; its log-ratios are `logRatios`, one for each token. */
export function completionOf(
  logRatios: readonly number[],
  facts: Partial<TracedCompletion> = {},
): TracedCompletion {
  const zeros = new Float32Array(logRatios.length);
  return {
    tokens: logRatios.map((_, t) => t),
    texts: logRatios.map((_, t) => String(t)),
    reward: 0,
    advantage: 0,
    correct: false,
    finished: true,
    logp: Float32Array.from(logRatios),
    oldLogp: zeros,
    kl: zeros,
    entropy: zeros,
    ...facts,
  };
}

export const groupOf = (expression: string, completions: readonly TracedCompletion[]): TracedGroup => ({
  expression,
  expected: '1',
  prompt: [...expression],
  completions,
});

export const rewardsOf = (expression: string, rewards: readonly number[], dropped = false): GroupRewards => ({
  expression,
  dropped,
  rewards: Float32Array.from(rewards),
});

export function traceOf(facts: Partial<StepTrace> = {}): StepTrace {
  return { step: 1, loss: 'grpo', clipRatio: 0.2, clipRatioHigh: 0.28, rewards: [], groups: [], ...facts };
}
