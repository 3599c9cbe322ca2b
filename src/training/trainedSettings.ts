/**
 * The settings that a checkpoint keeps of its training: the task with its options, and those of its evaluation. Training
 * writes them beside the weights; evaluate, generate, export and GRPO begin with them.
 */
import { z } from 'zod';
import { jsonObject } from '../base/json.ts';
import { integer, withPresentNames } from '../base/options.ts';
import { grpoSchema } from '../grpo/options.ts';
import type { OptionFields } from '../tasks/definition.ts';

/** The key of a checkpoint's metadata. */
export const SETTINGS_KEY = 'settings';

const { maxNewTokens, temperature, topK, topP, minP } = grpoSchema.shape;

const taskName = { task: z.string().min(1) };
const evaluation = {
  maxNewTokens: maxNewTokens.unwrap(),
  /** Held-out problems that it was evaluated on. */
  evalSize: integer(1, 100_000),
  temperature: temperature.unwrap(),
  topK: topK.unwrap(),
  topP: topP.unwrap(),
  minP: minP.unwrap(),
};
const settingsSchema = z.object({ ...taskName, ...evaluation }).partial();

/** Settings of a training: those of every task, and the options of its own. A checkpoint of others has none. */
export type TrainedSettings = Readonly<z.output<typeof settingsSchema>> & Readonly<Record<string, unknown>>;

/** Return the entry of a checkpoint's metadata. */
export function settingsEntry(settings: TrainedSettings): readonly [key: string, value: string] {
  return [SETTINGS_KEY, JSON.stringify(settings)];
}

/**
 * Read the settings in the metadata of a checkpoint; empty if there are none, or none that can be understood.
 * @param options the options of the task that are wanted.
 */
export function settingsOf(
  metadata: ReadonlyMap<string, string>,
  options: OptionFields = {},
): TrainedSettings {
  const settings = jsonObject(metadata.get(SETTINGS_KEY) ?? '');
  const schema = z.object({ ...taskName, ...withoutDefaults(options), ...evaluation }).partial();
  return schema.safeParse(settings && withPresentNames(settings)).data ?? {};
}

function withoutDefaults(fields: OptionFields): OptionFields {
  const bare = Object.entries(fields).map(([key, field]) => {
    const inner: unknown = field instanceof z.ZodDefault ? field.unwrap() : field;
    return [key, inner instanceof z.ZodType ? inner : field] as const;
  });
  return Object.fromEntries(bare);
}
