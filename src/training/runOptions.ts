/** The options of each kind of run, described: what a reader of config.json shows beside the values. */
import { z } from 'zod';
import { type DescribedOption, describedOptions } from '../base/describedOptions.ts';
import { grpoSchema } from '../grpo/options.ts';
import { pretrainSchema } from '../pretrain/options.ts';
import { BUILT_IN_TASKS } from '../tasks/builtIn.ts';
import { optionFields, type TaskUse } from '../tasks/definition.ts';
import { DEFAULT_TASK_NAME } from './commandOptions.ts';
import { grpoSessionSchema, keepLastField, pretrainSessionSchema, traceFields } from './options.ts';
import type { RunKind } from './runConfig.ts';

/** Options that config.json keeps together. */
export interface OptionSection {
  /** The key of the object that holds them; null for `options` itself. */
  readonly key: 'pretrain' | 'grpo' | null;
  readonly options: readonly DescribedOption[];
}

/**
 * Describe the options of a kind of run. Options of a command alone, such as `out`, are not among them.
 * @param task its name; a task that is not built in has no described options.
 */
export function optionSections(kind: RunKind, task = DEFAULT_TASK_NAME): readonly OptionSection[] {
  const own = (use: TaskUse): z.ZodRawShape => {
    const definition = BUILT_IN_TASKS.get(task);
    return definition ? optionFields(definition, use) : {};
  };
  const section = (key: OptionSection['key'], ...shapes: readonly z.ZodRawShape[]): OptionSection => ({
    key,
    options: describedOptions(z.object(Object.assign({}, ...shapes))),
  });
  switch (kind) {
    case 'grpo':
      return [section(null, grpoSchema.shape, own('other'), grpoSessionSchema.shape, keepLastField)];
    case 'pretrain':
      return [
        section(null, pretrainSchema.shape, own('pretraining'), pretrainSessionSchema.shape, keepLastField),
      ];
    case 'pipeline':
      return [
        section(null, { seed: grpoSchema.shape.seed }, traceFields, keepLastField),
        section('pretrain', pretrainSchema.omit({ seed: true }).shape, own('pretraining')),
        section('grpo', grpoSchema.omit({ seed: true }).shape, own('other')),
      ];
    default:
      return kind satisfies never;
  }
}
