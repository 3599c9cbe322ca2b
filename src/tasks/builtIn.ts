/** The tasks that come with the package. */
import { BadOptionError, flagOf } from '../base/options.ts';
import { arithmeticTask } from './arithmetic/task.ts';
import { countdownTask } from './countdown/task.ts';
import { optionFields, type TaskDefinition, type TaskUse } from './definition.ts';
import { sortTask } from './sorting.ts';

/** Definitions by name. */
export const BUILT_IN_TASKS: ReadonlyMap<string, TaskDefinition> = new Map(
  [arithmeticTask, sortTask, countdownTask].map((definition: TaskDefinition) => [
    definition.name,
    definition,
  ]),
);

/** Return the names of the tasks that have an option of this name. */
export function tasksWithOption(key: string, use: TaskUse = 'pretraining'): string[] {
  const owners = [...BUILT_IN_TASKS.values()].filter((task) => Object.hasOwn(optionFields(task, use), key));
  return owners.map(({ name }) => name);
}

/** Advise on an option of a task that was given to a trainer; undefined for any other name. */
export function taskOptionAdvice(key: string): string | undefined {
  const [owner] = tasksWithOption(key);
  if (owner === undefined) return undefined;
  return `it is an option of the task: give the trainer { task: ${owner}({ ${key}: … }) }`;
}

/** @throws BadOptionError if the options of a trainer have one of a task. */
export function refuseTaskOptions(options: object): void {
  for (const key of Object.keys(options)) {
    const fix = taskOptionAdvice(key);
    if (fix !== undefined) throw new BadOptionError(flagOf(key), `no trainer has the option ${key}`, fix);
  }
}
