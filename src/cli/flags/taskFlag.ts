/** The flag that says what is learnt: a task that comes built in, or a module of the user's own. */
import { z } from 'zod';
import { MathformerError } from '../../base/errors.ts';
import { BadOptionError } from '../../base/options.ts';
import { type ArithmeticOptions, arithmetic } from '../../tasks/arithmetic/task.ts';
import { checkedTask } from '../../tasks/checked.ts';
import { sorting } from '../../tasks/sorting.ts';
import type { Task } from '../../tasks/task.ts';
import { defaultExport } from './userModule.ts';

export const taskFlag = {
  task: z
    .string()
    .min(1, { error: 'give arithmetic, sort, or the path of a module' })
    .default('arithmetic')
    .describe('arithmetic, sort (of --max_digits digits), or a module whose default export is a task'),
};

/** The task of commands that are given none, with its own defaults. */
export const DEFAULT_TASK: Task = arithmetic();

/** What a task is made from. */
export type TaskOptions = ArithmeticOptions & { readonly maxDigits: number };

const TASKS: Readonly<Record<string, (options: TaskOptions) => Task>> = { arithmetic, sort: sorting };

/** Whether a task is known by this name; any other is a module. */
export const isBuiltInTask = (name: string): boolean => Object.hasOwn(TASKS, name);

/**
 * The task of that name, or of the module at that path: a task, or a function that makes one of the options.
 * @throws BadOptionError if there is none, or if it lacks something.
 */
export async function taskOf(name: string, options: TaskOptions): Promise<Task> {
  const known = isBuiltInTask(name) ? TASKS[name] : undefined;
  const made = known ?? (await defaultExport('--task', name, Object.keys(TASKS)));
  if (typeof made !== 'function') return taskWith(name, made);
  try {
    return taskWith(name, await made(options));
  } catch (cause) {
    if (cause instanceof BadOptionError || known) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new BadOptionError('--task', `--task ${name}: it cannot be made: ${message}`, 'correct the module');
  }
}

function taskWith(path: string, candidate: unknown): Task {
  try {
    return checkedTask(candidate as Task);
  } catch (error) {
    if (!(error instanceof MathformerError)) throw error;
    throw new BadOptionError('--task', `--task ${path}: ${error.message}`, error.fix);
  }
}
