/** The settings of the Lab: a preset, what differs from it, and the adapter. The address holds them all. */
import { type DescribedOption, type OptionSection, optionSections, type Recipe } from 'mathformer/training';
import { type Options, type Preset, presetOf } from './presets.ts';
import { ADAPTER_CHOICES, type AdapterChoice } from './protocol.ts';

/** Tasks that come with the package. */
export const TASKS = ['arithmetic', 'sort', 'countdown'] as const;

/** Parameters of the address that are no options of the training. */
const OWN = ['preset', 'adapter', 'task'] as const;

/** A setting with its place in the options: `grpo.lr` in a pipeline, `lr` elsewhere. */
export interface Field {
  readonly name: string;
  readonly section: OptionSection['key'];
  readonly option: DescribedOption;
  /** The value of the preset, or else the option's default. */
  readonly initial: unknown;
}

/** Settings of the Lab. */
export interface Settings {
  readonly preset: Preset;
  readonly adapter: AdapterChoice;
  readonly task: string;
  /** Values by the names of fields; only those that differ from the preset. */
  readonly changed: Options;
}

type Parameters = Readonly<Record<string, string>>;

/** List the fields of a preset. */
export function fieldsOf({ preset, task }: Pick<Settings, 'preset' | 'task'>): readonly Field[] {
  const own = task === preset.task ? preset.options : withoutTask(preset.options);
  return optionSections(preset.kind, task).flatMap(({ key, options }) =>
    options.map((option) => {
      const values = key === null ? own : recordIn(own[key]);
      const initial = Object.hasOwn(values, option.key) ? values[option.key] : option.default;
      return { name: nameOf(key, option), section: key, option, initial };
    }),
  );
}

/** The options of a preset's own task mean nothing to another. */
function withoutTask(options: Options): Options {
  const { maxDigits: _, maxDepth: __, operators: ___, numbers: ____, maxNumber: _____, ...others } = options;
  return others;
}

const nameOf = (section: OptionSection['key'], { flag }: DescribedOption): string =>
  (section === null ? '' : `${section}.`) + flag.slice(2);

/** Read the settings in an address. Unknown parameters and bad values are left out; `problems` says which. */
export function settingsFrom(parameters: Parameters): {
  readonly settings: Settings;
  readonly problems: readonly string[];
} {
  const preset = presetOf(parameters.preset);
  const adapter = ADAPTER_CHOICES.find((name) => name === parameters.adapter) ?? 'auto';
  const task = TASKS.find((name) => name === parameters.task) ?? preset.task;
  const fields = new Map(fieldsOf({ preset, task }).map((field) => [field.name, field]));
  const changed: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, text] of Object.entries(parameters)) {
    if (OWN.some((own) => own === name)) continue;
    const field = fields.get(name);
    const value = field && valueFrom(text, field.option);
    const advice = field ? field.option.adviceOn(value) : 'there is no such option';
    if (!field || advice !== undefined) problems.push(`${name}=${text}: ${advice}`);
    else if (!isSame(value, field.initial)) changed[name] = value;
  }
  return { settings: { preset, adapter, task, changed }, problems };
}

/** Write settings as the parameters of an address. */
export function parametersOf({ preset, adapter, task, changed }: Settings): Parameters {
  const values = Object.entries(changed).map(([name, value]) => [name, textFrom(value)]);
  return {
    preset: preset.id,
    ...(adapter === 'auto' ? {} : { adapter }),
    ...(task === preset.task ? {} : { task }),
    ...Object.fromEntries(values),
  };
}

/** Write settings as one text, the same for the same settings. */
export const addressOf = (settings: Settings): string => JSON.stringify(parametersOf(settings));

/** Read the parameters in such a text; those of the first preset, if it is damaged. */
export function parametersIn(address: string): Parameters {
  try {
    const { settings } = settingsFrom(JSON.parse(address));
    return parametersOf(settings);
  } catch {
    return parametersOf(settingsFrom({}).settings);
  }
}

/** Change a field; its initial value is no change. */
export function withValue(settings: Settings, { name, initial }: Field, value: unknown): Settings {
  const { [name]: _, ...others } = settings.changed;
  return { ...settings, changed: isSame(value, initial) ? others : { ...others, [name]: value } };
}

/** Return the value of a field; undefined for an option without one. */
export const valueIn = ({ changed }: Settings, { name, initial }: Field): unknown =>
  Object.hasOwn(changed, name) ? changed[name] : initial;

/** Return the recipe of the run, with every option. @param checkpoint the name of its first model; null for a new one. */
export function recipeOf(settings: Settings, checkpoint: string | null): Recipe {
  const { preset, task } = settings;
  const options: Record<string, unknown> = preset.kind === 'pipeline' ? {} : { task };
  if (checkpoint !== null) options.checkpoint = checkpoint;
  const sections: Record<string, Record<string, unknown>> = {};
  for (const field of fieldsOf(settings)) {
    const value = valueIn(settings, field);
    if (value === undefined) continue;
    if (field.section === null) options[field.option.key] = value;
    else {
      sections[field.section] ??= {};
      Object.assign(sections[field.section] ?? {}, { [field.option.key]: value });
    }
  }
  return { kind: preset.kind, options: { ...options, ...sections }, checkpoint };
}

/** Read a value that a person types or an address holds; text that is none stays text, which has advice. */
export function valueFrom(text: string, { type }: DescribedOption): unknown {
  if (type === 'number') return text.trim() === '' ? undefined : Number(text.replace(',', '.'));
  if (type === 'switch') return text === 'true' ? true : text === 'false' ? false : text;
  return text;
}

/** Write a value as text. */
export const textFrom = (value: unknown): string =>
  Array.isArray(value) ? value.join(',') : String(value ?? '');

const isSame = (a: unknown, b: unknown): boolean => textFrom(a) === textFrom(b);

const recordIn = (value: unknown): Options => (isOptions(value) ? value : {});

const isOptions = (value: unknown): value is Options => typeof value === 'object' && value !== null;
