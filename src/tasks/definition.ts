/** The definition of a task: its name, its options, and how it is made from them. Command lines make flags of it. */
import { z } from 'zod';
import { parseOptions } from '../base/options.ts';
import type { Task } from './task.ts';

/** Fields of options by name, each with its default and description, such as `integer(1, 9).default(3).describe('…')`. */
export type OptionFields = Readonly<Record<string, z.ZodType>>;

type Values<Fields extends OptionFields> = z.output<z.ZodObject<Fields>>;

/** Declares a task. */
export interface TaskDefinition<
  Options extends OptionFields = OptionFields,
  Pretraining extends OptionFields = OptionFields,
> {
  readonly name: string;
  /** Options of the problems: flags of every command. */
  readonly options: Options;
  /** Options of the worked examples, and options of the problems with another default: flags of `pretrain` alone. */
  readonly pretraining?: Pretraining;
  /** Make the task. Options of `pretraining` are absent unless its examples are learnt. */
  make(options: Values<Options> & Partial<Values<Pretraining>>): Task | Promise<Task>;
}

/** Return the definition; TypeScript infers the options that `make` takes. */
export const defineTask = <
  Options extends OptionFields,
  Pretraining extends OptionFields = Record<never, never>,
>(
  definition: TaskDefinition<Options, Pretraining>,
): TaskDefinition<Options, Pretraining> => definition;

/** The use of a task, which determines its options. */
export type TaskUse = 'pretraining' | 'other';

/** Return the fields of a task's options. */
export function optionFields(
  { options, pretraining }: Pick<TaskDefinition, 'options' | 'pretraining'>,
  use: TaskUse,
): OptionFields {
  return use === 'pretraining' ? { ...options, ...pretraining } : options;
}

/** Return the names of all options of a task. */
export const optionNames = (definition: Pick<TaskDefinition, 'options' | 'pretraining'>): string[] =>
  Object.keys(optionFields(definition, 'pretraining'));

/**
 * Make a task from options, defaults filled in.
 * @throws BadOptionError naming the first option at fault; whatever `make` throws.
 */
export async function madeTask(
  definition: TaskDefinition,
  given: Readonly<Record<string, unknown>> = {},
  use: TaskUse = 'other',
): Promise<Task> {
  return definition.make(parseOptions(z.strictObject(optionFields(definition, use)), given));
}
