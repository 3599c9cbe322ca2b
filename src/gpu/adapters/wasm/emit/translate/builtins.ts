/** Builtin functions of WGSL that WebAssembly has instructions for (section 17). All others are written in WGSL. */

import { fail } from '../../wgsl/error.ts';
import type { Place } from '../../wgsl/tree.ts';
import type { Graph } from '../graph.ts';
import type { Instruction } from '../instructions.ts';
import type { Value } from '../value.ts';
import type { Leaf } from './leaves.ts';
import { select } from './operators.ts';
import { component, laneType } from './vectors.ts';

/** An argument and its type. */
export interface Operand {
  readonly value: Value;
  readonly type: Leaf;
}

/** Float functions with one operand, by the instruction's name. */
const ROUNDING = { floor: 'floor', ceil: 'ceil', trunc: 'trunc', round: 'nearest', sqrt: 'sqrt' } as const;
const COUNTING = { countLeadingZeros: 'clz', countTrailingZeros: 'ctz', countOneBits: 'popcnt' } as const;

const isKey = <T extends object>(key: PropertyKey, of: T): key is keyof T => Object.hasOwn(of, key);

/** Return the result of a builtin. @throws WgslError if it is not known. */
export function builtin(graph: Graph, name: string, operands: readonly Operand[], at: Place): Value {
  const [a, b, c] = operands;
  if (a && isKey(name, ROUNDING)) {
    return graph.op(`${a.type.kind === 'vector' ? 'f32x4' : 'f32'}.${ROUNDING[name]}`, a.value);
  }
  if (a && isKey(name, COUNTING) && a.type.kind === 'scalar')
    return graph.op(`i32.${COUNTING[name]}`, a.value);
  if (a && name === 'abs') return absolute(graph, a);
  if (a && (name === 'any' || name === 'all')) return ofLanes(graph, name, a);
  if (a && b && (name === 'min' || name === 'max')) return extremum(graph, name, a.type, a.value, b.value);
  if (a && b && c && name === 'clamp') {
    return extremum(graph, 'min', a.type, extremum(graph, 'max', a.type, a.value, b.value), c.value);
  }
  if (a && b && c && name === 'select') return select(graph, a.type, c.value, c.type, a.value, b.value);
  if (a && b && name === 'dot') return dot(graph, a, b);
  return fail(at, `this kernel uses ${name}, which the WebAssembly adapter does not have`);
}

function absolute(graph: Graph, { value, type }: Operand): Value {
  if (type.of === 'u32') return value;
  if (type.kind === 'vector') return graph.op(type.of === 'f32' ? 'f32x4.abs' : 'i32x4.abs', value);
  if (type.of === 'f32') return graph.op('f32.abs', value);
  return graph.extremum('i32.max_s', value, graph.op('i32.sub', graph.i32(0), value));
}

/** Lanes past the size are anything: they are replaced by the first one. */
function ofLanes(graph: Graph, name: 'any' | 'all', { value, type }: Operand): Value {
  if (type.kind === 'scalar') return value;
  const lanes = [0, 1, 2, 3].map((lane) => (lane < type.size ? lane : 0));
  const filled = graph.shuffle(value, value, lanes);
  return graph.op(name === 'any' ? 'v128.any_true' : 'i32x4.all_true', filled);
}

/** min(a, b) is b if b < a, else a; max(a, b) is b if a < b, else a: so for f32 too, zeros and NaN included. */
function extremum(graph: Graph, name: 'min' | 'max', type: Leaf, a: Value, b: Value): Value {
  if (type.of === 'f32') {
    const op: Instruction = name === 'min' ? 'f32x4.pmin' : 'f32x4.pmax';
    if (type.kind === 'vector') return graph.op(op, a, b);
    return graph.lane('f32', graph.op(op, inVector(graph, a), inVector(graph, b)), 0);
  }
  const sign = type.of === 'u32' ? 'u' : 's';
  if (type.kind === 'vector') return graph.op(`i32x4.${name}_${sign}`, a, b);
  return graph.extremum(`i32.${name}_${sign}`, a, b);
}

/** Return a vector whose first lane is this scalar. */
function inVector(graph: Graph, scalar: Value): Value {
  const [vector] = scalar.inputs;
  if (vector && scalar.op === 'f32x4.extract_lane' && scalar.immediate === 0) return vector;
  return graph.op('f32x4.splat', scalar);
}

/** ((x·x + y·y) + z·z) + w·w */
function dot(graph: Graph, a: Operand, b: Operand): Value {
  if (a.type.kind === 'scalar') return fail({ line: 0, column: 0 }, 'dot is of vectors');
  const { size, of } = a.type;
  const lane = laneType(of);
  const products = graph.op(`${lane}x4.mul`, a.value, b.value);
  let sum = component(graph, products, of, 0);
  for (let i = 1; i < size; i++) sum = graph.op(`${lane}.add`, sum, component(graph, products, of, i));
  return sum;
}
