/** Options of commands that config.json records beside those of the training. */
import { z } from 'zod';
import { type DescribedOption, describedOptions } from '../base/describedOptions.ts';
import { integer, oneOf, path, yesOrNo } from '../base/options.ts';
import { RECIPE_NAMES } from '../grpo/recipes.ts';
import { REWARD_NAMES } from '../grpo/reward.ts';
import { BUILT_IN_TASKS } from '../tasks/builtIn.ts';
import { keepLastField } from './options.ts';
import { outputSchema } from './outputOptions.ts';
import type { RunKind } from './runConfig.ts';

export { outputSchema } from './outputOptions.ts';

/** The task of commands that are given none. */
export const DEFAULT_TASK_NAME = 'arithmetic';

const TASK_NAMES = [...BUILT_IN_TASKS.keys()];

export const taskField = {
  task: z
    .string()
    .min(1, { error: `give ${TASK_NAMES.join(', ')}, or the path of a module` })
    .default(DEFAULT_TASK_NAME)
    .describe(
      `${TASK_NAMES.join(', ')}, or a module whose default export is a task or the definition of one`,
    ),
};

export const rewardField = {
  reward: z
    .union([z.string(), z.array(z.string())], { error: 'give a list such as correctness,length:0.2' })
    .default('correctness')
    .describe(`rewards, each with :weight if not 1: ${REWARD_NAMES.join(', ')}, or modules of your own`),
};

export const recipeField = {
  recipe: oneOf(RECIPE_NAMES)
    .default('default')
    .describe('settings to begin from; what a --config or a flag gives wins over them'),
};

export const logCsvField = {
  logCsv: z.string().default('').describe('also write the metrics to this CSV file, which must not exist'),
};

/** Flags of every training command. */
export const sessionSchema = z.strictObject({
  ...keepLastField,
  memoryLimit: integer(1, 1 << 20)
    .optional()
    .describe('most MiB of GPU memory to use (default: what there is)'),
  out: path().optional().describe('directory of the run, new or empty (default: runs/<time>-<kind>)'),
  debug: yesOrNo()
    .default(false)
    .describe('stop at the first op that makes a NaN or an infinity, and name it (several times slower)'),
  dashboard: yesOrNo()
    .default(false)
    .describe('show the run live in the browser, from a server on this machine that ends with the training'),
  tensorboard: yesOrNo()
    .default(false)
    .describe('also write the metrics for TensorBoard, to tensorboard/ in the directory of the run'),
  ...outputSchema.shape,
});

export type SessionFlags = z.output<typeof sessionSchema>;

/** Describe the options that a kind of run records beside those of `optionSections`. */
export function commandOptions(kind: RunKind): readonly DescribedOption[] {
  const own = kind === 'pipeline' ? {} : { ...taskField, ...logCsvField };
  const grpo = kind === 'grpo' ? { ...rewardField, ...recipeField } : {};
  return describedOptions(z.object({ ...own, ...grpo, ...sessionSchema.omit({ keepLast: true }).shape }));
}
