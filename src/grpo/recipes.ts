/** Settings of GRPO by name. */
import type { z } from 'zod';
import type { grpoSchema } from './options.ts';

/** The names of the recipes. */
export const RECIPE_NAMES = ['default', 'tuned'] as const;
/** A row of `RECIPES`. */
export type RecipeName = (typeof RECIPE_NAMES)[number];

/** Options of each recipe that are not the defaults. */
export const RECIPES: Readonly<Record<RecipeName, Partial<Readonly<z.input<typeof grpoSchema>>>>> = {
  default: {},
  // What helped in the ablations of docs/LEARNING.md; what did not is left as it is.
  tuned: { lr: 1e-3, scheduler: 'cosine', klCoef: 0, dynamicSampling: true },
};
