/** The task that a checkpoint was trained on. */
import { MathformerError } from '../base/errors.ts';
import { printable, quoted } from '../formats/error.ts';
import { arithmeticTask } from '../tasks/arithmetic/task.ts';
import { BUILT_IN_TASKS } from '../tasks/builtIn.ts';
import { madeTask } from '../tasks/definition.ts';
import { checkVocabulary, type Task } from '../tasks/task.ts';
import { settingsOf } from './trainedSettings.ts';

/** The parts of a checkpoint that say its task. */
export interface TrainedCheckpoint {
  readonly config: { readonly vocabSize: number };
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Make the built-in task that a checkpoint names, with the options that it was trained with; arithmetic if it names none.
 * @throws MathformerError if it names a module, which only its own program can load, or if its vocabulary is another one.
 */
export async function trainedTask({ config, metadata }: TrainedCheckpoint): Promise<Task> {
  const { task: name = arithmeticTask.name } = settingsOf(metadata);
  const definition = BUILT_IN_TASKS.get(name);
  if (!definition) {
    throw new MathformerError(`the task of the model, ${printable(quoted(name))}, is not built in`, {
      code: 'UNKNOWN_TASK',
      where: 'checkpoint',
      fix: `give a model of ${[...BUILT_IN_TASKS.keys()].join(', ')}`,
    });
  }
  const settings = settingsOf(metadata, definition.options);
  const own = Object.entries(settings).filter(([key]) => Object.hasOwn(definition.options, key));
  const task = await madeTask(definition, Object.fromEntries(own));
  checkVocabulary(task, config);
  return task;
}
