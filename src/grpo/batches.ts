/**
 * Split a rollout for training: into trajectories, then mini-batches (one for each optimiser step), then micro-batches
 * (one for each forward pass). A micro-batch is a set of arrays with one value for each scored token.
 */
import type { RandomStream } from '../base/randomStream.ts';
import type { Completion } from '../model/sampler.ts';
import { type Packed, packSequences, type ScoredSequence, scoredCount } from '../model/score.ts';
import type { Transformer } from '../model/transformer.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';
import type { CaptureArgument, Tensor } from '../tensor/index.ts';
import { advantages } from './advantages.ts';
import { importanceRatios } from './clipping.ts';
import type { Correction, TokenSequences } from './grpoLoss.ts';
import { excludedLogits } from './kl.ts';
import { LOSSES, tokenWeight } from './losses.ts';
import type { GrpoOptions } from './options.ts';
import type { Rollout } from './rollout.ts';

/** A completion with its prompt and advantage. */
export interface Trajectory extends ScoredSequence {
  readonly completion: Completion;
  readonly advantage: number;
  /** True if its tokens are left out of the loss. It still counts as a sequence. */
  readonly masked: boolean;
  /** ℓ_prox of each token: only where the step corrects for who sampled (correction.ts). */
  readonly proxLogps?: Float32Array | undefined;
}

/** A completion that stands for all equal ones of an optimiser step. A confident policy repeats itself. */
export interface WeightedTrajectory extends Trajectory {
  /** Weight of each of its tokens in the loss, summed over the copies. */
  readonly weight: number;
  /** The equal completions, this one included. */
  readonly copies: readonly Completion[];
}

/** Inputs of a captured micro-batch: one value for each scored token (N), 0 for padding. */
export interface BatchInputs {
  readonly packed: Packed<Tensor>;
  readonly oldLogp: Tensor;
  readonly advantages: Tensor;
  readonly weights: Tensor;
  /** Only where the step corrects for who sampled. */
  readonly correction?: Correction | undefined;
  /** Only for losses with one ratio per sequence. */
  readonly sequences?: TokenSequences | undefined;
  /** (N·V): the sampler's filters, only for the exact KL. See `excludedLogits`. */
  readonly excluded?: Tensor | undefined;
}

/** Return the completions of a rollout with their prompts and advantages, in order. */
export function trajectoriesOf(
  { problems, completions, rewards }: Rollout,
  options: Pick<GrpoOptions, 'groupSize' | 'advantages' | 'maskTruncated'>,
  task: Task,
): Trajectory[] {
  const advantage = advantages(rewards, options.groupSize, options.advantages);
  return completions.map((completion, i) => {
    const start = task.prompt(problems[completion.prompt] as TaskProblem);
    return {
      completion,
      tokens: [...start, ...completion.tokens],
      from: start.length,
      kept: completion.kept,
      advantage: advantage[i] ?? 0,
      masked: options.maskTruncated && !completion.finished,
    };
  });
}

/** Split values into groups of `size` consecutive ones. */
export function groupsOf<Value>(values: readonly Value[], size: number): Value[][] {
  return Array.from({ length: values.length / size }, (_, i) => values.slice(i * size, (i + 1) * size));
}

/** Shuffle whole groups and split them into `count` parts, as equal as possible. With one part, keep the order. */
export function miniBatches<Item>(
  trajectories: readonly Item[],
  { count, groupSize, random }: { count: number; groupSize: number; random: RandomStream },
): Item[][] {
  if (count === 1) return [[...trajectories]];
  const groups = groupsOf(trajectories, groupSize);
  // Fisher-Yates shuffle.
  const shuffled: Item[][] = [];
  while (groups.length > 0) shuffled.push(...groups.splice(random.integerBelow(groups.length), 1));
  const border = (part: number): number => Math.floor((part * shuffled.length) / count);
  return Array.from({ length: count }, (_, part) => shuffled.slice(border(part), border(part + 1)).flat());
}

