/** Builtins of constants whose values are exact: those that the compiler evaluates. */
import type { ScalarConstant } from './constants.ts';
import type { ElementName } from './types.ts';

/** Return the value for these arguments, all with elements `of`. */
export type Evaluate = (of: ElementName, values: readonly ScalarConstant[]) => ScalarConstant;

const least = (a: ScalarConstant, b: ScalarConstant): ScalarConstant => (b < a ? b : a);
const greatest = (a: ScalarConstant, b: ScalarConstant): ScalarConstant => (a < b ? b : a);

/** A function of floats; an f32 is rounded. */
const float =
  (apply: (x: number) => number): Evaluate =>
  (of, [x = 0]) =>
    of === 'f32' ? Math.fround(apply(Number(x))) : apply(Number(x));

/** Round to the nearest integer, ties to even. */
const roundEven = (x: number): number => (x - Math.floor(x) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

export const EXACT: ReadonlyMap<string, Evaluate> = new Map<string, Evaluate>([
  ['min', (_, [a = 0, b = 0]) => least(a, b)],
  ['max', (_, [a = 0, b = 0]) => greatest(a, b)],
  ['clamp', (_, [x = 0, low = 0, high = 0]) => least(greatest(x, low), high)],
  ['abs', (of, [x = 0]) => absolute(of, x)],
  ['floor', float(Math.floor)],
  ['ceil', float(Math.ceil)],
  ['trunc', float(Math.trunc)],
  ['round', float(roundEven)],
  ['fract', float((x) => x - Math.floor(x))],
  ['sqrt', float(Math.sqrt)],
]);

function absolute(of: ElementName, x: ScalarConstant): ScalarConstant {
  if (typeof x === 'bigint') return x < 0n ? -x : x;
  return of === 'i32' ? Math.abs(Number(x)) | 0 : Math.abs(Number(x));
}
