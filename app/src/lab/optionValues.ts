/** Texts that a person types into the fields of options, and the advice on them. */
import { type Field, fieldsOf, type Settings, valueFrom } from './settings.ts';

export type Drafts = Readonly<Record<string, string>>;

/** Return the advice on each draft that is no value, by the name of its field. */
export function draftProblems(settings: Settings, drafts: Drafts): ReadonlyMap<string, string> {
  const fields = fieldsOf(settings).filter(({ name }) => Object.hasOwn(drafts, name));
  return new Map(
    fields.flatMap((field) => {
      const advice = adviceOn(field, drafts[field.name] ?? '');
      return advice === undefined ? [] : [[field.name, advice] as const];
    }),
  );
}

/** Return what to type instead; undefined for a good value. Only numbers that depend on other options may be left out. */
export function adviceOn({ option }: Field, text: string): string | undefined {
  const isMissing = option.type === 'number' && option.default !== undefined && text.trim() === '';
  return isMissing ? `give a number, such as ${option.default}` : option.adviceOn(valueFrom(text, option));
}

/** Names of the options that are shown first. */
const BASIC = [
  ...['steps', 'lr', 'batchSize', 'groupSize', 'klCoef', 'loss', 'temperature', 'seed'],
  ...['numExamples', 'maxDigits', 'operators', 'numbers', 'maxNumber'],
];

export const isBasic = ({ option }: Field): boolean => BASIC.includes(option.key);

/** Describe the values that an option takes, and its usual one. */
export function rangeText({ option }: Field): string {
  const { type, min, max, default: standard } = option;
  const usual =
    standard === undefined || standard === ''
      ? ''
      : `Default: ${Array.isArray(standard) ? standard.join(',') : String(standard)}.`;
  if (type !== 'number') return usual;
  const low = Number.isFinite(min) ? `from ${min}` : '';
  const high = Number.isFinite(max) ? `to ${max}` : '';
  const range = [low, high].filter((part) => part !== '').join(' ');
  return `${range === '' ? '' : `${range[0]?.toUpperCase()}${range.slice(1)}. `}${usual}`;
}
