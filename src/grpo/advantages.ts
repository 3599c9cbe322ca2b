/** Group-relative advantages (Shao et al., 2402.03300, eq. 3; "center": Liu et al., 2503.20783). */

import { shownValue } from '../base/arguments.ts';

const EPSILON = 1e-8;

/** The kinds of advantages, by name. */
export const ADVANTAGE_KINDS = ['group', 'center'] as const;
/** A kind of advantage: see `advantages`. */
export type AdvantageKind = (typeof ADVANTAGE_KINDS)[number];

/** Return true if all rewards are equal: then there is nothing to learn from comparing them. */
export const areEqual = (rewards: readonly number[]): boolean =>
  rewards.every((reward) => reward === rewards[0]);

/**
 * Return the advantage of each reward within its group: consecutive rewards, `groupSize` each.
 *   group   (R − mean)/(std + 1e-8), with the sample standard deviation (ddof 1)
 *   center  R − mean
 * Equal rewards give exactly 0. They are compared directly, as a rounded mean can differ from all of them.
 * @throws RangeError if the rewards do not fill whole groups of at least 2, or for an unknown kind.
 */
export function advantages(
  rewards: readonly number[],
  groupSize: number,
  kind: AdvantageKind = 'group',
): Float32Array<ArrayBuffer> {
  if (!Number.isInteger(groupSize) || groupSize < 2 || rewards.length % groupSize !== 0) {
    throw new RangeError(
      `advantages: ${rewards.length} rewards do not form groups of ${groupSize} (at least 2)`,
    );
  }
  if (!ADVANTAGE_KINDS.includes(kind)) {
    throw new RangeError(
      `advantages: there is no kind ${shownValue(kind)}: give ${ADVANTAGE_KINDS.join(', ')}`,
    );
  }
  const result = new Float32Array(rewards.length);
  for (let first = 0; first < rewards.length; first += groupSize) {
    const group = rewards.slice(first, first + groupSize);
    if (areEqual(group)) continue;
    const mean = group.reduce((sum, reward) => sum + reward, 0) / groupSize;
    const squares = group.map((reward) => (reward - mean) * (reward - mean));
    const variance = squares.reduce((sum, square) => sum + square, 0) / (groupSize - 1);
    const scale = kind === 'group' ? 1 / (Math.sqrt(variance) + EPSILON) : 1;
    group.forEach((reward, i) => {
      result[first + i] = (reward - mean) * scale;
    });
  }
  return result;
}