/**
 * Return the unmasked trajectories of an optimiser step with the weight of their tokens in the loss. Completions with
 * equal tokens, advantage and recorded log-probabilities have equal gradients: they are merged into one, which is
 * computed once with the sum of their weights. (Their ℓ_prox is equal too: it was computed once for all of them.)
 */
export function weighted(
  trajectories: readonly Trajectory[],
  { loss, maxNewTokens: maxLength }: Pick<GrpoOptions, 'loss' | 'maxNewTokens'>,
): WeightedTrajectory[] {
  const counted = trajectories.filter(({ masked }) => !masked);
  const count = counted.reduce((sum, trajectory) => sum + scoredCount(trajectory), 0);
  const size = { sequences: trajectories.length, tokens: count, maxLength };
  const found = new Map<string, WeightedTrajectory>();
  for (const trajectory of counted) {
    const { advantage, from, tokens, completion } = trajectory;
    const key = `${advantage} ${from} ${tokens} ${completion.logps}`;
    const { weight = 0, copies = [] } = found.get(key) ?? {};
    found.set(key, {
      ...trajectory,
      weight: weight + tokenWeight(loss, { ...size, length: scoredCount(trajectory) }),
      copies: [...copies, completion],
    });
  }
  return [...found.values()];
}

/** Sort trajectories by length, and split them into batches of at most `tokens` tokens, but at least one trajectory. */
export function microBatches<Item extends ScoredSequence>(
  trajectories: readonly Item[],
  tokens: number,
): Item[][] {
  const batches: Item[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  for (const trajectory of [...trajectories].sort((a, b) => a.tokens.length - b.tokens.length)) {
    if (filled + trajectory.tokens.length > tokens) {
      batches.push([]);
      filled = 0;
    }
    batches.at(-1)?.push(trajectory);
    filled += trajectory.tokens.length;
  }
  return batches;
}

/** Return a micro-batch as arrays. They are padded to size classes, so that few sizes are recorded. */
export function batchInputs(
  model: Pick<Transformer, 'config'>,
  batch: readonly WeightedTrajectory[],
  {
    loss,
    klEstimator,
    importanceSamplingCap: cap,
  }: Pick<GrpoOptions, 'loss' | 'klEstimator' | 'importanceSamplingCap'>,
): CaptureArgument<BatchInputs> {
  const { arrays: packed } = packSequences(model, batch, { padded: true });
  const N = packed.targets.length;
  const floats = (values: (trajectory: WeightedTrajectory) => ArrayLike<number> | number) =>
    perToken(batch, new Float32Array(N), values);
  return {
    packed,
    oldLogp: floats(({ completion }) => completion.logps),
    advantages: floats(({ advantage }) => advantage),
    weights: floats(({ weight }) => weight),
    ...(batch.some(({ proxLogps }) => proxLogps) && {
      correction: {
        proxLogp: floats(({ proxLogps = [] }) => proxLogps),
        importance: floats(({ proxLogps = [], completion: { logps } }) =>
          importanceRatios(loss, proxLogps, logps).map((ratio) => Math.min(ratio, cap)),
        ),
      },
    }),
    ...(LOSSES[loss].ratioOf === 'sequence' && {
      sequences: {
        // Padding has index N − 1. No sequence has it if there is padding: there are fewer sequences than N.
        index: perToken(batch, new Uint32Array(N).fill(N - 1), (_, i) => i),
        share: floats((trajectory) => 1 / scoredCount(trajectory)),
      },
    }),
    ...(klEstimator === 'exact' &&
      packed.kept && { excluded: excludedLogits(packed.kept, model.config.vocabSize) }),
  };
}

/** Fill an array with the values of each trajectory's tokens in turn; a number stands for all tokens of a trajectory. */
function perToken<Values extends Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(
  batch: readonly WeightedTrajectory[],
  array: Values,
  values: (trajectory: WeightedTrajectory, i: number) => ArrayLike<number> | number,
): Values {
  let at = 0;
  for (const [i, trajectory] of batch.entries()) {
    const value = values(trajectory, i);
    const end = at + scoredCount(trajectory);
    if (typeof value === 'number') array.fill(value, at, end);
    else array.set(value, at);
    at = end;
  }
  return array;
}
