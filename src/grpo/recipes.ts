/** Named settings of GRPO. */
import type { z } from 'zod';
import type { grpoSchema } from './options.ts';
import type { RewardName } from './reward.ts';

/** The names of the recipes. */
export const RECIPE_NAMES = ['default', 'tuned'] as const;
/** The name of a row of `RECIPES`. */
export type RecipeName = (typeof RECIPE_NAMES)[number];

/** Settings of a recipe. All other options keep their defaults. */
export interface Recipe {
  readonly options: Partial<Readonly<z.input<typeof grpoSchema>>>;
  /** Default: `correctness`. */
  readonly reward?: RewardName;
}

/** The recipes by name. */
export const RECIPES: Readonly<Record<RecipeName, Recipe>> = {
  default: { options: {} },
  // Settings that helped in the experiments of docs/LEARNING.md.
  tuned: {
    options: {
      lr: 1e-3,
      scheduler: 'cosine',
      klCoef: 0,
      dynamicSampling: true,
      // Groups that differ only in partial credit are kept too.
      dynamicSamplingMetric: 'reward',
      epochs: 2,
    },
    reward: 'partial',
  },
};
