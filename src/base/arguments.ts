/**
 * Checks of arguments other than tensors: options by name and type, numbers by range, shapes. Every error names the function,
 * the argument, its value and the accepted values. (TypeScript finds many of these mistakes, plain JavaScript none.)
 */
import { MathformerError } from './errors.ts';
import { meant } from './optionNames.ts';

/** The error for an invalid argument. `where` is the function. */
export class ArgumentError extends MathformerError {
  constructor(where: string, problem: string, fix: string) {
    super(`${where}: ${problem}`, { code: 'BAD_ARGUMENT', where, fix });
  }
}

/** A kind of value, with its description in errors. */
export interface Kind {
  readonly takes: string;
  accepts(value: unknown): boolean;
}

/** A range of numbers. Both bounds are optional. */
export interface NumberRange {
  readonly min?: number;
  readonly max?: number;
  /** True if `min` (or `max`) itself is out of range. */
  readonly aboveMin?: boolean;
  readonly belowMax?: boolean;
}

function rangeText({ min, max, aboveMin = false, belowMax = false }: NumberRange): string {
  const low = min === undefined ? '' : aboveMin ? ` above ${min}` : ` of at least ${min}`;
  const high = max === undefined ? '' : belowMax ? ` below ${max}` : ` of at most ${max}`;
  return low && high ? `${low} and${high.replace(' of', '')}` : low || high;
}

function inRange(value: number, { min, max, aboveMin = false, belowMax = false }: NumberRange): boolean {
  const low = min === undefined || (aboveMin ? value > min : value >= min);
  return low && (max === undefined || (belowMax ? value < max : value <= max));
}

/** A finite number in a range. */
export const real = (range: NumberRange = {}): Kind => ({
  takes: `a finite number${rangeText(range)}`,
  accepts: (value) => typeof value === 'number' && Number.isFinite(value) && inRange(value, range),
});

/** Like `real`, but without a `max` also infinity. */
export const realOrInfinite = (range: NumberRange = {}): Kind => ({
  takes: `a number${rangeText(range)}`,
  accepts: (value) => typeof value === 'number' && !Number.isNaN(value) && inRange(value, range),
});

/** An integer from `min` to `max`, both included. */
export const integer = (min = -Number.MAX_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): Kind => ({
  takes: `an integer${min === -Number.MAX_SAFE_INTEGER ? '' : max === Number.MAX_SAFE_INTEGER ? ` of at least ${min}` : ` from ${min} to ${max}`}`,
  accepts: (value) => typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max,
});

/** A number, or a function that returns one and is evaluated in every replay. */
export const scalar: Kind = {
  takes: 'a number, or a function that returns one',
  accepts: (value) => typeof value === 'number' || typeof value === 'function',
};

/** A string. */
export const text: Kind = {
  takes: 'a text',
  accepts: (value) => typeof value === 'string',
};

/** true or false. */
export const boolean: Kind = {
  takes: 'true or false',
  accepts: (value) => typeof value === 'boolean',
};

/** A function. */
export const functionKind: Kind = {
  takes: 'a function',
  accepts: (value) => typeof value === 'function',
};

/** Tell whether a value has keys: an object or an array. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** Tell whether a value is an object of named values: neither null nor an array. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  isObject(value) && !Array.isArray(value);

/** Tell whether a value is an object of no class of its own. */
export const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  isObject(value) && Object.getPrototypeOf(value) === Object.prototype;

/** Any object. */
export const objectKind: Kind = { takes: 'an object', accepts: isRecord };

/** One of several strings. */
export const oneOf = (names: readonly string[]): Kind => ({
  takes: names.map((name) => `'${name}'`).join(' or '),
  accepts: (value) => typeof value === 'string' && names.includes(value),
});

/** A list of values of one kind. */
export const listOf = (kind: Kind, what: string): Kind => ({
  takes: `a list of ${what}, such as [0, 1]`,
  accepts: (value) => Array.isArray(value) && value.every((each) => kind.accepts(each)),
});

/** An instance of a class, which may have a private constructor. */
export const instanceOf = (type: { readonly name: string; readonly prototype: object }): Kind => ({
  takes: `a ${type.name}`,
  accepts: (value) => Object.prototype.isPrototypeOf.call(type.prototype, Object(value)),
});

/** The kind of every option. A new option without a kind does not compile. */
export type OptionKinds<Options> = { readonly [name in keyof Required<Options>]: Kind };

const LONGEST_SHOWN = 60;

/** Return a value for an error message, short and on one line. */
export function shownValue(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const kind = value.constructor?.name;
    if (kind !== undefined && kind !== 'Object') return `a ${kind}`;
  }
  const text = written(value);
  return text.length <= LONGEST_SHOWN ? text : `${text.slice(0, LONGEST_SHOWN - 1)}…`;
}

