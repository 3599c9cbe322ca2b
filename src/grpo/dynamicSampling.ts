/** Dynamic sampling (Yu et al., 2503.14476, eq. 11): groups of equal rewards teach nothing, and are replaced. */
import { areEqual } from './advantages.ts';
import { groupsOf, joined, type Rollout } from './rollout.ts';

/** How often what is missing is sampled again. */
export const MAX_REFILLS = 3;

/**
 * A rollout of `count` groups of unequal rewards, or of fewer if there are still some missing after the last refill.
 * @param sample samples the groups of so many problems.
 */
export async function sampleUnequal(
  count: number,
  groupSize: number,
  sample: (problems: number) => Promise<Rollout>,
): Promise<Rollout> {
  const unequal: Rollout[] = [];
  const equal: Rollout[] = [];
  for (let refills = 0; unequal.length < count && refills <= MAX_REFILLS; refills++) {
    const rollout = await sample(count - unequal.length);
    for (const group of groupsOf(rollout, groupSize)) (areEqual(group.rewards) ? equal : unequal).push(group);
  }
  return { ...joined(unequal), dropped: joined(equal) };
}
