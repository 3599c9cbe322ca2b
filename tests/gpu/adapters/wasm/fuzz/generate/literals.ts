/** Numbers at which programs go wrong: zero, one, the borders of the types, ties of rounding, subnormal numbers. */

import type { ScalarName } from '../program.ts';
import type { Choices } from './choices.ts';

const INTEGERS = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 32, 33, 100, 255, 65535, 65536, 0x7ffffffe, 0x7fffffff];
const SIGNED = [...INTEGERS, ...INTEGERS.map((x) => -x - 1)];
const UNSIGNED = [...INTEGERS, 0x80000000, 0x80000001, 0x3f800000, 0xffff0000, 0xfffffffe, 0xffffffff];
const POSITIVE = [
  ...[
    0,
    0.25,
    0.5,
    0.75,
    1,
    1.5,
    2,
    2.5,
    3,
    3.5,
    4.5,
    7,
    10,
    100,
    0.1,
    1 / 3,
    1.1754943508222875e-38,
    1e-40,
    1e-45,
  ],
  ...[
    8388607.5, 8388608, 16777216, 16777218, 2147483520, 2147483648, 4294967040, 4294967296, 1e10, 1e20, 3e38,
  ],
];
const FLOATS = [...POSITIVE, ...POSITIVE.slice(1).map((x) => -x)].map(Math.fround);
/** Values that only data can have. */
const UNWRITTEN = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

/** Choose a value that a literal can have; small ones are likely. */
export function literalValue(of: ScalarName, choices: Choices): number | boolean {
  switch (of) {
    case 'bool':
      return choices.bool();
    case 'f32':
      return choices.bool(0.3) ? choices.integer(-4, 8) : choices.pick(FLOATS);
    case 'i32':
      return choices.bool(0.6) ? choices.integer(-5, 9) : choices.pick(SIGNED);
    case 'u32':
      return choices.bool(0.6) ? choices.integer(0, 9) : choices.pick(UNSIGNED);
  }
}

/** Choose a value of a binding. */
export function dataValue(of: ScalarName, choices: Choices): number {
  if (of === 'f32' && choices.bool(0.06)) return choices.pick(UNWRITTEN);
  if (of === 'f32' && choices.bool(0.3)) return Math.fround(choices.integer(-1_000_000, 1_000_000) / 1024);
  if (choices.bool(0.2)) return choices.integer(of === 'u32' ? 0 : -0x80000000, 0x7fffffff);
  return Number(literalValue(of, choices));
}
