/** Rollouts for tests, trainers on given rollouts, and the loss of a rollout by definition, in float64. */

import type { StateDict } from '../../src/formats/index.ts';
import type { GrpoOptions } from '../../src/grpo/options.ts';
import type { GrpoTrainer, Rollout } from '../../src/grpo/trainer.ts';
import type { Completion } from '../../src/model/sampler.ts';
import { prompt } from '../../src/tasks/arithmetic/sample.ts';
import { arithmetic } from '../../src/tasks/arithmetic/task.ts';
import {
  type Array64,
  array,
  cat,
  gather,
  logSoftmax,
  maskedFill,
  mul,
  reshape,
  slice,
} from '../oracle/array.ts';
import { advantages, entropy, exactKl, type PolicyBatch, type TotalLoss, totalLoss } from '../oracle/grpo.ts';
import { normals } from '../oracle/random.ts';
import { forward, type OracleConfig } from '../oracle/transformer.ts';

/** Options of a small step, which float64 computes quickly. */
export const SMALL = {
  batchSize: 3,
  groupSize: 4,
  maxNewTokens: 12,
  lr: 1e-3,
  gradClip: 0,
  seed: 7,
};

/** The task of these tests. */
export const SMALL_TASK = arithmetic({ maxDigits: 1, maxDepth: 1 });

/** Make a trainer use a given rollout in every step. */
export function replaying(trainer: GrpoTrainer, rollout: Rollout): GrpoTrainer {
  trainer.rollout = () => Promise.resolve(rollout);
  return trainer;
}

/**
 * Change lengths, rewards and recorded log-probabilities so that every branch of the loss occurs. The tests' model never
 * ends a completion early, and at equal lengths dr_grpo, grpo and dapo would be equal.
 */
export function varied(rollout: Rollout): Rollout {
  return {
    ...rollout,
    completions: rollout.completions.map((completion, i) => {
      const length = 1 + ((5 * i + 3) % completion.tokens.length);
      const words = (completion.kept?.length ?? 0) / completion.tokens.length;
      const noise = normals(50 + i, length, 0, 0.3);
      return {
        ...completion,
        tokens: completion.tokens.slice(0, length),
        logps: completion.logps.slice(0, length).map((logp, t) => logp + noise[t]),
        ...(completion.kept && { kept: completion.kept.slice(0, length * words) }),
      };
    }),
    rewards: rollout.rewards.map((_, i) => [1, 0, 0.25, 0, 0, 1, 1, 1, 0.5, 0.5, 0.5, 0.5][i % 12]),
  };
}

/** Change the weights a little, as training would. */
export function moved(stateDict: StateDict): StateDict {
  return new Map(
    [...stateDict].map(([name, { shape, data }], i) => {
      const noise = normals(900 + i, data.length, 0, 0.02);
      return [name, { shape, data: data.map((value, j) => value + noise[j]) }];
    }),
  );
}

const V = 57;

/** Compute log-probabilities (tokens,V) after a prompt; −∞ for ids that the sampler excluded. */
function tableOf(
  config: OracleConfig,
  params: ReadonlyMap<string, Array64>,
  start: readonly number[],
  { tokens, kept }: Completion,
  temperature: number,
): Array64 {
  const [logits] = forward(config, params, [[...start, ...tokens]]);
  const scaled = mul(slice(logits, 0, start.length - 1, start.length + tokens.length - 1), 1 / temperature);
  const dropped = Array.from(scaled.data, (_, at) => {
    const [t, v] = [Math.floor(at / V), at % V];
    return kept ? 1 - ((kept[2 * t + (v >> 5)] >>> (v & 31)) & 1) : 0;
  });
  const mask = array(dropped, scaled.shape);
  const below = Number.NEGATIVE_INFINITY;
  return maskedFill(logSoftmax(maskedFill(scaled, mask, below)), mask, below);
}

/**
 * Compute the loss of a rollout by definition, padded to (completions, longest).
 * @param before the policy at the start of the step, if it has changed since; for steps that correct for who sampled.
 */
export function reference(
  config: OracleConfig,
  policy: ReadonlyMap<string, Array64>,
  anchor: ReadonlyMap<string, Array64>,
  { problems, completions, rewards }: Rollout,
  options: GrpoOptions,
  before = policy,
): TotalLoss & { readonly batch: PolicyBatch & { readonly tokenEntropy: Array64 } } {
  const longest = Math.max(...completions.map(({ tokens }) => tokens.length));
  const shape = [completions.length, longest];
  const padded = (values: ArrayLike<number>): number[] => [
    ...Array.from(values),
    ...new Array<number>(longest - values.length).fill(0),
  ];
  /** Return values per token as a padded array (completions, longest). */
  const perToken = (of: (completion: Completion, i: number) => Array64): Array64 =>
    cat(
      completions.map((completion, i) => {
        const missing = longest - completion.tokens.length;
        return cat([reshape(of(completion, i), [1, -1]), array(new Float64Array(missing), [1, missing])], 1);
      }),
      0,
    );
  const tables = (params: ReadonlyMap<string, Array64>): Array64[] =>
    completions.map((completion) => {
      const start = prompt(problems[completion.prompt].expression);
      return tableOf(config, params, start, completion, options.temperature);
    });
  const [own, others] = [tables(policy), tables(anchor).map((table) => table.detach())];
  const chosen = (all: readonly Array64[]) =>
    perToken(({ tokens }, i) => gather(all[i], 1, { data: tokens, shape: [tokens.length, 1] }));
  const { loss, klCoef, klEstimator, entropyCoef } = options;
  const batch = {
    logProbs: chosen(own),
    oldLogProbs: array(
      completions.flatMap(({ logps }) => padded(logps)),
      shape,
    ),
    ...(options.staleness > 0 && { proxLogProbs: chosen(tables(before).map((table) => table.detach())) }),
    refLogProbs: chosen(others),
    mask: array(
      completions.flatMap(({ tokens, finished }) =>
        padded(tokens.map(() => (finished || !options.maskTruncated ? 1 : 0))),
      ),
      shape,
    ),
    advantages: array(advantages(rewards, options.groupSize, options.advantages)),
    tokenEntropy: perToken((_, i) => entropy(own[i])),
    ...(klEstimator === 'exact' && { tokenKl: perToken((_, i) => exactKl(own[i], others[i])) }),
  };
  const clip = {
    epsilonLow: options.clipRatio,
    epsilonHigh: options.clipRatioHigh,
    ...(options.dualClip > 0 && { dualClip: options.dualClip }),
  };
  const kl = klEstimator === 'exact' ? {} : { kl: klEstimator };
  const importanceCap = options.importanceSamplingCap;
  const settings = {
    loss,
    maxLength: options.maxNewTokens,
    importanceCap,
    ...clip,
    klCoef,
    ...kl,
    entropyCoef,
  };
  return { ...totalLoss(batch, settings), batch };
}
