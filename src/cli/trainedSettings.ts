/**
 * What a checkpoint says of its training: the task, and how the model was evaluated. Training writes it beside the
 * weights; evaluate, generate, export and GRPO begin from it, so that a model is asked what it has learnt.
 */
import { z } from 'zod';
import { BadOptionError, flagOf, integer } from '../base/options.ts';
import { grpoSchema } from '../grpo/options.ts';
import { isBuiltInTask, taskFlag } from './flags/taskFlag.ts';
import { commandLineOf } from './invocation.ts';

/** The key of a checkpoint's metadata. */
export const SETTINGS_KEY = 'settings';

const { maxDigits, maxDepth, operators, maxGenLen, temperature, topK, topP, minP } = grpoSchema.shape;

const settingsSchema = z
  .object({
    task: taskFlag.task.unwrap(),
    maxDigits: maxDigits.unwrap(),
    maxDepth: maxDepth.unwrap(),
    operators: operators.unwrap(),
    maxGenLen: maxGenLen.unwrap(),
    /** Held-out problems that it was evaluated on. */
    evalSize: integer(1, 100_000),
    temperature: temperature.unwrap(),
    topK: topK.unwrap(),
    topP: topP.unwrap(),
    minP: minP.unwrap(),
  })
  .partial();

/** What is known of a training; nothing of checkpoints of others. */
export type TrainedSettings = Readonly<z.output<typeof settingsSchema>>;

/** The settings that say what is learnt. */
export const TASK_SETTINGS = ['task', 'maxDigits', 'maxDepth', 'operators'] as const;

/** The row of a checkpoint's metadata. */
export function settingsEntry(settings: TrainedSettings): readonly [key: string, value: string] {
  return [SETTINGS_KEY, JSON.stringify(settings)];
}

/** What the metadata of a checkpoint says; nothing if it has no settings, or none that can be understood. */
export function settingsOf(metadata: ReadonlyMap<string, string>): TrainedSettings {
  const text = metadata.get(SETTINGS_KEY);
  if (text === undefined) return {};
  try {
    return settingsSchema.safeParse(JSON.parse(text)).data ?? {};
  } catch {
    return {};
  }
}

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
  return { options, text: commandLineOf(taken.flatMap(([key, value]) => [flagOf(key), String(value)])) };
}
