/** Rollouts: problems, completions and their rewards, a group of consecutive completions to each problem. */
import type { Problem } from '../math/generator.ts';
import type { Completion } from '../model/sampler.ts';

/** Completions with their rewards: what a step learns from. */
export interface Rollout {
  readonly problems: readonly Problem[];
  /** `prompt` is the index of the problem. */
  readonly completions: readonly Completion[];
  readonly rewards: readonly number[];
  /** What was sampled besides and is not learnt from: it counts in what is reported of rewards and completions. */
  readonly dropped?: Rollout | undefined;
}

/** The groups of a rollout as rollouts of one problem each. */
export function groupsOf({ problems, completions, rewards }: Rollout, groupSize: number): Rollout[] {
  return Array.from({ length: completions.length / groupSize }, (_, group) => {
    const range = [group * groupSize, (group + 1) * groupSize] as const;
    const own = completions.slice(...range);
    return {
      problems: [problems[own[0]?.prompt ?? group] as Problem],
      completions: own.map((completion) => ({ ...completion, prompt: 0 })),
      rewards: rewards.slice(...range),
    };
  });
}

/** Rollouts one after another as one. */
export function joined(rollouts: readonly Rollout[]): Rollout {
  let first = 0;
  const completions = rollouts.flatMap((rollout) => {
    const offset = first;
    first += rollout.problems.length;
    return rollout.completions.map((each) => ({ ...each, prompt: offset + each.prompt }));
  });
  return {
    problems: rollouts.flatMap(({ problems }) => problems),
    completions,
    rewards: rollouts.flatMap(({ rewards }) => rewards),
  };
}

/** All that was sampled. */
export const sampled = (rollout: Rollout): Rollout =>
  rollout.dropped ? joined([rollout, rollout.dropped]) : rollout;
