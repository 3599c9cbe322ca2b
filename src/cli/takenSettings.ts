/** Options that a command takes from the checkpoint it is given. */
import { BadOptionError, flagOf } from '../base/options.ts';
import type { TrainedSettings } from '../training/trainedSettings.ts';
import { isBuiltInTask } from './flags/taskFlag.ts';
import { offFlagOf } from './flags/usageErrors.ts';
import { commandLineOf } from './invocation.ts';

/** Settings that stand in for options that are not given. */
export interface TakenSettings {
  readonly options: Readonly<Record<string, unknown>>;
  /** The flags that would say the same. */
  readonly text: string;
}

/**
 * The settings of a checkpoint that these options leave open.
 * @param keys the settings that the command has options for.
 * @throws BadOptionError if the task is a module: code that a file names is not run unless the user names it too.
 */
export function takenSettings(
  path: string,
  settings: TrainedSettings,
  keys: readonly string[],
  given: Readonly<Record<string, unknown>>,
): TakenSettings {
  const taken = Object.entries(settings).filter(
    ([key, value]) => value !== undefined && keys.includes(key) && given[key] === undefined,
  );
  const options = Object.fromEntries(taken);
  if (typeof options.task === 'string' && !isBuiltInTask(options.task)) {
    throw new BadOptionError(
      '--task',
      `${path} was trained on the task of a module, which is code that runs only if you name it`,
      `give ${commandLineOf(['--task', options.task])}`,
    );
  }
  const words = taken.flatMap(([key, value]) =>
    typeof value === 'boolean' ? [value ? flagOf(key) : offFlagOf(key)] : [flagOf(key), String(value)],
  );
  return { options, text: commandLineOf(words) };
}
