/** The flag that names the task: one that is built in, or a module. */
import { z } from 'zod';
import { ArgumentError, isObject } from '../../base/arguments.ts';
import { MathformerError, problemOf } from '../../base/errors.ts';
import { BadOptionError } from '../../base/options.ts';
import { arithmeticTask } from '../../tasks/arithmetic/task.ts';
import { BUILT_IN_TASKS } from '../../tasks/builtIn.ts';
import { checkedTask } from '../../tasks/checked.ts';
import type { OptionFields, TaskDefinition } from '../../tasks/definition.ts';
import type { Task } from '../../tasks/task.ts';
import { defaultExport } from './userModule.ts';

/** The task of commands that are given none. */
export const DEFAULT_TASK: TaskDefinition = arithmeticTask;

const NAMES = [...BUILT_IN_TASKS.keys()];

/** Tell whether a task is built in; any other name is the path of a module. */
export const isBuiltInTask = (name: string): boolean => BUILT_IN_TASKS.has(name);

/**
 * Return the definition of a built-in task, or of the module at a path: its default export is a definition, a task, or
 * a function that makes a task from the options of arithmetic.
 * @throws BadOptionError if there is no such module, or if it exports none of these.
 */
export async function definitionOf(name: string): Promise<TaskDefinition> {
  const known = BUILT_IN_TASKS.get(name);
  if (known) return known;
  const exported = await defaultExport('--task', name, NAMES);
  if (typeof exported === 'function')
    return { ...DEFAULT_TASK, name, make: exported as TaskDefinition['make'] };
  if (!isObject(exported) || typeof exported.make !== 'function') {
    const task = checkedAs(name, exported);
    return { name, options: {}, make: () => task };
  }
  const { make } = exported;
  const [options, pretraining] = [
    fieldsIn(name, exported, 'options'),
    fieldsIn(name, exported, 'pretraining'),
  ];
  return { name, options, pretraining, make: (given) => make.call(exported, given) as Task };
}

/** A task with its options. */
export interface TaskWithOptions {
  readonly definition: TaskDefinition;
  /** Checked options of the task. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** Make a task. @throws BadOptionError if it cannot be made, or if it lacks something. */
export async function taskOf({ definition, options }: TaskWithOptions): Promise<Task> {
  const { name } = definition;
  try {
    return checkedAs(name, await definition.make(options));
  } catch (cause) {
    if (cause instanceof BadOptionError) throw cause;
    if (isBuiltInTask(name)) throw contradiction(cause);
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new BadOptionError('--task', `--task ${name}: it cannot be made: ${message}`, 'correct the module');
  }
}

/** Return the error for options that contradict each other; any other stays as it is. */
const contradiction = (cause: unknown): unknown =>
  cause instanceof ArgumentError ? new BadOptionError('--task', problemOf(cause), cause.fix) : cause;

function fieldsIn(
  path: string,
  exported: Readonly<Record<string, unknown>>,
  part: 'options' | 'pretraining',
): OptionFields {
  const fields = exported[part] ?? {};
  const odd = isObject(fields)
    ? Object.keys(fields).find((key) => !NAME.test(key) || !isField(fields[key]))
    : part;
  if (odd === undefined) return fields as OptionFields;
  const problem = `--task ${path}: ${odd === part ? part : `the option ${odd}`} is not what it must be`;
  throw new BadOptionError(
    '--task',
    problem,
    'give fields by name, such as { size: integer(1, 9).default(3) }',
  );
}

/** Matches a name that can be a flag. */
const NAME = /^[a-z]\w*$/i;

const isField = (value: unknown): boolean => value instanceof z.ZodType;

function checkedAs(path: string, candidate: unknown): Task {
  try {
    return checkedTask(candidate as Task);
  } catch (error) {
    if (!(error instanceof MathformerError)) throw error;
    throw new BadOptionError('--task', `--task ${path}: ${error.message}`, error.fix);
  }
}
