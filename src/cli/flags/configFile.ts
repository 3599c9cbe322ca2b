/**
 * Options from a file, under those of the command line: `--config FILE`, a JSON object of options by the names that
 * config.json has them, or the config.json of a run.
 */
import type { Command } from 'commander';
import { z } from 'zod';
import { isRecord, shownValue } from '../../base/arguments.ts';
import { meant } from '../../base/optionNames.ts';
import { BadOptionError, parseOptions, path, withPresentNames } from '../../base/options.ts';
import { printable } from '../../formats/error.ts';
import { RECIPE_NAMES, RECIPES } from '../../grpo/recipes.ts';
import { tasksWithOption } from '../../tasks/builtIn.ts';
import { givenFlags } from './flags.ts';
import { readJsonObject } from './jsonFile.ts';
import { withPathsOfFile } from './optionPaths.ts';
import { checkTrust } from './trust.ts';
import { ownerOf } from './usageErrors.ts';

export const configFlag = {
  config: path()
    .optional()
    .describe('take options from this JSON file, such as the config.json of a run; flags win over it'),
};

/** Options that are objects of options, in the file alone: checked, but not completed. */
type Sections = Readonly<Record<string, z.ZodObject>>;

/** Sections as a file gives them. */
export type GivenSections = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

/**
 * The options of a command. Flags win over the file that `--config` names, the file wins over the recipe (that of the
 * flags, or else that of the file), and the recipe over the defaults.
 * @throws BadOptionError naming the flag, or the key and the file; FileError for a file that cannot be read.
 */
export function readOptions<Schema extends z.ZodObject>(
  command: Command,
  schema: Schema,
  sections?: Sections,
) {
  const read = givenOptions(command, schema, sections);
  return { flags: completed(schema, read.given), sections: read.sections };
}

/**
 * The options that the flags of a command and the file that `--config` names give. Only the keys of the file are checked yet.
 * @throws as `readOptions` does
 */
export function givenOptions(command: Command, schema: z.ZodObject, sections: Sections = {}) {
  const flags = givenFlags(command, schema);
  parseOptions(z.object(configFlag), flags);
  const file = typeof flags.config === 'string' ? readConfig(flags.config, schema, sections) : {};
  const found = typeof flags.config === 'string' ? withPathsOfFile(file, flags.config) : file;
  const own = Object.entries(found).filter(([key]) => Object.hasOwn(schema.shape, key));
  const rest = Object.entries(file).filter(([key]) => !Object.hasOwn(schema.shape, key));
  if (typeof flags.config === 'string') {
    const named = own.filter(([key]) => !Object.hasOwn(flags, key));
    checkTrust(Object.fromEntries(named), flags.config, flags.trust === true);
  }
  return {
    given: { ...Object.fromEntries(own), ...flags },
    sections: Object.fromEntries(rest) as GivenSections,
  };
}

/** Options with all that is not given: from the recipe, from `beneath` it, or the default. @throws BadOptionError */
export function completed<Schema extends z.ZodObject>(
  schema: Schema,
  given: Readonly<Record<string, unknown>>,
  beneath: Readonly<Record<string, unknown>> = {},
): z.output<Schema> {
  return parseOptions(schema, { ...beneath, ...recipeOf(schema, given), ...given });
}

function recipeOf({ shape }: z.ZodObject, { recipe }: Readonly<Record<string, unknown>>): object {
  const name = RECIPE_NAMES.find((each) => each === recipe);
  if (!Object.hasOwn(shape, 'recipe') || !name) return {};
  const { options, ...rewards } = RECIPES[name];
  return { ...options, ...rewards };
}

/** Options that belong to one run: its directory, its sources and their trust. Another run has its own. */
const NOT_TAKEN_OVER = ['out', 'logCsv', 'profile', 'config', 'trust'];

/** @throws BadOptionError naming the first key at fault and the file, FileError if it cannot be read. */
export function readConfig(
  path: string,
  schema: z.ZodObject,
  sections: Sections = {},
): Record<string, unknown> {
  const { options: all, isRun } = optionsOfConfig(path);
  const isTaken = (key: string) => !(isRun && (NOT_TAKEN_OVER.includes(key) || isOfAnotherTask(key, schema)));
  const options = Object.fromEntries(Object.entries(all).filter(([key]) => isTaken(key)));
  if (Object.hasOwn(options, 'config')) {
    throw new BadOptionError(
      '--config',
      `${path}: 'config' names another file`,
      'put its options into this one',
    );
  }
  if (Object.hasOwn(options, 'trust')) {
    const fix = 'remove it, and give --trust on the command line if you trust the file';
    throw new BadOptionError('--trust', `${path}: no file can say that it is trusted`, fix);
  }
  checkKeys(path, options, schema, sections);
  return options;
}

/** Read the options of a file, unchecked. @throws BadOptionError, FileError */
export function optionsOfConfig(path: string) {
  const document = readJsonObject('--config', path);
  const { kind, options } = document;
  const isRun = typeof kind === 'string' && isRecord(options);
  return { options: withPresentNames(isRun ? options : document), isRun };
}

/** Tell whether an option is that of a built-in task alone. Configs of earlier runs have those of arithmetic, whatever their task. */
export const isOfAnotherTask = (key: string, { shape }: z.ZodObject): boolean =>
  !Object.hasOwn(shape, key) && tasksWithOption(key).length > 0;

function checkKeys(
  path: string,
  options: Readonly<Record<string, unknown>>,
  { shape }: z.ZodObject,
  sections: Sections = {},
  prefix = '',
): void {
  const [fields, parts] = [new Map(Object.entries(shape)), new Map(Object.entries(sections))];
  for (const [key, value] of Object.entries(options)) {
    const [field, section] = [fields.get(key), parts.get(key)];
    if (section && isRecord(value)) {
      checkKeys(path, value, section, {}, `${key}.`);
      continue;
    }
    if (section)
      throw new BadOptionError('--config', `${path}: ${key} is no object`, 'give an object of options');
    if (!(field instanceof z.ZodType))
      throw unknownKey(path, key, prefix, [...fields.keys(), ...parts.keys()]);
    const parsed = field.safeParse(value);
    if (parsed.success) continue;
    const fix = parsed.error.issues[0]?.message ?? 'give another value';
    throw new BadOptionError('--config', `${path}: ${prefix}${key} cannot be ${shownValue(value)}`, fix);
  }
}

function unknownKey(path: string, key: string, prefix: string, known: readonly string[]): BadOptionError {
  const fix =
    ownerOf(key, known) ??
    meant(key, known, (name) => name) ??
    `use ${known.filter((each) => each !== 'config').join(', ')}`;
  return new BadOptionError('--config', `${path}: there is no option '${printable(prefix + key)}'`, fix);
}
