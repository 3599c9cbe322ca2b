/** Algebra on values as they are made: constants, neutral elements, powers of two, constants last in sums. */
import { bitsOf, packLanes, unpackLanes } from './bits.ts';
import { evaluate, scalarOf } from './evaluate.ts';
import type { ValueType } from './instructions.ts';
import type { Interner } from './interner.ts';
import { largest } from './range.ts';
import { constantOf, type Immediate, lanesOf, type Op, type Value } from './value.ts';

/** Return the value of an operation, in its simplest form. */
export function simplified(
  graph: Interner,
  op: Op,
  type: ValueType | undefined,
  inputs: readonly Value[],
  immediate: Immediate,
): Value {
  return ruleOf(graph, op, inputs, immediate) ?? graph.intern(op, type, inputs, immediate);
}

const i32 = (graph: Interner, op: Op, a: Value, b: Value): Value => simplified(graph, op, 'i32', [a, b], 0);

function ruleOf(graph: Interner, op: Op, inputs: readonly Value[], immediate: Immediate): Value | undefined {
  const [a, b, c] = inputs;
  if (!a) return undefined;
  if (op === 'select') return b && c && selection(graph, a, b, c);
  if (op === 'shuffle') return b && shuffled(graph, a, b, Number(immediate));
  if (op === 'i32x4.extract_lane' || op === 'f32x4.extract_lane')
    return extracted(graph, op, a, Number(immediate));
  if (op === 'i32x4.splat' || op === 'f32x4.splat') return splatted(graph, a);
  return constant(graph, op, a, b) ?? (b ? binary(graph, op, a, b) : unary(graph, op, a));
}

/** An instruction on constants. */
function constant(graph: Interner, op: Op, a: Value, b: Value | undefined): Value | undefined {
  if (a.op === 'v128.const' && (!b || b.op === 'v128.const')) return constantVector(graph, op, a, b);
  if ((a.op !== 'i32.const' && a.op !== 'f32.const') || (b && b.op !== 'i32.const' && b.op !== 'f32.const'))
    return;
  const result = evaluate(op, Number(a.immediate), Number(b?.immediate ?? 0));
  if (result === undefined) return undefined;
  const isFloat = op.startsWith('f32.') && !COMPARES.has(op.slice(4));
  return isFloat ? graph.f32OfBits(result) : graph.i32(result);
}

const COMPARES = new Set(['eq', 'ne', 'lt', 'gt', 'le', 'ge']);

function constantVector(graph: Interner, op: Op, a: Value, b: Value | undefined): Value | undefined {
  const scalar = scalarOf(op);
  if (!scalar) return undefined;
  const right = b ? lanesOf(b) : undefined;
  const lanes: number[] = [];
  for (const [i, lane] of lanesOf(a).entries()) {
    const result = evaluate(scalar, lane, right?.[i] ?? 0);
    if (result === undefined) return undefined;
    lanes.push(result);
  }
  return graph.vector(lanes);
}

