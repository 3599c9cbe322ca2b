/** Dynamic sampling (Yu et al., 2503.14476, eq. 11): groups whose outcomes are all equal teach nothing, and are replaced. */
import { areEqual } from './advantages.ts';
import { groupsOf, joined, type Rollout } from './rollout.ts';

/**
 * What dynamic sampling can compare:
 *   accuracy  whether the answer is right, by the task's verdict (DAPO)
 *   reward    the sum of the rewards, without the penalty on length
 */
export const DYNAMIC_SAMPLING_METRICS = ['accuracy', 'reward'] as const;

/** Refills unless told otherwise. */
export const MAX_REFILLS = 3;

/** A refill is larger by this than the share of unequal groups so far asks for, so that it mostly is the last one. */
const MARGIN = 1.25;

/**
 * Return a rollout of the first `count` groups of unequal outcomes (rewards, in a rollout without outcomes), or of fewer
 * if some are still missing at the end.
 * @param sample samples the groups of so many problems.
 * @param maxRefills maximum number of refills. In total at most (1 + refills) × count groups are sampled.
 */
export async function sampleUnequal(
  count: number,
  groupSize: number,
  sample: (problems: number) => Promise<Rollout>,
  maxRefills = MAX_REFILLS,
): Promise<Rollout> {
  const unequal: Rollout[] = [];
  const equal: Rollout[] = [];
  let allowed = (1 + maxRefills) * count;
  let next = count;
  for (let refills = 0; next > 0 && refills <= maxRefills; refills++) {
    const rollout = await sample(next);
    for (const group of groupsOf(rollout, groupSize)) {
      (areEqual(group.outcomes ?? group.rewards) ? equal : unequal).push(group);
    }
    allowed -= next;
    const share = Math.max(1, unequal.length) / (unequal.length + equal.length);
    next = Math.min(allowed, Math.ceil((MARGIN * Math.max(0, count - unequal.length)) / share));
  }
  return { ...joined(unequal.slice(0, count)), dropped: joined([...equal, ...unequal.slice(count)]) };
}
