/** Simplifies values as they are made: constants are computed, and algebra is applied. */
import { evaluate, evaluateLong, scalarOf } from './evaluate.ts';
import { COMMUTATIVE, INTEGER_RULES } from './integerRules.ts';
import type { Maker, Rule } from './maker.ts';
import { constantOf, type Immediate, lanesOf, type Op, type Value } from './value.ts';
import { extracted, shuffled, VECTOR_RULES } from './vectorRules.ts';

const RULES: ReadonlyMap<string, Rule> = new Map(Object.entries({ ...INTEGER_RULES, ...VECTOR_RULES }));

/** Return a simpler value than an operation; undefined if there is none. */
export function simplify(
  maker: Maker,
  op: Op,
  inputs: readonly Value[],
  immediate: Immediate,
): Value | undefined {
  const [a, b, c] = inputs;
  if (!a) return undefined;
  if (op === 'i32x4.extract_lane' || op === 'f32x4.extract_lane') return extracted(maker, a, immediate, op);
  if (op === 'shuffle') return b && shuffled(maker, a, b, Number(immediate));
  if (op === 'select') return b && c && selection(maker, a, b, c);
  const constant = isConstant(a) && (!b || isConstant(b)) ? onConstants(maker, op, a, b) : undefined;
  if (constant) return constant;
  if (
    b &&
    COMMUTATIVE.has(op) &&
    constantOf(b) === undefined &&
    (constantOf(a) !== undefined || a.id > b.id)
  ) {
    return maker.make(op, 'i32', [b, a]);
  }
  return RULES.get(op)?.(maker, a, b ?? a, op);
}

const isConstant = ({ op }: Value): boolean => op.endsWith('.const');

function onConstants(maker: Maker, op: Op, a: Value, b: Value | undefined): Value | undefined {
  if (a.op === 'v128.const') return b?.op === 'i32.const' ? undefined : onVectors(maker, op, a, b);
  const [x, y] = [Number(a.immediate), Number(b?.immediate ?? 0)];
  if (a.op === 'i64.const') return onLongs(maker, op, x, y);
  const result = evaluate(op, x, y);
  if (result === undefined) return undefined;
  const isFloat = op.startsWith('f32.') && !COMPARES.has(op.slice(4));
  return isFloat ? maker.f32OfBits(result) : maker.i32(result);
}

const COMPARES = new Set(['eq', 'ne', 'lt', 'gt', 'le', 'ge']);

function onLongs(maker: Maker, op: Op, a: number, b: number): Value | undefined {
  // A negative number is above those that are not.
  if (op === 'i64.le_u') return maker.i32(Number(a < 0 === b < 0 ? a <= b : b < 0));
  const result = evaluateLong(op, a, b);
  return result === undefined ? undefined : maker.i64(result);
}

function onVectors(maker: Maker, op: Op, a: Value, b: Value | undefined): Value | undefined {
  const scalar = scalarOf(op);
  if (!scalar) return undefined;
  const right = b ? lanesOf(b) : undefined;
  const lanes: number[] = [];
  for (const [i, lane] of lanesOf(a).entries()) {
    const result = evaluate(scalar, lane, right?.[i] ?? 0);
    if (result === undefined) return undefined;
    lanes.push(result);
  }
  return maker.vector(lanes);
}

function selection(maker: Maker, whenTrue: Value, whenFalse: Value, condition: Value): Value | undefined {
  if (whenTrue === whenFalse) return whenTrue;
  const known = constantOf(condition);
  if (known !== undefined) return known ? whenTrue : whenFalse;
  const [inner] = condition.inputs;
  if (condition.op !== 'i32.eqz' || !inner) return undefined;
  return maker.make('select', whenTrue.type, [whenFalse, whenTrue, inner]);
}
