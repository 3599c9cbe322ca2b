/**
 * From a rollout to what is computed: trajectories; mini-batches, one to an optimiser step; and micro-batches, one to a
 * forward pass, as arrays with one value for each scored token.
 */
import type { RandomStream } from '../base/randomStream.ts';
import type { Completion } from '../model/sampler.ts';
import { type Packed, packSequences, type ScoredSequence, scoredCount } from '../model/score.ts';
import type { Transformer } from '../model/transformer.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';
import type { CaptureArgument, Tensor } from '../tensor/index.ts';
import { advantages } from './advantages.ts';
import type { TokenSequences } from './grpoLoss.ts';
import { excludedLogits } from './kl.ts';
import { LOSSES, tokenWeight } from './losses.ts';
import type { GrpoOptions } from './options.ts';
import type { Rollout } from './rollout.ts';

/** A completion to learn from. */
export interface Trajectory extends ScoredSequence {
  readonly completion: Completion;
  readonly advantage: number;
  /** Whether its tokens are left out of the loss; it still counts as a sequence. */
  readonly masked: boolean;
}

/** A completion in an optimiser step, for all that are equal to it: a policy that is sure of itself repeats itself. */
export interface WeightedTrajectory extends Trajectory {
  /** Weight of each of its tokens in the loss, of all copies together. */
  readonly weight: number;
  /** How many are equal, it included. */
  readonly copies: number;
}

/** What a captured micro-batch takes: one value for each scored token, 0 for padding. */
export interface BatchInputs {
  readonly packed: Packed<Tensor>;
  readonly oldLogp: Tensor;
  readonly advantages: Tensor;
  readonly weights: Tensor;
  /** For losses whose ratios are those of sequences. */
  readonly sequences?: TokenSequences | undefined;
  /** (N·V): filters of the sampler, for the exact KL. */
  readonly excluded?: Tensor | undefined;
}

/** The completions of a rollout, in order. */
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

/** Whole groups in random order, in `count` parts as equal as can be. One part is everything in its own order. */
export function miniBatches<Item>(
  trajectories: readonly Item[],
  { count, groupSize, random }: MiniBatchOptions,
): Item[][] {
  if (count === 1) return [[...trajectories]];
  const groups = Array.from({ length: trajectories.length / groupSize }, (_, i) =>
    trajectories.slice(i * groupSize, (i + 1) * groupSize),
  );
  // Fisher and Yates.
  const shuffled: Item[][] = [];
  while (groups.length > 0) shuffled.push(...groups.splice(random.integerBelow(groups.length), 1));
  const border = (part: number): number => Math.floor((part * shuffled.length) / count);
  return Array.from({ length: count }, (_, part) => shuffled.slice(border(part), border(part + 1)).flat());
}

interface MiniBatchOptions {
  readonly count: number;
  readonly groupSize: number;
  readonly random: RandomStream;
}

/**
 * The trajectories that have tokens in the loss of an optimiser step, with what each token counts there. Equal
 * completions of equal advantage, recorded with equal log-probabilities, have equal gradients: they are computed once,
 * and count as often as they came.
 */
export function weighted(
  trajectories: readonly Trajectory[],
  { loss, maxGenLen: maxLength }: Pick<GrpoOptions, 'loss' | 'maxGenLen'>,
): WeightedTrajectory[] {
  const counted = trajectories.filter(({ masked }) => !masked);
  const count = counted.reduce((sum, trajectory) => sum + scoredCount(trajectory), 0);
  const size = { sequences: trajectories.length, tokens: count, maxLength };
  const found = new Map<string, WeightedTrajectory>();
  for (const trajectory of counted) {
    const { advantage, from, tokens, completion } = trajectory;
    const key = `${advantage} ${from} ${tokens} ${completion.logps}`;
    const { weight = 0, copies = 0 } = found.get(key) ?? {};
    found.set(key, {
      ...trajectory,
      weight: weight + tokenWeight(loss, { ...size, length: scoredCount(trajectory) }),
      copies: copies + 1,
    });
  }
  return [...found.values()];
}

/** Trajectories sorted by length, in batches of at most `tokens` tokens (or one trajectory). */
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

/** A micro-batch as arrays, padded to size classes. */
export function batchInputs(
  model: Pick<Transformer, 'config'>,
  batch: readonly WeightedTrajectory[],
  { loss, klEstimator }: Pick<GrpoOptions, 'loss' | 'klEstimator'>,
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
    ...(LOSSES[loss].ratioOf === 'sequence' && {
      sequences: {
        // No sequence has the last number if there is padding, as none has fewer tokens than one.
        index: perToken(batch, new Uint32Array(N).fill(N - 1), (_, i) => i),
        share: floats((trajectory) => 1 / scoredCount(trajectory)),
      },
    }),
    ...(klEstimator === 'exact' &&
      packed.kept && { excluded: excludedLogits(packed.kept, model.config.vocabSize) }),
  };
}

/** Writes the values of the tokens of each trajectory, or one value for all of them, one after another. */
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
