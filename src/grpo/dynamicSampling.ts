/** Dynamic sampling (Yu et al., 2503.14476, eq. 11): groups of equal rewards teach nothing, and are replaced. */
import { areEqual } from './advantages.ts';
import { groupsOf, joined, type Rollout } from './rollout.ts';

/** How often what is missing is sampled again; nor are more groups sampled in all than as many refills of everything. */
export const MAX_REFILLS = 3;

/** A refill is larger by this than the share of unequal groups so far asks for, so that it mostly is the last one. */
const MARGIN = 1.25;

/**
 * A rollout of the first `count` groups of unequal rewards, or of fewer if there are still some missing at the end.
 * @param sample samples the groups of so many problems.
 */
export async function sampleUnequal(
  count: number,
  groupSize: number,
  sample: (problems: number) => Promise<Rollout>,
): Promise<Rollout> {
  const unequal: Rollout[] = [];
  const equal: Rollout[] = [];
  let allowed = (1 + MAX_REFILLS) * count;
  let next = count;
  for (let refills = 0; next > 0 && refills <= MAX_REFILLS; refills++) {
    const rollout = await sample(next);
    for (const group of groupsOf(rollout, groupSize)) (areEqual(group.rewards) ? equal : unequal).push(group);
    allowed -= next;
    const share = Math.max(1, unequal.length) / (unequal.length + equal.length);
    next = Math.min(allowed, Math.ceil((MARGIN * Math.max(0, count - unequal.length)) / share));
  }
  return { ...joined(unequal.slice(0, count)), dropped: joined([...equal, ...unequal.slice(count)]) };
}
