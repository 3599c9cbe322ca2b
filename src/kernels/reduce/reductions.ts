/** Reductions, one row of a table each. */
import { RESCALED_SQUARES_WGSL, SQUARES_WGSL } from '../squares.ts';

/** WGSL types of totals. */
export type Total = 'f32' | 'u32' | 'vec2f' | 'vec2u';

/** A reduction as WGSL expressions. */
export interface Reduction {
  /** WGSL type of what is read, and of the running total. */
  readonly read: Total;
  readonly total: Total;
  readonly initial: string;
  /** Condition on the output's `b`, `c` and `d`; if false, the total stays `initial`. Default: true. */
  readonly when?: string;
  /** Contribution of an element, from its value `x`, its index `i` among the reduced ones, and the output's `b`, `c`, `d`. */
  readonly load: string;
  /** The `total` with the value `v` taken in. It does not depend on their order, but for rounding. */
  readonly combine: string;
  /** The result, of `total` and the output's `b`, `c` and `d`. */
  readonly finish: string;
}

const SUM = {
  read: 'f32',
  total: 'f32',
  initial: '0.0',
  load: 'x',
  combine: 'total + v',
  finish: 'total / params.divisor',
} as const;
const EXTREME = {
  read: 'u32',
  total: 'u32',
  initial: '0u',
  load: 'keyOf(x)',
  combine: 'max(total, v)',
  finish: 'wordOf(total)',
} as const;

/** All reductions. */
export const REDUCTIONS = {
  sum: SUM,
  prod: { ...SUM, initial: '1.0', combine: 'total * v' },
  /** Integers wrap; the words of i32 and u32 do the same. */
  integerSum: { ...SUM, read: 'u32', total: 'u32', initial: '0u', finish: 'total' },
  integerProd: { ...SUM, read: 'u32', total: 'u32', initial: '1u', combine: 'total * v', finish: 'total' },
  /** For the gradients of a product and of an extreme value `b`. */
  prodOfNonzero: { ...SUM, initial: '1.0', load: 'select(x, 1.0, x == 0.0)', combine: 'total * v' },
  countZeros: { ...SUM, load: 'select(0.0, 1.0, x == 0.0)' },
  countEqual: { ...SUM, load: 'select(0.0, 1.0, x == b)' },
  /** Of deviations from b, and from b + c, which is a mean too precise for one number. */
  deviations: { ...SUM, load: 'x - b' },
  squaredDeviations: { ...SUM, load: '((x - b) - c) * ((x - b) - c)' },
  squares: { ...SUM, load: 'x * x' },
  /** The root of the sum of squares, which is b if f32 has it; else they are added up again, rescaled (see squares.ts). */
  norm: {
    ...SUM,
    when: '!fits(b)',
    load: 'rescaledSquare(x, b)',
    finish: 'rootOfMean(total, b, params.divisor)',
  },
  /** The same of squared deviations, whose sum is d. */
  deviation: {
    ...SUM,
    when: '!fits(d)',
    load: 'rescaledSquare((x - b) - c, d)',
    finish: 'rootOfMean(total, d, params.divisor)',
  },
  /** log Σ exp x, where b is the largest x; where that is not finite, it is the result. */
  logSumExp: {
    ...SUM,
    load: 'expBelow(x - finiteOr0(b))',
    finish: 'select(log(total) + b, b, !isFinite(b))',
  },
  /** Largest or smallest value of f32, i32 or u32, as `Extreme` says. */
  extreme: EXTREME,
  /** The place of its first occurrence. */
  argExtreme: {
    ...EXTREME,
    total: 'vec2u',
    initial: 'vec2u()',
    load: 'vec2u(keyOf(x), i)',
    combine: 'select(total, v, v.x > total.x || (v.x == total.x && v.y < total.y))',
    finish: 'total.y',
  },
} as const satisfies Record<string, Reduction>;

/** Names of the reductions. */
export type ReductionName = keyof typeof REDUCTIONS;

/**
 * Values as u32 keys of the same order, reversed by \`params.flip\` to find the smallest. NaN stands above everything;
 * it is told by its bits, as WGSL promises nothing about comparing it. −0 counts as 0.
 */
const KEYS_WGSL = `
const NAN = 0xffffffffu;
fn keyOf(word: u32) -> u32 {
  var key = word;
  if (params.kind == 1) { key = word ^ 0x80000000u; }
  if (params.kind == 2) {
    if ((word & 0x7fffffffu) > 0x7f800000u) { return NAN; }
    key = select(word ^ select(0x80000000u, 0xffffffffu, word >= 0x80000000u), 0x80000000u, word == 0x80000000u);
  }
  return key ^ params.flip;
}
fn wordOf(key: u32) -> u32 {
  let word = key ^ params.flip;
  if (params.kind == 1) { return word ^ 0x80000000u; }
  if (params.kind == 0) { return word; }
  if (key == NAN) { return 0x7fc00000u; }
  return word ^ select(0xffffffffu, 0x80000000u, word >= 0x80000000u);
}`;

const EXPONENTIAL_WGSL = `
fn finiteOr0(x: f32) -> f32 { return select(0.0, x, isFinite(x)); }
// 0 below the smallest subnormal number, −∞ included, whatever exp makes of it.
fn expBelow(x: f32) -> f32 { return select(exp(x), 0.0, x < -104.0); }`;

/** Return the WGSL functions that a reduction's expressions call. */
export function functionsOf({ when = '', load, finish }: Reduction): string {
  const text = `${when} ${load} ${finish}`;
  return [
    /keyOf|wordOf/.test(text) ? KEYS_WGSL : '',
    /finite|fits/i.test(text) ? SQUARES_WGSL : '',
    /fits/.test(text) ? RESCALED_SQUARES_WGSL : '',
    /expBelow/.test(text) ? EXPONENTIAL_WGSL : '',
  ].join('');
}
