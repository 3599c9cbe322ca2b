/** Dynamic sampling (Yu et al., 2503.14476, eq. 11): replace groups whose outcomes are all equal, as they teach nothing. */
import { areEqual } from './advantages.ts';
import { groupsOf, joined, type Rollout } from './rollout.ts';

/**
 * Outcomes that dynamic sampling can compare:
 *   accuracy  the task's verdict, right or wrong (DAPO)
 *   reward    the sum of the rewards, without the penalty on length
 */
export const DYNAMIC_SAMPLING_METRICS = ['accuracy', 'reward'] as const;

/** Default maximum number of refills. */
export const MAX_REFILLS = 3;

/** Factor by which a refill exceeds the number that the share of unequal groups suggests, so that mostly one is enough. */
const MARGIN = 1.25;

/**
 * Return a rollout of the first `count` groups with unequal outcomes (unequal rewards if the rollout has no outcomes), or
 * of fewer if the refills do not yield `count`. All other groups are in `dropped`.
 * @param sample samples a group for each of the given number of problems.
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
