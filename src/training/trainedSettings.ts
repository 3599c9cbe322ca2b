/**
 * What a checkpoint says of its training: the task, and how the model was evaluated. Training writes it beside the
 * weights; evaluate, generate, export and GRPO begin from it, so that a model is asked what it has learnt.
 */
import { z } from 'zod';
import { integer } from '../base/options.ts';
import { grpoSchema } from '../grpo/options.ts';

/** The key of a checkpoint's metadata. */
export const SETTINGS_KEY = 'settings';

const { maxDigits, maxDepth, operators, maxGenLen, temperature, topK, topP, minP } = grpoSchema.shape;

const settingsSchema = z
  .object({
    task: z.string().min(1),
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
