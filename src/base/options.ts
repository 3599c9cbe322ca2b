/**
 * Fields that options are made of: each knows its range, its default and its description, so that trainers, command
 * lines and --help say the same. A bad value is a `BadOptionError` naming the flag, the value and the range.
 */
import { z } from 'zod';
import { isPlain, shownValue } from './arguments.ts';
import { MathformerError } from './errors.ts';
import { meant } from './optionNames.ts';

/** Courses of the learning rate: warm-up and half a cosine, or constant. */
export const SCHEDULERS = ['cosine', 'none'] as const;

/** An option that cannot work, alone or together with another. `where` is the flag, e.g. `--group_size`. */
export class BadOptionError extends MathformerError {
  constructor(flag: string, problem: string, fix: string) {
    super(problem, { code: 'BAD_OPTION', where: flag, fix });
  }
}

/** Flags that are spelt otherwise than their options: as the original Python program spells them. */
const SPELLINGS: ReadonlyMap<string, string> = new Map([['maxNewTokens', '--max_gen_len']]);

/** Other spellings of flags: those of transformers and TRL. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['--max_new_tokens', '--max_gen_len'],
  ['--max_completion_length', '--max_gen_len'],
]);

/** Names of options in files of earlier versions. */
const FORMER_NAMES: ReadonlyMap<string, string> = new Map([['maxGenLen', 'maxNewTokens']]);

/** Return the flag that sets an option: `--group_size` for `groupSize`. */
export function flagOf(key: string): string {
  return SPELLINGS.get(key) ?? `--${key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
}

/** Return the flag that a spelling, with underscores, stands for. */
export const flagSpelt = (flag: string): string => ALIASES.get(flag) ?? flag;

/** Rename options of earlier versions, and those in sections. Where both names are given, the present one counts. */
export function withPresentNames(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const sections = Object.entries(options).map(([key, value]) => [
    key,
    isPlain(value) ? renamed(value) : value,
  ]);
  return renamed(Object.fromEntries(sections));
}

function renamed(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(options);
  const present = entries.filter(([key]) => !FORMER_NAMES.has(key));
  return Object.fromEntries([
    ...entries.map(([key, value]) => [FORMER_NAMES.get(key) ?? key, value] as const),
    ...present,
  ]);
}

/** The part of some options that belongs to a schema. */
export function pick(
  { shape }: { readonly shape: object },
  options: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([key]) => Object.hasOwn(shape, key)));
}

/** The range of a field of numbers. */
export interface FieldRange {
  readonly min?: number;
  readonly max?: number;
  /** True if `min` itself is out of the range. */
  readonly aboveMin?: boolean;
  /** Why the range ends where it does, if that is not plain. */
  readonly because?: string;
}

/** An integer from `min` to `max`, both included. */
export function integer(min: number, max: number, because?: string) {
  const error = `give an integer from ${min} to ${max}${because ? ` (${because})` : ''}`;
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
}

/** A finite number in the range. */
export function real({ min = -Number.MAX_VALUE, max = Number.MAX_VALUE, aboveMin, because }: FieldRange) {
  const low = min === -Number.MAX_VALUE ? [] : [aboveMin ? `above ${min}` : `of at least ${min}`];
  const high = max === Number.MAX_VALUE ? [] : [`at most ${max}`];
  const error =
    ['give a number', [...low, ...high].join(' and ')].join(' ').trimEnd() + (because ? ` (${because})` : '');
  const number = z.number({ error }).max(max, { error });
  return aboveMin ? number.gt(min, { error }) : number.min(min, { error });
}

/** A number from 0 to 1. */
export function probability() {
  return real({ min: 0, max: 1 });
}

/** A switch. */
export function yesOrNo() {
  return z.boolean({ error: 'give true or false' });
}

/** One of some names. */
export function oneOf<const Names extends readonly [string, ...string[]]>(names: Names) {
  return z.enum(names, { error: `give one of ${names.join(', ')}` });
}

/** The fix for an empty path. */
export const NO_EMPTY_PATH = 'give a path that is not empty';

/** A path of a file or directory. @param missing the error if there is none. */
export function path(missing?: string) {
  return z.string(missing === undefined ? {} : { error: missing }).min(1, { error: NO_EMPTY_PATH });
}

/** The GPU's seeds have 32 bits. */
const MAX_SEED = 2 ** 32 - 1;

/** A seed of samplers and trainers. */
export const seed = () => integer(0, MAX_SEED);

/**
 * Checks options against their schema and fills in the defaults.
 * @throws BadOptionError naming the first flag at fault, its value and what it takes.
 */
export function parseOptions<Schema extends z.ZodObject>(
  schema: Schema,
  candidate: unknown,
  placeOf: (name: string) => string | undefined = () => undefined,
): z.output<Schema> {
  const present = isPlain(candidate) ? withPresentNames(candidate) : candidate;
  const parsed = schema.safeParse(present);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  if (issue?.code === 'unrecognized_keys') {
    const [name = ''] = issue.keys;
    const known = Object.keys(schema.shape);
    const fix =
      placeOf(name) ??
      meant(name, known, (key) => `${key} (${flagOf(key)})`) ??
      `use ${known.map(flagOf).join(', ')}`;
    throw new BadOptionError(flagOf(name), `there is no option ${flagOf(name)}`, fix);
  }
  const key = issue?.path[0];
  if (key === undefined) {
    throw new BadOptionError('options', 'the options are no object', 'give an object of options');
  }
  const flag = flagOf(String(key));
  const value = (present as Readonly<Record<PropertyKey, unknown>>)[key];
  const problem = value === undefined ? `${flag} is missing` : `${flag} cannot be ${shownValue(value)}`;
  throw new BadOptionError(flag, problem, issue?.message ?? 'give another value');
}

/** Tell whether a number can be a seed of samplers and trainers. */
export const isSeed = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= MAX_SEED;

/** @throws MathformerError for a seed that would be taken for another one. */
export function checkSeed(value: number): void {
  if (isSeed(value)) return;
  const fix = `give an integer from 0 to ${MAX_SEED}`;
  throw new MathformerError(`the seed is ${value}`, { code: 'BAD_OPTION', where: 'seed', fix });
}
