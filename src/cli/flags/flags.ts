/**
 * Flags from schemas: a field `groupSize` is the flag `--group_size` (or `--group-size`), with the schema's default
 * and description in --help. commander splits the command line; the schema checks the values.
 */
import { type Command, Option } from 'commander';
import type { z } from 'zod';
import { shownValue } from '../../base/arguments.ts';
import { type DescribedOption, describedOptions, type OptionType } from '../../base/describedOptions.ts';
import { BadOptionError, flagOf, flagSpelt, NO_EMPTY_PATH, parseOptions } from '../../base/options.ts';
import { explained, offFlagOf } from './usageErrors.ts';

/**
 * Spell the flags of a command line as they are declared: `--log-csv=a-b` becomes `--log_csv=a-b`, and `--max-new-tokens`
 * becomes `--max_gen_len`. Words after `--` stay.
 */
export function withUnderscores(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return argv.map((argument, i) => {
    if ((end >= 0 && i >= end) || !isFlag(argument)) return argument;
    const [name = '', ...value] = argument.split('=');
    return [flagSpelt(`--${name.slice(2).replaceAll('-', '_')}`), ...value].join('=');
  });
}

/**
 * The same for a command whose operands may begin with a minus (`-5+3`): operands are moved behind a `--`, in their
 * order, so that they are not taken for flags.
 */
export function withOperandsLast(argv: readonly string[], command: Command): string[] {
  const takesValue = new Set(command.options.filter((option) => option.required).map(({ long }) => long));
  const flags: string[] = [];
  const operands: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? '';
    if (argument === '--') {
      operands.push(...argv.slice(i + 1));
      break;
    }
    if (argument !== '-h' && !isFlag(argument)) operands.push(argument);
    else flags.push(...argv.slice(i, takesValue.has(argument) ? ++i + 1 : i + 1));
  }
  return operands.length === 0 ? flags : [...flags, '--', ...operands];
}

function isFlag(argument: string): boolean {
  return /^--[a-z]/i.test(argument);
}

/** Options that --help shows under a heading of their own. */
export interface FlagGroup {
  readonly heading: string;
  readonly keys: readonly string[];
}

/**
 * Declares a flag for every field of the schema. `--no_curriculum` turns the switch `--curriculum` off; --help shows
 * both in one line, as Python's argparse does.
 */
export function addFlags(command: Command, schema: z.ZodObject, group?: FlagGroup): Command {
  const described = describedOptions(schema);
  for (const each of described) {
    const { key, flag } = each;
    const value = valueName(each);
    const description = (each.help + defaultOf(each)).trim();
    const option =
      value === null
        ? new Option(flag, description)
        : new Option(`${flag} <${value}>`, description).argParser(onlyValue(flag));
    if (group?.keys.includes(key)) option.helpGroup(group.heading);
    command.addOption(option);
    if (value === null) command.addOption(new Option(offFlagOf(key)).hideHelp());
  }
  const keys = described.map(({ key }) => key);
  const switches = described.filter(({ type }) => type === 'switch').map(({ key }) => key);
  const names = new Set(switches.map(flagOf));
  return command
    .configureHelp({ optionTerm: ({ flags }) => (names.has(flags) ? negatable(flags) : flags) })
    .exitOverride((error) => {
      throw explained(error, command, keys, switches);
    });
}

const negatable = (flags: string): string => `${flags}, ${flags.replace(/^--/, '--no_')}`;

/** Takes a flag's value as it is. @throws BadOptionError for the next flag in its place, and for a second value. */
function onlyValue(flag: string): (value: string, earlier: string | undefined) => string {
  return (value, earlier) => {
    if (isFlag(value)) {
      const fix = `give a value after ${flag} (a path that begins with -- as ./--…)`;
      throw new BadOptionError(flag, `${flag} has no value: ${value} is a flag`, fix);
    }
    if (earlier !== undefined && earlier !== value) {
      const problem = `${flag} is given twice, as ${shownValue(earlier)} and as ${shownValue(value)}`;
      throw new BadOptionError(flag, problem, `give ${flag} once`);
    }
    return value;
  };
}

/** Takes a path that is no flag's value as it is. @throws BadOptionError for an empty one, as of a variable that is not set. */
export function filledOperand(path: string): string {
  if (path === '') throw new BadOptionError('operand', 'an operand is empty', NO_EMPTY_PATH);
  return path;
}

/**
 * The flags' values, checked, with defaults for those not given.
 * @throws BadOptionError naming the first flag at fault.
 */
export function readFlags<Schema extends z.ZodObject>(command: Command, schema: Schema): z.output<Schema> {
  return parseOptions(schema, givenFlags(command, schema));
}

/** The values of the flags that were given, unchecked. */
export function givenFlags(command: Command, schema: z.ZodObject): Record<string, unknown> {
  const texts = new Map<string, string | true>(Object.entries(command.opts()));
  const given: Record<string, unknown> = {};
  for (const { key, type } of describedOptions(schema)) {
    const text = texts.get(flagOf(key).slice(2));
    const off = texts.has(offFlagOf(key).slice(2));
    if (off && text !== undefined) {
      const problem = `${flagOf(key)} and ${offFlagOf(key)} are both given`;
      throw new BadOptionError(flagOf(key), problem, 'give one of them');
    }
    if (off) given[key] = false;
    else if (text !== undefined) given[key] = parsedValue(text, type);
  }
  return given;
}

/** The flags of a schema's fields. */
export const flagsOf = ({ shape }: z.ZodObject): string[] => Object.keys(shape).map(flagOf);

/** Convert the text of a number. Any other text stays as it is, so that the schema shows it in its refusal. */
function parsedValue(text: string | true, type: OptionType): unknown {
  if (text === true || type !== 'number') return text;
  const number = Number(text);
  return text.trim() === '' || Number.isNaN(number) ? text : number;
}

/** Names in --help of the values of flags that are texts, but no paths. */
const VALUE_NAMES: ReadonlyMap<string, string> = new Map([
  ['adapter', 'name'],
  ['name', 'name'],
  ['task', 'name'],
  ['host', 'list'],
  ['origins', 'list'],
  ['expires', 'time'],
  ['listen', 'address'],
  ['workers', 'url'],
]);

/** Return the name of a flag's value in --help; null for a switch. */
function valueName({ key, type, choices }: DescribedOption): string | null {
  if (type === 'switch') return null;
  if (type === 'choice') return choices.join('|');
  if (type !== 'text') return type;
  return VALUE_NAMES.get(key) ?? 'path';
}

function defaultOf({ type, default: value }: DescribedOption): string {
  if (type === 'switch' || value === undefined || value === '') return '';
  return ` (default: ${Array.isArray(value) ? value.join(',') : JSON.stringify(value)})`;
}
