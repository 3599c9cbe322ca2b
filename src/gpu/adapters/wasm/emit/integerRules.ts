/** Algebra of integers: neutral elements, powers of two, constants last in sums, comparisons that are known. */
import type { Maker, Rule } from './maker.ts';
import { largest } from './range.ts';
import { constantOf, type Op, type Value } from './value.ts';

const i32 = (maker: Maker, op: Op, a: Value, b: Value): Value => maker.make(op, 'i32', [a, b]);

/** Return x and c of x + c; c is 0 if the value is no such sum. */
export function splitSum(value: Value): [rest: Value, constant: number] {
  if (value.op !== 'i32.add') return [value, 0];
  const [rest, last] = value.inputs;
  const constant = last && constantOf(last);
  return rest && constant !== undefined ? [rest, constant] : [value, 0];
}

/** Constants go last: (x + 1) + y is (x + y) + 1, so that the constant can become an offset of an address. */
function sum(maker: Maker, a: Value, b: Value): Value | undefined {
  const constant = constantOf(b);
  if (constant === 0) return a;
  const [aRest, aConstant] = splitSum(a);
  if (constant !== undefined) {
    return aConstant === 0 ? undefined : i32(maker, 'i32.add', aRest, maker.i32(aConstant + constant));
  }
  const [bRest, bConstant] = splitSum(b);
  if (aConstant === 0 && bConstant === 0) return undefined;
  return i32(maker, 'i32.add', i32(maker, 'i32.add', aRest, bRest), maker.i32(aConstant + bConstant));
}

function difference(maker: Maker, a: Value, b: Value): Value | undefined {
  if (a === b) return maker.i32(0);
  const constant = constantOf(b);
  if (constant !== undefined) return i32(maker, 'i32.add', a, maker.i32(-constant));
  const [aRest, aConstant] = splitSum(a);
  const [bRest, bConstant] = splitSum(b);
  if (aConstant === 0 && bConstant === 0) return undefined;
  return i32(maker, 'i32.add', i32(maker, 'i32.sub', aRest, bRest), maker.i32(aConstant - bConstant));
}

const isPowerOfTwo = (x: number): boolean => x !== 0 && (x & (x - 1)) === 0;
const logarithm = (x: number): number => 31 - Math.clz32(x);

/** Return x and c of x · c or x << log₂ c; c is 1 if the value is no such product. */
function splitProduct(value: Value): [rest: Value, factor: number] {
  if (value.op !== 'i32.mul' && value.op !== 'i32.shl') return [value, 1];
  const [rest, last] = value.inputs;
  const constant = last && constantOf(last);
  if (!rest || constant === undefined) return [value, 1];
  return [rest, value.op === 'i32.mul' ? constant : 1 << constant];
}

function product(maker: Maker, a: Value, b: Value): Value | undefined {
  const constant = constantOf(b);
  if (constant === undefined) return undefined;
  if (constant === 0) return b;
  if (constant === 1) return a;
  const [sumRest, sumConstant] = splitSum(a);
  if (sumConstant !== 0) {
    const scaled = i32(maker, 'i32.mul', sumRest, b);
    return i32(maker, 'i32.add', scaled, maker.i32(Math.imul(sumConstant, constant)));
  }
  const [rest, factor] = splitProduct(a);
  if (factor !== 1) return i32(maker, 'i32.mul', rest, maker.i32(Math.imul(factor, constant)));
  return isPowerOfTwo(constant) ? i32(maker, 'i32.shl', a, maker.i32(logarithm(constant))) : undefined;
}

function shift(maker: Maker, a: Value, b: Value, op: Op): Value | undefined {
  const constant = constantOf(b);
  if (constant === undefined) return undefined;
  const by = constant & 31;
  if (by === 0) return a;
  if (op === 'i32.shl' && (splitProduct(a)[1] !== 1 || splitSum(a)[1] !== 0)) {
    return i32(maker, 'i32.mul', a, maker.i32(1 << by));
  }
  return by === constant ? undefined : i32(maker, op, a, maker.i32(by));
}

function quotient(maker: Maker, a: Value, b: Value): Value | undefined {
  const divisor = constantOf(b);
  if (divisor === undefined) return undefined;
  if (largest(a) < divisor >>> 0) return maker.i32(0);
  return isPowerOfTwo(divisor) ? i32(maker, 'i32.shr_u', a, maker.i32(logarithm(divisor))) : undefined;
}

function remainder(maker: Maker, a: Value, b: Value): Value | undefined {
  const divisor = constantOf(b);
  if (divisor === undefined) return undefined;
  if (largest(a) < divisor >>> 0) return a;
  return isPowerOfTwo(divisor) ? i32(maker, 'i32.and', a, maker.i32(divisor - 1)) : undefined;
}