/** Return a value as text. JSON lacks NaN and undefined, and throws for big integers and cyclic objects. */
function written(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'string' && typeof value !== 'object') return String(value);
  try {
    return JSON.stringify(value) ?? 'an object';
  } catch {
    return Array.isArray(value) ? 'a list' : 'an object';
  }
}

/** @throws ArgumentError, with a suggestion, unless `options` is an object with only these names. */
export function expectNames(where: string, options: object, names: readonly string[]): void {
  if (!objectKind.accepts(options)) throw noOptions(where, options, names);
  for (const name in options) if (!names.includes(name)) throw noSuchOption(where, name, names);
}

/** @throws ArgumentError unless `value` is of the kind. */
export function expectKind(where: string, name: string, value: unknown, kind: Kind): void {
  if (kind.accepts(value)) return;
  throw new ArgumentError(where, `${name} is ${shownValue(value)}`, `give ${kind.takes}`);
}

/**
 * Check options by name and kind. An undefined option counts as absent; `required` ones must be given.
 * @throws ArgumentError that suggests the right name, or names the accepted values.
 */
export function expectOptions<Options extends object>(
  where: string,
  options: Options,
  kinds: OptionKinds<Options>,
  required: readonly (keyof Options & string)[] = [],
): void {
  expectNames(where, options, Object.keys(kinds));
  for (const name in options) {
    const value = options[name];
    if (value !== undefined) expectKind(where, name, value, kinds[name as keyof Options]);
  }
  for (const name of required) {
    if (options[name] !== undefined) continue;
    throw new ArgumentError(where, `the option '${name}' is missing`, `give ${kinds[name].takes}`);
  }
}

/** Return `value`. @throws ArgumentError naming `option` unless it is an integer from low to high. */
export function checkedInteger(option: string, value: unknown, low: number, high: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high) {
    throw new ArgumentError(option, `got ${String(value)}`, `give an integer from ${low} to ${high}`);
  }
  return value;
}

/** Return `value`. @throws ArgumentError naming `option` unless it is a probability. */
export function checkedProbability(option: string, value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) {
    throw new ArgumentError(option, `got ${String(value)}`, 'give a probability from 0 to 1');
  }
  return value;
}

const MAX_RANK = 6;

/** @throws ArgumentError unless `shape` is a list of at most six sizes; with `left`, -1 is allowed too. */
export function expectShape(where: string, shape: readonly number[], left?: 'left'): void {
  expectSizes(where, shape, left);
  if (shape.length <= MAX_RANK) return;
  const fix = `use at most ${MAX_RANK} dimensions`;
  throw new ArgumentError(where, `(${shape.join(',')}) has ${shape.length} dimensions`, fix);
}

/** @throws ArgumentError unless `shape` is a list of sizes; with `left`, -1 is allowed too. */
export function expectSizes(where: string, shape: readonly number[], left?: 'left'): void {
  const sizes: unknown = shape;
  if (!Array.isArray(sizes)) {
    throw new ArgumentError(
      where,
      `the shape is ${shownValue(sizes)}`,
      'give a list of sizes, such as [2, 3]',
    );
  }
  const size = integer(0);
  if (!sizes.every((n) => size.accepts(n) || (left && n === -1))) {
    throw new ArgumentError(where, `(${sizes.join(',')}) is no shape`, 'sizes are integers from 0 on');
  }
  if (Number.isSafeInteger(sizes.reduce((product, n) => product * n, 4))) return;
  throw new ArgumentError(where, `(${sizes.join(',')}) has too many values`, 'use a smaller shape');
}

function noOptions(where: string, given: unknown, names: readonly string[]): ArgumentError {
  const axis = names.includes('axes') ? 'axes' : names.includes('axis') ? 'axis' : undefined;
  const value = axis === 'axes' ? `[${[given].flat().join(', ')}]` : String(given);
  const isAxis = typeof given === 'number' || (Array.isArray(given) && axis === 'axes');
  const fix = isAxis && axis ? `write { ${axis}: ${value} }` : `give an object of ${names.join(', ')}`;
  return new ArgumentError(where, `the options are ${shownValue(given)}, not an object`, fix);
}

function noSuchOption(where: string, name: string, names: readonly string[]): ArgumentError {
  const list = names.length > 0 ? `it takes ${names.join(', ')}` : 'it takes none';
  const advice = meant(name, names, (key) => `'${key}'`);
  const fix = advice === undefined ? list : `${advice} (${list})`;
  return new ArgumentError(where, `there is no option '${name}'`, fix);
}
