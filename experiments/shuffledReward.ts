/**
 * The control: a completion is rewarded with the verdict on another one, drawn at random from the last few hundred. As
 * many are rewarded as are right, but the reward says nothing of the completion. What still improves is not learnt from
 * rewards. `--reward experiments/shuffledReward.ts`
 */

import { RandomStream } from '../src/base/randomStream.ts';
import type { Reward } from '../src/grpo/reward.ts';

/** Verdicts to draw from. */
const BUFFER = 256;

/** A reward of its own buffer, the random numbers those of a seed. */
export function shuffledReward(seed = 0): Reward {
  const random = new RandomStream({ seed, stream: 0 });
  const verdicts: number[] = [];
  return {
    name: 'shuffled',
    reward(_, { outcome }) {
      const own = outcome === 'correct' ? 1 : 0;
      if (verdicts.length < BUFFER) {
        verdicts.push(own);
        // Too early for a fair exchange: no reward is worth more than another one.
        return 0;
      }
      const i = random.integerBelow(BUFFER);
      const other = verdicts[i] ?? 0;
      verdicts[i] = own;
      return other;
    },
  };
}

export default shuffledReward();
