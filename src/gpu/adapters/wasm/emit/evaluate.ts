/** Instructions on constants. f32 operations round once: a double holds the exact result, or enough of it. */
import { bitsOf, floatOf } from './bits.ts';
import type { Op } from './value.ts';

const unsigned = (x: number): number => x >>> 0;

/** i32 (as signed numbers) to i32. The divisors are not 0. */
const INTEGER: Readonly<Record<string, (a: number, b: number) => number>> = {
  eqz: (a) => Number(a === 0),
  eq: (a, b) => Number(a === b),
  ne: (a, b) => Number(a !== b),
  lt_s: (a, b) => Number(a < b),
  lt_u: (a, b) => Number(unsigned(a) < unsigned(b)),
  gt_s: (a, b) => Number(a > b),
  gt_u: (a, b) => Number(unsigned(a) > unsigned(b)),
  le_s: (a, b) => Number(a <= b),
  le_u: (a, b) => Number(unsigned(a) <= unsigned(b)),
  ge_s: (a, b) => Number(a >= b),
  ge_u: (a, b) => Number(unsigned(a) >= unsigned(b)),
  clz: (a) => Math.clz32(a),
  ctz: (a) => (a === 0 ? 32 : 31 - Math.clz32(a & -a)),
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => Math.imul(a, b),
  div_u: (a, b) => Math.floor(unsigned(a) / unsigned(b)),
  div_s: (a, b) => Math.trunc(a / b),
  rem_u: (a, b) => unsigned(a) % unsigned(b),
  rem_s: (a, b) => a % b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shr_s: (a, b) => a >> b,
  shr_u: (a, b) => a >>> b,
  min_s: (a, b) => Math.min(a, b),
  max_s: (a, b) => Math.max(a, b),
  min_u: (a, b) => Math.min(unsigned(a), unsigned(b)),
  max_u: (a, b) => Math.max(unsigned(a), unsigned(b)),
};

/** f32 to f32. */
const FLOAT: Readonly<Record<string, (a: number, b: number) => number>> = {
  neg: (a) => -a,
  abs: (a) => Math.abs(a),
  sqrt: (a) => Math.sqrt(a),
  floor: (a) => Math.floor(a),
  ceil: (a) => Math.ceil(a),
  trunc: (a) => Math.trunc(a),
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
};

/** f32 to a truth value. */
const COMPARISON: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  gt: (a, b) => a > b,
  le: (a, b) => a <= b,
  ge: (a, b) => a >= b,
};

/** Return the bits of an f32 result, unless it is NaN: its bits are the machine's. */
const floatResult = (value: number): number | undefined => {
  const rounded = Math.fround(value);
  return Number.isNaN(rounded) ? undefined : bitsOf(rounded);
};

/** Return the bits of the result of a scalar instruction on bits, or undefined: it is not known here, or must not be. */
export function evaluate(op: Op, a: number, b: number): number | undefined {
  if (op === 'clamp') return INTEGER.min_u?.(a, b);
  const dot = op.indexOf('.');
  const [type, name] = [op.slice(0, dot), op.slice(dot + 1)];
  if (type === 'i32') {
    if (name === 'reinterpret_f32') return a;
    const divides = name.startsWith('div') || name.startsWith('rem');
    if (divides && (b === 0 || b === -1)) return undefined;
    const integer = INTEGER[name];
    return integer && integer(a, b) | 0;
  }
  if (type !== 'f32') return undefined;
  if (name === 'reinterpret_i32') return a;
  if (name === 'convert_i32_s') return floatResult(a);
  if (name === 'convert_i32_u') return floatResult(unsigned(a));
  const comparison = COMPARISON[name];
  if (comparison) return Number(comparison(floatOf(a), floatOf(b)));
  const float = FLOAT[name];
  return float && floatResult(float(floatOf(a), floatOf(b)));
}

/** i64 to i64, or to a truth value, as long as doubles are exact. */
const LONG: Readonly<Partial<Record<Op, (a: number, b: number) => number>>> = {
  'i64.add': (a, b) => a + b,
  'i64.sub': (a, b) => a - b,
  'i64.mul': (a, b) => a * b,
};

/** Return the result of an i64 instruction on constants, or undefined: it is not known here. */
export function evaluateLong(op: Op, a: number, b: number): number | undefined {
  const result = LONG[op]?.(a, b);
  return Number.isSafeInteger(result) ? result : undefined;
}

/** Vector instructions that do in each lane what the scalar one does. */
const LANEWISE = new Set(['add', 'sub', 'mul', 'div', 'neg', 'abs', 'min_s', 'min_u', 'max_s', 'max_u']);

/** Return the scalar instruction that a vector one is in each lane, if it is one of these. */
export function scalarOf(op: Op): Op | undefined {
  const [type, name] = op.split('.');
  if (!name || !LANEWISE.has(name) || (type !== 'i32x4' && type !== 'f32x4')) return undefined;
  if (type === 'i32x4' && (name === 'neg' || name === 'abs')) return undefined;
  return `${type.slice(0, 3)}.${name}` as Op;
}
