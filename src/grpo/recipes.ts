/** Settings of GRPO by name. */
import type { z } from 'zod';
import type { grpoSchema } from './options.ts';
import type { RewardName } from './reward.ts';

/** The names of the recipes. */
export const RECIPE_NAMES = ['default', 'tuned'] as const;
/** A row of `RECIPES`. */
export type RecipeName = (typeof RECIPE_NAMES)[number];

/** What a recipe sets; the rest are the defaults. */
export interface Recipe {
  readonly options: Partial<Readonly<z.input<typeof grpoSchema>>>;
  /** `correctness` unless given. */
  readonly reward?: RewardName;
}

/** What each recipe sets. */
export const RECIPES: Readonly<Record<RecipeName, Recipe>> = {
  default: { options: {} },
  // What helped in the experiments of docs/LEARNING.md; what did not is left as it is.
  tuned: {
    options: {
      lr: 1e-3,
      scheduler: 'cosine',
      klCoef: 0,
      dynamicSampling: true,
      // Partial credit is learnt from as well.
      dynamicSamplingMetric: 'reward',
      epochs: 2,
    },
    reward: 'partial',
  },
};
