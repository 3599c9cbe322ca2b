/** Descriptions of options, read from their schema: command lines make flags of them, pages make fields and tables. */
import { z } from 'zod';
import { flagOf } from './options.ts';

/** The kind of value that an option takes. */
export type OptionType = 'number' | 'switch' | 'choice' | 'text' | 'list';

/** An option as people see it. */
export interface DescribedOption {
  /** Name in config.json, such as `groupSize`. */
  readonly key: string;
  /** Name on a command line, such as `--group_size`. */
  readonly flag: string;
  readonly help: string;
  readonly type: OptionType;
  /** Undefined for an option without a default, or whose default depends on others. */
  readonly default: unknown;
  /** The values of a `choice`; else none. */
  readonly choices: readonly string[];
  /** The range of a `number`, ends included. */
  readonly min: number;
  readonly max: number;
  readonly isInteger: boolean;
  /** Return what to give instead of a bad value; undefined for a good one. */
  readonly adviceOn: (value: unknown) => string | undefined;
}

/** Describe the options of a schema, in its order. */
export const describedOptions = ({ shape }: z.ZodObject): DescribedOption[] =>
  Object.entries(shape).map(([key, field]) => describedOption(key, field));

/** Describe one option. @param field its schema, with any default and description. */
export function describedOption(key: string, field: unknown): DescribedOption {
  const bare = withoutDefault(field);
  const isNumber = bare instanceof z.ZodNumber;
  return {
    key,
    flag: flagOf(key),
    help: (field instanceof z.ZodType && field.description) || '',
    type: typeOf(bare),
    default: field instanceof z.ZodDefault ? field.parse(undefined) : undefined,
    choices: bare instanceof z.ZodEnum ? bare.options.map(String) : [],
    min: (isNumber ? bare.minValue : null) ?? Number.NEGATIVE_INFINITY,
    max: (isNumber ? bare.maxValue : null) ?? Number.POSITIVE_INFINITY,
    isInteger: isNumber && bare.isInt,
    adviceOn: (value) =>
      field instanceof z.ZodType ? field.safeParse(value).error?.issues[0]?.message : undefined,
  };
}

function typeOf(bare: unknown): OptionType {
  if (bare instanceof z.ZodBoolean) return 'switch';
  if (bare instanceof z.ZodNumber) return 'number';
  if (bare instanceof z.ZodEnum) return 'choice';
  return bare instanceof z.ZodString ? 'text' : 'list';
}

function withoutDefault(field: unknown): unknown {
  const isWrapped = field instanceof z.ZodDefault || field instanceof z.ZodOptional;
  return isWrapped ? withoutDefault(field.unwrap()) : field;
}
