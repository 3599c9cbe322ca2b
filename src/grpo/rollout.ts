/** Rollouts: problems, completions and their rewards, a group of consecutive completions to each problem. */
import type { Completion } from '../model/sampler.ts';
import type { TaskProblem } from '../tasks/task.ts';
import type { RewardValues } from './rewardValues.ts';

/** Completions with their rewards: what a step learns from. */
export interface Rollout {
  readonly problems: readonly TaskProblem[];
  /** `prompt` is the index of the problem. */
  readonly completions: readonly Completion[];
  readonly rewards: readonly number[];
  /** What the rewards are made of: values without weights, of each completion; null where a reward abstained. */
  readonly parts?: RewardValues | undefined;
  /** What dynamic sampling compares, of each completion: see `DYNAMIC_SAMPLING_METRICS`. */
  readonly outcomes?: readonly number[] | undefined;
  /** What was sampled besides and is not learnt from: it counts in what is reported of rewards and completions. */
  readonly dropped?: Rollout | undefined;
}

/** The groups of a rollout as rollouts of one problem each. */
export function groupsOf(rollout: Rollout, groupSize: number): Rollout[] {
  const { problems, completions, rewards, parts, outcomes } = rollout;
  return Array.from({ length: completions.length / groupSize }, (_, group) => {
    const range = [group * groupSize, (group + 1) * groupSize] as const;
    const own = completions.slice(...range);
    return {
      problems: [problems[own[0]?.prompt ?? group] as TaskProblem],
      completions: own.map((completion) => ({ ...completion, prompt: 0 })),
      rewards: rewards.slice(...range),
      ...(parts && { parts: eachPart(parts, (values) => values.slice(...range)) }),
      ...(outcomes && { outcomes: outcomes.slice(...range) }),
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
    ...joinedParts(rollouts),
    ...(rollouts.some(({ outcomes }) => outcomes) && {
      outcomes: rollouts.flatMap(({ outcomes = [] }) => outcomes),
    }),
  };
}

function eachPart(
  parts: RewardValues,
  of: (values: RewardValues[string]) => RewardValues[string],
): RewardValues {
  return Object.fromEntries(Object.entries(parts).map(([name, values]) => [name, of(values)]));
}

/** A rollout of nothing has no parts. */
function joinedParts(rollouts: readonly Rollout[]): Pick<Rollout, 'parts'> {
  const all = rollouts.flatMap(({ parts }) => (parts ? [parts] : []));
  const [first] = all;
  if (!first) return {};
  const names = Object.keys(first);
  return {
    parts: Object.fromEntries(names.map((name) => [name, all.flatMap((parts) => parts[name] ?? [])])),
  };
}

/** All that was sampled. */
export const sampled = (rollout: Rollout): Rollout =>
  rollout.dropped ? joined([rollout, rollout.dropped]) : rollout;