function unary(graph: Interner, op: Op, a: Value): Value | undefined {
  if (op === 'i32.eqz') return negated(graph, a);
  if (op === 'f32.reinterpret_i32' && a.op === 'i32.reinterpret_f32') return a.inputs[0];
  if (op === 'i32.reinterpret_f32' && a.op === 'f32.reinterpret_i32') return a.inputs[0];
  if (op === 'v128.not' && a.op === 'v128.not') return a.inputs[0];
  if (a.op === 'i32.const') {
    if (op === 'i64.extend_i32_u') return graph.i64(Number(a.immediate) >>> 0);
    if (op === 'i64.extend_i32_s') return graph.i64(Number(a.immediate));
  }
  return undefined;
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

/** `i32.eqz` of a comparison of integers is the opposite one. (Of f32 it is not: NaN.) */
function negated(graph: Interner, a: Value): Value | undefined {
  const opposite = OPPOSITE[a.op];
  if (opposite) return graph.intern(opposite, 'i32', a.inputs, 0);
  if (a.op !== 'i32.eqz') return undefined;
  const [inner] = a.inputs;
  return inner && isTruth(inner) ? inner : undefined;
}

/** True if the value is 0 or 1. */
const isTruth = (value: Value): boolean => largest(value) <= 1;

function selection(graph: Interner, whenTrue: Value, whenFalse: Value, condition: Value): Value | undefined {
  if (whenTrue === whenFalse) return whenTrue;
  const known = constantOf(condition);
  if (known !== undefined) return known ? whenTrue : whenFalse;
  if (condition.op === 'i32.eqz') {
    const [inner] = condition.inputs;
    if (inner) return simplified(graph, 'select', whenTrue.type, [whenFalse, whenTrue, inner], 0);
  }
  return undefined;
}

const COMMUTATIVE: ReadonlySet<Op> = new Set<Op>([
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

function binary(graph: Interner, op: Op, a: Value, b: Value): Value | undefined {
  if (COMMUTATIVE.has(op)) {
    const isLast = constantOf(b) !== undefined;
    if (!isLast && (constantOf(a) !== undefined || a.id > b.id)) return i32(graph, op, b, a);
  }
  switch (op) {
    case 'i32.add':
      return sum(graph, a, b);
    case 'i32.sub':
      return difference(graph, a, b);
    case 'i32.mul':
      return product(graph, a, b);
    case 'i32.shl':
    case 'i32.shr_s':
    case 'i32.shr_u':
      return shift(graph, op, a, b);
    case 'i32.div_u':
    case 'i32.rem_u':
      return quotient(graph, op, a, b);
    case 'i32.and':
      return conjunction(a, b);
    case 'i32.or':
    case 'i32.xor':
      return constantOf(b) === 0 ? a : undefined;
    case 'clamp':
    case 'i32.min_u':
      return minimum(a, b);
    case 'i32.max_u':
      return a === b || constantOf(b) === 0 ? a : undefined;
    case 'i32.min_s':
    case 'i32.max_s':
      return a === b ? a : undefined;
    case 'i32.ne':
      return constantOf(b) === 0 && isTruth(a) ? a : undefined;
    case 'i32.eq':
      return constantOf(b) === 0 ? simplified(graph, 'i32.eqz', 'i32', [a], 0) : undefined;
    case 'i32.lt_u':
      return largest(a) < smallestConstant(b) ? graph.i32(1) : constantOf(b) === 0 ? graph.i32(0) : undefined;
    case 'f32.mul':
    case 'f32.div':
      return b.op === 'f32.const' && b.immediate === ONE ? a : undefined;
    case 'f32x4.mul':
    case 'f32x4.div':
      return isAll(b, ONE) ? a : undefined;
    case 'i64.add':
      return isNumber(b, 0) ? a : undefined;
    case 'i64.mul':
      return isNumber(a, 1) ? b : isNumber(a, 0) ? a : undefined;
    case 'i32x4.add':
      return isAll(b, 0) ? a : isAll(a, 0) ? b : undefined;
    default:
      return undefined;
  }
}

const isNumber = ({ op, immediate }: Value, number: number): boolean =>
  op === 'i64.const' && immediate === number;

const ONE = bitsOf(1);
const isAll = (value: Value, bits: number): boolean =>
  value.op === 'v128.const' && lanesOf(value).every((lane) => lane === bits);

const smallestConstant = (value: Value): number => {
  const known = constantOf(value);
  return known === undefined ? 0 : known >>> 0;
};

/** Constants go last: (x + 1) + y is (x + y) + 1, so that the constant can become an offset of an address. */
function sum(graph: Interner, a: Value, b: Value): Value | undefined {
  const constant = constantOf(b);
  if (constant === 0) return a;
  const [aRest, aConstant] = splitSum(a);
  const [bRest, bConstant] = splitSum(b);
  if (constant !== undefined) {
    if (aConstant === 0) return undefined;
    return i32(graph, 'i32.add', aRest, graph.i32(aConstant + constant));
  }
  if (aConstant === 0 && bConstant === 0) return undefined;
  return i32(graph, 'i32.add', i32(graph, 'i32.add', aRest, bRest), graph.i32(aConstant + bConstant));
}

/** Return x and c of x + c; c is 0 if the value is no such sum. */
export function splitSum(value: Value): [rest: Value, constant: number] {
  const [rest, last] = value.inputs;
  const constant = value.op === 'i32.add' && last ? constantOf(last) : undefined;
  return rest && constant !== undefined ? [rest, constant] : [value, 0];
}

function difference(graph: Interner, a: Value, b: Value): Value | undefined {
  if (a === b) return graph.i32(0);
  const constant = constantOf(b);
  if (constant !== undefined) return i32(graph, 'i32.add', a, graph.i32(-constant));
  const [aRest, aConstant] = splitSum(a);
  const [bRest, bConstant] = splitSum(b);
  if (aConstant === 0 && bConstant === 0) return undefined;
  return i32(graph, 'i32.add', i32(graph, 'i32.sub', aRest, bRest), graph.i32(aConstant - bConstant));
}

const isPowerOfTwo = (x: number): boolean => x !== 0 && (x & (x - 1)) === 0;
const logarithm = (x: number): number => 31 - Math.clz32(x);

/** Return the factor of x · c or x << s, and x. */
function splitProduct(value: Value): [rest: Value, factor: number] {
  const [rest, last] = value.inputs;
  const constant = last ? constantOf(last) : undefined;
  if (!rest || constant === undefined) return [value, 1];
  if (value.op === 'i32.mul') return [rest, constant];
  if (value.op === 'i32.shl') return [rest, 1 << constant];
  return [value, 1];
}

function product(graph: Interner, a: Value, b: Value): Value | undefined {
  const constant = constantOf(b);
  if (constant === undefined) return undefined;
  if (constant === 0) return b;
  if (constant === 1) return a;
  const [sumRest, sumConstant] = splitSum(a);
  if (sumConstant !== 0) {
    return i32(
      graph,
      'i32.add',
      i32(graph, 'i32.mul', sumRest, b),
      graph.i32(Math.imul(sumConstant, constant)),
    );
  }
  const [rest, factor] = splitProduct(a);
  if (factor !== 1) return i32(graph, 'i32.mul', rest, graph.i32(Math.imul(factor, constant)));
  return isPowerOfTwo(constant) ? i32(graph, 'i32.shl', a, graph.i32(logarithm(constant))) : undefined;
}

function shift(graph: Interner, op: Op, a: Value, b: Value): Value | undefined {
  const constant = constantOf(b);
  if (constant === undefined) return undefined;
  const by = constant & 31;
  if (by === 0) return a;
  if (op !== 'i32.shl') return by === constant ? undefined : i32(graph, op, a, graph.i32(by));
  const [, factor] = splitProduct(a);
  const [, offset] = splitSum(a);
  if (factor !== 1 || offset !== 0) return i32(graph, 'i32.mul', a, graph.i32(1 << by));
  return by === constant ? undefined : i32(graph, op, a, graph.i32(by));
}

function quotient(graph: Interner, op: 'i32.div_u' | 'i32.rem_u', a: Value, b: Value): Value | undefined {
  const constant = constantOf(b);
  if (constant === undefined || !isPowerOfTwo(constant)) return undefined;
  if (op === 'i32.rem_u') return i32(graph, 'i32.and', a, graph.i32(constant - 1));
  return i32(graph, 'i32.shr_u', a, graph.i32(logarithm(constant)));
}

function conjunction(a: Value, b: Value): Value | undefined {
  const constant = constantOf(b);
  if (constant === 0) return b;
  if (a === b || constant === -1) return a;
  // A mask of all low bits that can be set.
  if (constant !== undefined && constant > 0 && isPowerOfTwo(constant + 1) && largest(a) <= constant)
    return a;
  return undefined;
}

function minimum(a: Value, b: Value): Value | undefined {
  if (a === b) return a;
  if (largest(a) <= smallestConstant(b)) return a;
  if (constantOf(b) === 0) return b;
  const [first, last] = a.inputs;
  if ((a.op === 'clamp' || a.op === 'i32.min_u') && (first === b || last === b)) return a;
  return undefined;
}

function splatted(graph: Interner, a: Value): Value | undefined {
  if (a.op === 'i32.const' || a.op === 'f32.const') {
    const lane = Number(a.immediate);
    return graph.vector([lane, lane, lane, lane]);
  }
  const [vector] = a.inputs;
  if (vector && (a.op === 'f32x4.extract_lane' || a.op === 'i32x4.extract_lane')) {
    const lane = Number(a.immediate);
    return simplified(graph, 'shuffle', 'v128', [vector, vector], packLanes([lane, lane, lane, lane]));
  }
  if (vector && (a.op === 'f32.load' || a.op === 'i32.load') && !a.pinned) {
    return graph.intern('v128.load32_splat', 'v128', a.inputs, a.immediate);
  }
  return undefined;
}

function extracted(
  graph: Interner,
  op: 'i32x4.extract_lane' | 'f32x4.extract_lane',
  vector: Value,
  lane: number,
): Value | undefined {
  const type = op === 'f32x4.extract_lane' ? 'f32' : 'i32';
  const [first, second] = vector.inputs;
  if (vector.op === 'v128.const') {
    const bits = lanesOf(vector)[lane] ?? 0;
    return type === 'f32' ? graph.f32OfBits(bits) : graph.i32(bits);
  }
  if (vector.op === `${type}x4.splat`) return first;
  if (vector.op === 'shuffle' && first && second) {
    const from = unpackLanes(Number(vector.immediate))[lane] ?? 0;
    return simplified(graph, op, type, [from < 4 ? first : second], from & 3);
  }
  if (vector.op === `${type}x4.replace_lane` && first && second) {
    return vector.immediate === lane ? second : simplified(graph, op, type, [first], lane);
  }
  return undefined;
}

function shuffled(graph: Interner, a: Value, b: Value, code: number): Value | undefined {
  const lanes = unpackLanes(code);
  if (lanes.every((lane, i) => lane === i)) return a;
  if (a.op === 'v128.const' && b.op === 'v128.const') {
    const both = [...lanesOf(a), ...lanesOf(b)];
    return graph.vector(lanes.map((lane) => both[lane] ?? 0));
  }
  if (a !== b && lanes.every((lane) => lane < 4)) return simplified(graph, 'shuffle', 'v128', [a, a], code);
  if (a === b && lanes.some((lane) => lane >= 4)) {
    return simplified(graph, 'shuffle', 'v128', [a, a], packLanes(lanes.map((lane) => lane & 3)));
  }
  const [first, second] = a.inputs;
  if (a === b && a.op === 'shuffle' && first && second) {
    const inner = unpackLanes(Number(a.immediate));
    return simplified(
      graph,
      'shuffle',
      'v128',
      [first, second],
      packLanes(lanes.map((lane) => inner[lane] ?? 0)),
    );
  }
  if (a === b && (a.op === 'f32x4.splat' || a.op === 'i32x4.splat' || a.op === 'v128.load32_splat')) return a;
  return undefined;
}
