/**
 * Options from a file, under those of the command line: `--config FILE`, a JSON object of options by the names that
 * config.json has them, or the config.json of a run.
 */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { z } from 'zod';
import { RECIPE_NAMES, RECIPES } from '../grpo/recipes.ts';
import { BadOptionError, oneOf, parseOptions, shown } from '../options.ts';
import { withFileErrors } from '../runs/fileError.ts';
import { givenFlags } from './flags.ts';

export const configFlag = {
  config: z
    .string()
    .min(1, { error: 'give a path that is not empty' })
    .optional()
    .describe('take options from this JSON file, such as the config.json of a run; flags win over it'),
};

export const recipeFlag = {
  recipe: oneOf(RECIPE_NAMES)
    .default('default')
    .describe('settings to begin from; what a --config or a flag gives wins over them'),
};

/** Options that are objects of options, in the file alone: checked, but not completed. */
type Sections = Readonly<Record<string, z.ZodObject>>;

export interface Layered<Schema extends z.ZodObject, Names extends string> {
  readonly flags: z.output<Schema>;
  readonly sections: Readonly<Partial<Record<Names, Readonly<Record<string, unknown>>>>>;
}

/**
 * The options of a command: what is nearer wins, of its flags, the recipe they name, the file they name, the recipe
 * that the file names, and the defaults.
 * @throws BadOptionError naming the flag, or the key and the file; FileError for a file that cannot be read.
 */
export function readOptions<Schema extends z.ZodObject, Names extends string = never>(
  command: Command,
  schema: Schema,
  sections: Readonly<Record<Names, z.ZodObject>> = {} as Readonly<Record<Names, z.ZodObject>>,
): Layered<Schema, Names> {
  const given = givenFlags(command, schema);
  const file = typeof given.config === 'string' ? readConfig(given.config, schema, sections) : {};
  const own = Object.entries(file).filter(([key]) => key in schema.shape);
  const rest = Object.entries(file).filter(([key]) => !(key in schema.shape));
  const layers = [recipeOf(schema, file), Object.fromEntries(own), recipeOf(schema, given), given];
  return {
    flags: parseOptions(schema, Object.assign({}, ...layers)),
    sections: Object.fromEntries(rest) as Layered<Schema, Names>['sections'],
  };
}

function recipeOf({ shape }: z.ZodObject, { recipe }: Readonly<Record<string, unknown>>): object {
  const name = RECIPE_NAMES.find((each) => each === recipe);
  if (!('recipe' in shape) || !name) return {};
  const { options, ...rewards } = RECIPES[name];
  return { ...options, ...rewards };
}

/** What a run writes to, and where it took this from: its config names them, but another run has its own. */
const NOT_TAKEN_OVER = ['out', 'logCsv', 'profile', 'config'];

/** @throws BadOptionError naming the first key at fault and the file, FileError if it cannot be read. */
export function readConfig(
  path: string,
  schema: z.ZodObject,
  sections: Sections = {},
): Record<string, unknown> {
  const document = parsedJson(path);
  const isRun = typeof document.kind === 'string' && isObject(document.options);
  const all = isRun && isObject(document.options) ? document.options : document;
  const taken = Object.entries(all).filter(([key]) => !(isRun && NOT_TAKEN_OVER.includes(key)));
  const options = Object.fromEntries(taken);
  if ('config' in options) {
    throw new BadOptionError(
      '--config',
      `${path}: 'config' names another file`,
      'put its options into this one',
    );
  }
  checkKeys(path, options, schema, sections);
  return options;
}

function parsedJson(path: string): Record<string, unknown> {
  const text = withFileErrors(path, () => readFileSync(path, 'utf8'));
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new BadOptionError('--config', `${path}: it is no JSON: ${message}`, 'correct the file');
  }
  if (isObject(document)) return document;
  throw new BadOptionError('--config', `${path}: it is no JSON object`, 'give an object of options');
}

function checkKeys(
  path: string,
  options: Readonly<Record<string, unknown>>,
  { shape }: z.ZodObject,
  sections: Sections = {},
  prefix = '',
): void {
  for (const [key, value] of Object.entries(options)) {
    const [field, section] = [shape[key], sections[key]];
    if (section && isObject(value)) {
      checkKeys(path, value, section, {}, `${key}.`);
      continue;
    }
    if (section)
      throw new BadOptionError('--config', `${path}: ${key} is no object`, 'give an object of options');
    if (!(field instanceof z.ZodType))
      throw unknownKey(path, key, prefix, [...Object.keys(shape), ...Object.keys(sections)]);
    const parsed = field.safeParse(value);
    if (parsed.success) continue;
    const fix = parsed.error.issues[0]?.message ?? 'give another value';
    throw new BadOptionError('--config', `${path}: ${prefix}${key} cannot be ${shown(value)}`, fix);
  }
}

function unknownKey(path: string, key: string, prefix: string, known: readonly string[]): BadOptionError {
  const spelt = key.replace(/[_-]+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const fix = known.includes(spelt)
    ? `write ${spelt}`
    : `use ${known.filter((each) => each !== 'config').join(', ')}`;
  return new BadOptionError('--config', `${path}: there is no option '${prefix}${key}'`, fix);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
