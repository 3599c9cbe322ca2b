/**
 * A control experiment: each completion gets the verdict on another one, drawn at random from the last few hundred. As
 * many completions are rewarded as are right, but the reward carries no information about the completion. Any improvement
 * is then not due to the rewards. Use it with `--reward experiments/shuffledReward.ts`.
 */

import { RandomStream } from '../src/base/randomStream.ts';
import type { Reward } from '../src/grpo/reward.ts';

/** The module as the value of `--reward`. */
export const SHUFFLED = 'experiments/shuffledReward.ts';

/** Number of verdicts to draw from. */
const BUFFER = 256;

/** Return a reward with an empty buffer, whose random numbers depend on the seed. */
export function shuffledReward(seed = 0): Reward {
  const random = new RandomStream({ seed, stream: 0 });
  const verdicts: number[] = [];
  return {
    name: 'shuffled',
    reward(_, { outcome }) {
      const own = outcome === 'correct' ? 1 : 0;
      if (verdicts.length < BUFFER) {
        verdicts.push(own);
        // The buffer is not full yet: give all completions the same reward.
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
