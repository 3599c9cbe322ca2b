/** Upper bounds of integers, from what they are computed by. */
import { constantOf, type Value } from './value.ts';

const ALL = 2 ** 32 - 1;

/** Return the largest that an i32 value can be, as an unsigned number. */
export function largest(value: Value): number {
  value.bound ??= boundOf(value);
  return value.bound;
}

function boundOf(value: Value): number {
  const constant = constantOf(value);
  if (constant !== undefined) return constant >>> 0;
  const [a, b] = value.inputs;
  if (COMPARISONS.has(value.op)) return 1;
  if (!a) return ALL;
  const second = b ? largest(b) : ALL;
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
      return Math.min(largest(a), second);
    case 'select':
    case 'i32.max_u':
      return Math.max(largest(a), second);
    case 'i32.rem_u':
      return Math.min(largest(a), Math.max(second - 1, 0));
    case 'i32.div_u':
      return largest(a);
    case 'i32.shr_u':
      return b && constantOf(b) !== undefined ? largest(a) >>> (Number(b.immediate) & 31) : ALL;
    case 'i32.add':
      return within(largest(a) + second);
    case 'i32.mul':
      return within(largest(a) * second);
    case 'i32.shl':
      return b && constantOf(b) !== undefined ? within(largest(a) * 2 ** (Number(b.immediate) & 31)) : ALL;
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
