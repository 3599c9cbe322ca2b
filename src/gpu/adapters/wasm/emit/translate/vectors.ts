/** Lanes of vectors. Lanes past a vector's size hold anything. */
import type { Graph } from '../graph.ts';
import { lanesOf, type Value } from '../value.ts';
import type { Leaf } from './leaves.ts';

/** Return the element type of lanes: bools are masks of i32. */
export const laneType = (of: Leaf['of']): 'i32' | 'f32' => (of === 'f32' ? 'f32' : 'i32');

/** Return a component of a vector as a scalar. */
export function component(graph: Graph, vector: Value, of: Leaf['of'], lane: number): Value {
  return ofLane(graph, graph.lane(laneType(of), vector, lane), of);
}

/** Return the content of a lane as a scalar. */
export const ofLane = (graph: Graph, lane: Value, of: Leaf['of']): Value =>
  of === 'bool' ? graph.op('i32.and', lane, graph.i32(1)) : lane;

/** Return a scalar as the content of a lane. */
export const asLane = (graph: Graph, scalar: Value, of: Leaf['of']): Value =>
  of === 'bool' ? graph.op('i32.sub', graph.i32(0), scalar) : scalar;

export function splat(graph: Graph, scalar: Value, of: Leaf['of']): Value {
  return graph.op(of === 'f32' ? 'f32x4.splat' : 'i32x4.splat', asLane(graph, scalar, of));
}

export function withComponent(
  graph: Graph,
  vector: Value,
  of: Leaf['of'],
  lane: number,
  scalar: Value,
): Value {
  return graph.replaceLane(laneType(of), vector, lane, asLane(graph, scalar, of));
}

/** Return a vector of two to four scalars. */
export function vectorOf(graph: Graph, scalars: readonly Value[], of: Leaf['of']): Value {
  const gathered = gather(graph, scalars, of);
  if (gathered) return gathered;
  const [first, ...others] = scalars.map((scalar) => asLane(graph, scalar, of));
  if (!first) throw new Error('a vector has components');
  if (others.every((other) => other === first)) {
    return graph.op(of === 'f32' ? 'f32x4.splat' : 'i32x4.splat', first);
  }
  // Constants are set at once, and the other lanes after them.
  const lanes = [first, ...others];
  const isConstant = ({ op }: Value) => op === 'i32.const' || op === 'f32.const';
  if (!lanes.some(isConstant)) {
    const start = graph.op(of === 'f32' ? 'f32x4.splat' : 'i32x4.splat', first);
    return lanes.reduce(
      (vector, lane, i) => (i ? graph.replaceLane(laneType(of), vector, i, lane) : vector),
      start,
    );
  }
  const constants = graph.vector([0, 1, 2, 3].map((i) => immediateOf(lanes[i])));
  return lanes.reduce(
    (vector, lane, i) => (isConstant(lane) ? vector : graph.replaceLane(laneType(of), vector, i, lane)),
    constants,
  );
}

const immediateOf = (value: Value | undefined): number =>
  value?.op === 'i32.const' || value?.op === 'f32.const' ? Number(value.immediate) : 0;

/** Scalars that are lanes of one or two vectors: one shuffle. */
function gather(graph: Graph, scalars: readonly Value[], of: Leaf['of']): Value | undefined {
  const op = `${laneType(of)}x4.extract_lane`;
  const sources: Value[] = [];
  const lanes: number[] = [];
  if (of === 'bool') return undefined;
  for (const scalar of scalars) {
    const [vector] = scalar.inputs;
    if (scalar.op !== op || !vector) return undefined;
    let source = sources.indexOf(vector);
    if (source < 0) source = sources.push(vector) - 1;
    lanes.push(4 * source + Number(scalar.immediate));
  }
  const [a, b = a] = sources;
  if (!a || !b || sources.length > 2) return undefined;
  while (lanes.length < 4) lanes.push(lanes.length);
  return graph.shuffle(a, b, lanes);
}

/** Return the scalar that is in all lanes, if that is known. */
export function uniformLane(graph: Graph, vector: Value, of: Leaf['of']): Value | undefined {
  if (vector.op === 'i32x4.splat' || vector.op === 'f32x4.splat') return vector.inputs[0];
  if (vector.op !== 'v128.const') return undefined;
  const [first, ...others] = lanesOf(vector);
  return others.every((lane) => lane === first) ? graph.lane(laneType(of), vector, 0) : undefined;
}

/** Apply a scalar operation to each of `size` lanes. */
export function lanewise(
  graph: Graph,
  size: number,
  of: 'f32' | 'i32' | 'u32',
  operands: readonly Value[],
  operation: (...scalars: Value[]) => Value,
): Value {
  const scalars = Array.from({ length: size }, (_, lane) =>
    operation(...operands.map((operand) => component(graph, operand, of, lane))),
  );
  return vectorOf(graph, scalars, of);
}
