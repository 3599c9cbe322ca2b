/** Rollouts: problems, completions and rewards. The completions of a problem are consecutive and form a group. */
import type { Completion } from '../model/sampler.ts';
import type { TaskProblem } from '../tasks/task.ts';
import type { RewardValues } from './rewardValues.ts';

/** The completions of a step, with their problems and rewards. */
export interface Rollout {
  readonly problems: readonly TaskProblem[];
  /** Their `prompt` is an index into `problems`. */
  readonly completions: readonly Completion[];
  /** Sum of the rewards of each completion. */
  readonly rewards: readonly number[];
  /** The values that `rewards` sums, without weights; null where a reward abstained. */
  readonly parts?: RewardValues | undefined;
  /** The value of each completion that dynamic sampling compares: see `DYNAMIC_SAMPLING_METRICS`. */
  readonly outcomes?: readonly number[] | undefined;
  /** Groups that were sampled but not used for training. They count in the metrics of rewards and completions. */
  readonly dropped?: Rollout | undefined;
}

/** Split a rollout into one rollout for each group. */
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

/** Concatenate rollouts. */
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

/** Concatenate the reward values of rollouts. An empty rollout has none. */
function joinedParts(rollouts: readonly Rollout[]): Pick<Rollout, 'parts'> {
  const all = rollouts.flatMap(({ parts }) => (parts ? [parts] : []));
  const [first] = all;
  if (!first) return {};
  const names = Object.keys(first);
  return {
    parts: Object.fromEntries(names.map((name) => [name, all.flatMap((parts) => parts[name] ?? [])])),
  };
}

/** Return everything that was sampled, dropped groups included. */
export const sampled = (rollout: Rollout): Rollout =>
  rollout.dropped ? joined([rollout, rollout.dropped]) : rollout;
