/** Operators of WGSL on scalars and vectors (sections 8.6 to 8.9), and conversions. */
import type { BinaryOperator } from '../../wgsl/tree.ts';
import type { Graph } from '../graph.ts';
import type { Instruction } from '../instructions.ts';
import { constantOf, type Value } from '../value.ts';
import type { Leaf } from './leaves.ts';
import { asLane, lanewise, splat, uniformLane } from './vectors.ts';

const ARITHMETIC = { '+': 'add', '-': 'sub', '*': 'mul' } as const;
const BITWISE = { '&': 'and', '|': 'or', '^': 'xor' } as const;
const COMPARISON = { '==': 'eq', '!=': 'ne', '<': 'lt', '<=': 'le', '>': 'gt', '>=': 'ge' } as const;

/** Return the result of an operator; both operands have type `type`, but for shifts, whose right one is of u32. */
export function binary(graph: Graph, operator: BinaryOperator, type: Leaf, a: Value, b: Value): Value {
  const { of } = type;
  const isVector = type.kind === 'vector';
  switch (operator) {
    case '+':
    case '-':
    case '*':
      return graph.op(`${numeric(type)}.${ARITHMETIC[operator]}`, a, b);
    case '/':
      return of === 'f32'
        ? graph.op(`${isVector ? 'f32x4' : 'f32'}.div`, a, b)
        : quotient(graph, '/', type, a, b);
    case '%':
      return of === 'f32'
        ? remainder(graph, isVector ? 'f32x4' : 'f32', a, b)
        : quotient(graph, '%', type, a, b);
    case '&':
    case '|':
    case '^':
      return graph.op(`${isVector ? 'v128' : 'i32'}.${BITWISE[operator]}`, a, b);
    case '<<':
      return shift(graph, 'shl', type, a, b);
    case '>>':
      return shift(graph, of === 'i32' ? 'shr_s' : 'shr_u', type, a, b);
    default:
      return graph.op(comparison(operator, type), a, b);
  }
}

const numeric = ({ kind, of }: Leaf): 'f32' | 'f32x4' | 'i32' | 'i32x4' =>
  kind === 'vector' ? (of === 'f32' ? 'f32x4' : 'i32x4') : of === 'f32' ? 'f32' : 'i32';

function comparison(operator: keyof typeof COMPARISON, type: Leaf): Instruction {
  const name = COMPARISON[operator];
  const prefix = numeric(type);
  if (prefix === 'f32' || prefix === 'f32x4') return `${prefix}.${name}`;
  if (name === 'eq' || name === 'ne') return `${prefix}.${name}`;
  return `${prefix}.${name}_${type.of === 'u32' ? 'u' : 's'}`;
}

/** x − y·trunc(x / y) */
function remainder(graph: Graph, prefix: 'f32' | 'f32x4', x: Value, y: Value): Value {
  const whole = graph.op(`${prefix}.trunc`, graph.op(`${prefix}.div`, x, y));
  return graph.op(`${prefix}.sub`, x, graph.op(`${prefix}.mul`, y, whole));
}

/** Integer division: x / 0 is x, x % 0 is 0, the smallest i32 / −1 is itself. */
function quotient(graph: Graph, operator: '/' | '%', type: Leaf, a: Value, b: Value): Value {
  if (type.kind === 'scalar') return scalarQuotient(graph, operator, type.of === 'u32', a, b);
  const uniform = uniformLane(graph, b, type.of);
  const divisor = uniform && constantOf(uniform);
  if (type.of === 'u32' && divisor !== undefined && divisor !== 0 && (divisor & (divisor - 1)) === 0) {
    if (operator === '%') return graph.op('v128.and', a, splat(graph, graph.i32(divisor - 1), 'u32'));
    return graph.op('i32x4.shr_u', a, graph.i32(31 - Math.clz32(divisor)));
  }
  const of = type.of === 'u32' ? 'u32' : 'i32';
  return lanewise(graph, type.size, of, [a, b], (x, y) =>
    scalarQuotient(graph, operator, of === 'u32', x, y),
  );
}

