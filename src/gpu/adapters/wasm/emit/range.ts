/** Upper bounds of integers, from what they are computed by. */
import { constantOf, type Value } from './value.ts';

const ALL = 2 ** 32 - 1;
/** Deeper values are taken to be unbounded: sums of sums would be visited again and again. */
const DEPTH = 6;

/** Return the largest that an i32 value can be, as an unsigned number. */
export function largest(value: Value, depth = DEPTH): number {
  const constant = constantOf(value);
  if (constant !== undefined) return constant >>> 0;
  const [a, b] = value.inputs;
  if (value.op === 'parameter') return value.limit ?? ALL;
  if (COMPARISONS.has(value.op)) return 1;
  if (!a || depth === 0) return ALL;
  const first = () => largest(a, depth - 1);
  const second = () => (b ? largest(b, depth - 1) : ALL);
  switch (value.op) {
    case 'i32.load16_u':
      return 0xffff;
    case 'i32.clz':
    case 'i32.ctz':
    case 'i32.popcnt':
      return 32;
    case 'i32.and':
    case 'i32.min_u':
    case 'clamp':
      return Math.min(first(), second());
    case 'select':
    case 'i32.max_u':
      return Math.max(first(), second());
    case 'i32.rem_u':
      return Math.min(first(), Math.max(second() - 1, 0));
    case 'i32.div_u':
      return first();
    case 'i32.shr_u':
      return b && constantOf(b) !== undefined ? first() >>> (Number(b.immediate) & 31) : ALL;
    case 'i32.add':
      return within(first() + second());
    case 'i32.mul':
      return within(first() * second());
    case 'i32.shl':
      return b && constantOf(b) !== undefined ? within(first() * 2 ** (Number(b.immediate) & 31)) : ALL;
    default:
      return ALL;
  }
}

/** A bound, unless the sum or product may have wrapped. */
const within = (bound: number): number => (bound <= ALL ? bound : ALL);

const COMPARISONS: ReadonlySet<string> = new Set([
  ...['eqz', 'eq', 'ne', 'lt_s', 'lt_u', 'gt_s', 'gt_u', 'le_s', 'le_u', 'ge_s', 'ge_u'].map(
    (name) => `i32.${name}`,
  ),
  ...['eqz', 'lt_u', 'le_u'].map((name) => `i64.${name}`),
  ...['eq', 'ne', 'lt', 'gt', 'le', 'ge'].map((name) => `f32.${name}`),
  'v128.any_true',
  'i32x4.all_true',
]);
