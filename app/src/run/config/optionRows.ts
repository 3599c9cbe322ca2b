/** The options of a run as rows: value, default, help, and whether the run was given another value than the default. */
import {
  commandOptions,
  type DescribedOption,
  flagOf,
  optionSections,
  type RunConfig,
} from 'mathformer/training';

/** The origin of a value: another one than the default, the default, derived from another option, or an option without description. */
export type Origin = 'given' | 'default' | 'derived' | 'command';

export interface OptionRow {
  readonly key: string;
  /** The section of config.json that holds it; null for the options themselves. */
  readonly section: string | null;
  readonly flag: string;
  readonly help: string;
  readonly value: unknown;
  /** Undefined for an option without a default of its own. */
  readonly default: unknown;
  readonly origin: Origin;
}

/** Tell whether a row says more than that an option has its default, or is off. */
export const isTelling = ({ origin, value }: OptionRow): boolean =>
  origin === 'given' || (origin !== 'default' && value !== false && value !== '' && value !== null);

type Options = Readonly<Record<string, unknown>>;

/** Describe the options of a run: those that differ from their default first, then in the order of the command line. */
export function optionRows({ kind, options, derived }: RunConfig): OptionRow[] {
  const task = typeof options.task === 'string' ? options.task : undefined;
  const sections = optionSections(kind, task);
  const rows = sections.flatMap(({ key, options: described }) => {
    const values = key === null ? options : sectionOf(options, key);
    const derivedValues =
      key === null ? sectionOf({ derived }, 'derived') : sectionOf(sectionOf({ derived }, 'derived'), key);
    const own = described.flatMap((option) => describedRow(option, key, values, derivedValues));
    const known = new Set([
      ...described.map((option) => option.key),
      ...sections.map((section) => section.key),
    ]);
    const rest = Object.entries(values).filter(([name]) => !known.has(name));
    const ofCommand = new Map(commandOptions(kind).map((option) => [option.key, option]));
    return [...own, ...rest.map(([name, value]) => commandRow(name, key, value, ofCommand.get(name)))];
  });
  return rows.toSorted((a, b) => rankOf(a) - rankOf(b));
}

const rankOf = ({ origin }: OptionRow): number => ['given', 'derived', 'default', 'command'].indexOf(origin);

function describedRow(
  { key, flag, help, default: standard }: DescribedOption,
  section: string | null,
  values: Options,
  derived: Options,
): OptionRow[] {
  const row = { key, section, flag, help, default: standard };
  if (Object.hasOwn(values, key)) {
    const value = values[key];
    return [{ ...row, value, origin: isEqual(value, standard) ? 'default' : 'given' }];
  }
  return Object.hasOwn(derived, key) ? [{ ...row, value: derived[key], origin: 'derived' }] : [];
}

/** An option that says where and how the command ran. Of an unknown one there is no help. */
function commandRow(
  key: string,
  section: string | null,
  value: unknown,
  described: DescribedOption | undefined,
): OptionRow {
  const standard = described?.default;
  const isStandard = described !== undefined && standard !== undefined && isEqual(value, standard);
  return {
    ...{ key, section, flag: flagOf(key), help: described?.help ?? '', value, default: standard },
    origin: isStandard ? 'default' : 'command',
  };
}

/** Return the object at a key; empty if there is none. */
function sectionOf(options: Options, key: string): Options {
  const section = options[key];
  return typeof section === 'object' && section !== null ? { ...section } : {};
}

/** Compare values of JSON. */
const isEqual = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Write a value as a command line takes it. */
export function shownOption(value: unknown): string {
  if (value === undefined || value === null || value === '') return '–';
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