function scalarQuotient(graph: Graph, operator: '/' | '%', unsigned: boolean, x: Value, y: Value): Value {
  const known = constantOf(y);
  // Divided by 1 instead of 0, x remains, and the remainder is 0.
  const orOne = known ? y : graph.op('i32.or', y, graph.op('i32.eqz', y));
  if (unsigned) return graph.op(operator === '/' ? 'i32.div_u' : 'i32.rem_u', x, orOne);
  if (operator === '%') return graph.op('i32.rem_s', x, orOne);
  if (known && known !== -1) return graph.op('i32.div_s', x, y);
  const isMinusOne = graph.op('i32.eq', y, graph.i32(-1));
  const divided = graph.op('i32.div_s', x, graph.select(isMinusOne, graph.i32(1), orOne));
  return graph.select(isMinusOne, graph.op('i32.sub', graph.i32(0), x), divided);
}

function shift(graph: Graph, name: 'shl' | 'shr_s' | 'shr_u', type: Leaf, a: Value, b: Value): Value {
  if (type.kind === 'scalar') return graph.op(`i32.${name}`, a, b);
  const uniform = uniformLane(graph, b, 'u32');
  if (uniform) return graph.op(`i32x4.${name}`, a, uniform);
  return lanewise(graph, type.size, 'u32', [a, b], (x, by) => graph.op(`i32.${name}`, x, by));
}

export function unary(graph: Graph, operator: '-' | '!' | '~', type: Leaf, value: Value): Value {
  const isVector = type.kind === 'vector';
  if (operator === '!') return isVector ? graph.op('v128.not', value) : graph.op('i32.eqz', value);
  if (operator === '~')
    return isVector ? graph.op('v128.not', value) : graph.op('i32.xor', value, graph.i32(-1));
  if (type.of === 'f32') return graph.op(isVector ? 'f32x4.neg' : 'f32.neg', value);
  return isVector ? graph.op('i32x4.neg', value) : graph.op('i32.sub', graph.i32(0), value);
}

/** Convert a value, component by component. */
export function convert(graph: Graph, to: Leaf, from: Leaf, value: Value): Value {
  if (to.of === from.of) return value;
  const isVector = from.kind === 'vector';
  if (from.of === 'bool') return ofBool(graph, to, value);
  if (to.of === 'bool') return graph.op(`${numeric(from)}.ne`, value, zero(graph, from));
  if (from.of === 'f32') {
    const sign = to.of === 'u32' ? 'u' : 's';
    return graph.op(isVector ? `i32x4.trunc_sat_f32x4_${sign}` : `i32.trunc_sat_f32_${sign}`, value);
  }
  if (to.of !== 'f32') return value;
  const sign = from.of === 'u32' ? 'u' : 's';
  return graph.op(isVector ? `f32x4.convert_i32x4_${sign}` : `f32.convert_i32_${sign}`, value);
}

const zero = (graph: Graph, { kind, of }: Leaf): Value =>
  kind === 'vector' ? graph.vector([0, 0, 0, 0]) : of === 'f32' ? graph.f32(0) : graph.i32(0);

/** 1 of true, 0 of false. */
function ofBool(graph: Graph, to: Leaf, value: Value): Value {
  if (to.kind === 'vector') {
    const one = to.of === 'f32' ? graph.f32(1) : graph.i32(1);
    return graph.op('v128.and', value, splat(graph, one, to.of));
  }
  return to.of === 'f32' ? graph.op('f32.convert_i32_u', value) : value;
}

/** Return the second value where the condition holds, else the first. */
export function select(
  graph: Graph,
  type: Leaf,
  condition: Value,
  conditionType: Leaf,
  whenFalse: Value,
  whenTrue: Value,
): Value {
  if (whenFalse === whenTrue) return whenTrue;
  if (type.kind === 'vector') {
    const known = constantOf(condition);
    if (conditionType.kind === 'scalar' && known !== undefined) return known ? whenTrue : whenFalse;
    const mask =
      conditionType.kind === 'vector' ? condition : graph.op('i32x4.splat', asLane(graph, condition, 'bool'));
    return graph.op('v128.bitselect', whenTrue, whenFalse, mask);
  }
  if (type.of !== 'f32') return graph.select(condition, whenTrue, whenFalse);
  // Engines compile a selection of f32 to a jump, of i32 to a conditional move.
  const bits = graph.select(
    condition,
    graph.op('i32.reinterpret_f32', whenTrue),
    graph.op('i32.reinterpret_f32', whenFalse),
  );
  return graph.op('f32.reinterpret_i32', bits);
}