function conjunction(_: Maker, a: Value, b: Value): Value | undefined {
  const mask = constantOf(b);
  if (mask === 0) return b;
  if (a === b || mask === -1) return a;
  // A mask of all low bits that can be set.
  const keepsAll = mask !== undefined && mask > 0 && isPowerOfTwo(mask + 1) && largest(a) <= mask;
  return keepsAll ? a : undefined;
}

const zeroIsNeutral: Rule = (_, a, b) => (constantOf(b) === 0 ? a : undefined);

function smaller(_: Maker, a: Value, b: Value): Value | undefined {
  if (a === b) return a;
  const limit = constantOf(b);
  if (limit === 0) return b;
  if (limit !== undefined && largest(a) <= limit >>> 0) return a;
  const isLimited = a.op === 'clamp' || a.op === 'i32.min_u';
  return isLimited && (a.inputs[0] === b || a.inputs[1] === b) ? a : undefined;
}

const OPPOSITE: Readonly<Partial<Record<Op, Op>>> = {
  'i32.eq': 'i32.ne',
  'i32.ne': 'i32.eq',
  'i32.lt_s': 'i32.ge_s',
  'i32.lt_u': 'i32.ge_u',
  'i32.gt_s': 'i32.le_s',
  'i32.gt_u': 'i32.le_u',
  'i32.le_s': 'i32.gt_s',
  'i32.le_u': 'i32.gt_u',
  'i32.ge_s': 'i32.lt_s',
  'i32.ge_u': 'i32.lt_u',
};

/** True if the value is 0 or 1. */
const isTruth = (value: Value): boolean => largest(value) <= 1;

/** `i32.eqz` of a comparison of integers is the opposite one. (Of f32 it is not: NaN.) */
function negation(maker: Maker, a: Value): Value | undefined {
  const opposite = OPPOSITE[a.op];
  if (opposite) return maker.intern(opposite, 'i32', a.inputs, 0);
  const [inner] = a.inputs;
  return a.op === 'i32.eqz' && inner && isTruth(inner) ? inner : undefined;
}

function below(maker: Maker, a: Value, b: Value): Value | undefined {
  const limit = constantOf(b);
  if (limit === 0) return maker.i32(0);
  return limit !== undefined && largest(a) < limit >>> 0 ? maker.i32(1) : undefined;
}

/** Return the number of an i64 constant. */
const longOf = ({ op, immediate }: Value): number | undefined =>
  op === 'i64.const' ? Number(immediate) : undefined;

/** (x + 1) + 2 is x + 3. */
function longSum(maker: Maker, a: Value, b: Value): Value | undefined {
  const constant = longOf(b);
  if (constant === 0) return a;
  const [rest, last] = a.inputs;
  if (constant === undefined || a.op !== 'i64.add' || !rest || !last || longOf(last) === undefined)
    return undefined;
  return maker.make('i64.add', 'i64', [rest, maker.make('i64.add', 'i64', [last, b])]);
}

export const INTEGER_RULES: Readonly<Partial<Record<Op, Rule>>> = {
  'i32.add': sum,
  'i32.sub': difference,
  'i32.mul': product,
  'i32.shl': shift,
  'i32.shr_s': shift,
  'i32.shr_u': shift,
  'i32.div_u': quotient,
  'i32.rem_u': remainder,
  'i32.and': conjunction,
  'i32.or': zeroIsNeutral,
  'i32.xor': zeroIsNeutral,
  clamp: smaller,
  'i32.min_u': smaller,
  'i32.max_u': (_, a, b) => (a === b || constantOf(b) === 0 ? a : undefined),
  'i32.min_s': (_, a, b) => (a === b ? a : undefined),
  'i32.max_s': (_, a, b) => (a === b ? a : undefined),
  'i32.eqz': negation,
  'i32.eq': (maker, a, b) => (constantOf(b) === 0 ? maker.make('i32.eqz', 'i32', [a]) : undefined),
  'i32.ne': (_, a, b) => (constantOf(b) === 0 && isTruth(a) ? a : undefined),
  'i32.lt_u': below,
  'i64.extend_i32_u': (maker, a) => (a.op === 'i32.const' ? maker.i64(Number(a.immediate) >>> 0) : undefined),
  'i64.extend_i32_s': (maker, a) => (a.op === 'i32.const' ? maker.i64(Number(a.immediate)) : undefined),
  'i64.add': longSum,
  'i64.mul': (_, a, b) => (longOf(a) === 1 ? b : longOf(a) === 0 ? a : undefined),
};

/** Operations whose constant goes last, and else the older value first. */
export const COMMUTATIVE: ReadonlySet<Op> = new Set<Op>([
  'i32.add',
  'i32.mul',
  'i32.and',
  'i32.or',
  'i32.xor',
  'i32.eq',
  'i32.ne',
  'i32.min_s',
  'i32.min_u',
  'i32.max_s',
  'i32.max_u',
]);
