/** The groups of a step: rewards, advantages, and whether the step could learn from them. */
import { type AdvantageKind, advantages } from 'mathformer/grpo';
import type { GroupRewards, StepTrace } from 'mathformer/training';

/** The reason why a group teaches nothing: all its rewards are equal, or dynamic sampling dropped it. */
export type GroupState = 'teaches' | 'equal' | 'dropped';

export interface GroupRow {
  /** Position in the step, from 0. */
  readonly index: number;
  readonly expression: string;
  readonly state: GroupState;
  readonly rewards: Float32Array;
  /** One for each reward; NaN where the step computed none. */
  readonly advantages: Float32Array;
  readonly mean: number;
  /** Sample standard deviation of the rewards (ddof 1). */
  readonly spread: number;
  /** Position among the traced groups; null for a group without its completions. */
  readonly traced: number | null;
}

/** Describe the groups of a step. @param kind the run's kind of advantages. */
export function groupRows(trace: StepTrace, kind: AdvantageKind): GroupRow[] {
  const traced = tracedPositions(trace);
  return trace.rewards.map((group, index) => {
    const position = traced.get(index) ?? null;
    return { ...rowOf(group, kind), index, traced: position };
  });
}

function rowOf(
  { expression, dropped, rewards }: GroupRewards,
  kind: AdvantageKind,
): Omit<GroupRow, 'index' | 'traced'> {
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
  const squares = rewards.reduce((sum, reward) => sum + (reward - mean) ** 2, 0);
  const isEqual = rewards.every((reward) => reward === rewards[0]);
  return {
    expression,
    rewards,
    mean,
    state: dropped ? 'dropped' : isEqual ? 'equal' : 'teaches',
    advantages:
      dropped || rewards.length < 2
        ? rewards.map(() => Number.NaN)
        : advantages([...rewards], rewards.length, kind),
    // A rounded mean can differ from rewards that are all equal.
    spread: isEqual ? 0 : Math.sqrt(squares / (rewards.length - 1)),
  };
}

/** Find which group of the step each traced group is: the first with its problem and rewards that no other one is. */
function tracedPositions({ rewards, groups }: StepTrace): Map<number, number> {
  const positions = new Map<number, number>();
  for (const [position, { expression, completions }] of groups.entries()) {
    const index = rewards.findIndex(
      (group, i) =>
        !positions.has(i) &&
        group.expression === expression &&
        group.rewards.length === completions.length &&
        group.rewards.every((reward, member) => reward === completions[member]?.reward),
    );
    if (index >= 0) positions.set(index, position);
  }
  return positions;
}

/** A reward that occurs in a group, with the number of completions that got it. */
export interface RewardCount {
  readonly reward: number;
  readonly count: number;
  readonly advantage: number;
}

/** Count the rewards of a group, the least first. Completions of one reward have one advantage. */
export function rewardCounts({
  rewards,
  advantages: all,
}: Pick<GroupRow, 'rewards' | 'advantages'>): RewardCount[] {
  const counts = new Map<number, RewardCount>();
  for (const [i, reward] of rewards.entries()) {
    const count = (counts.get(reward)?.count ?? 0) + 1;
    counts.set(reward, { reward, count, advantage: all[i] ?? Number.NaN });
  }
  return [...counts.values()].sort((a, b) => a.reward - b.reward);
}

/** The least and the greatest of some rewards, as the ends of an axis that is never empty. */
export function rewardRange(
  rows: readonly Pick<GroupRow, 'rewards'>[],
): readonly [low: number, high: number] {
  let [low, high] = [0, 1];
  for (const { rewards } of rows) {
    for (const reward of rewards) {
      low = Math.min(low, reward);
      high = Math.max(high, reward);
    }
  }
  return [low, high];
}
