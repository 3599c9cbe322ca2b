/** Values of WGSL as values of the intermediate form: scalars and vectors are one each, arrays and structs are all of their parts. */
import type { ScalarType, Type, VectorType } from '../../wgsl/tree.ts';
import type { Graph } from '../graph.ts';
import type { ValueType } from '../instructions.ts';
import type { Value } from '../value.ts';

export type Leaf = ScalarType | VectorType;

/** A scalar or vector inside a type. */
export interface PlacedLeaf {
  readonly type: Leaf;
  /** Bytes from the start. */
  readonly offset: number;
}

const cache = new WeakMap<Type, readonly PlacedLeaf[]>();

/** Return the scalars and vectors of a type in the order of memory. */
export function leavesOf(type: Type): readonly PlacedLeaf[] {
  let leaves = cache.get(type);
  if (!leaves) {
    leaves = findLeaves(type);
    cache.set(type, leaves);
  }
  return leaves;
}

function findLeaves(type: Type): readonly PlacedLeaf[] {
  switch (type.kind) {
    case 'scalar':
    case 'vector':
      return [{ type, offset: 0 }];
    case 'struct':
      return type.members.flatMap((member) => shifted(leavesOf(member.type), member.offset));
    case 'array': {
      const element = leavesOf(type.of);
      return Array.from({ length: type.length ?? 0 }, (_, i) => shifted(element, i * type.stride)).flat();
    }
    case 'atomic':
      throw new Error('an atomic is no value');
    default:
      return type satisfies never;
  }
}

const shifted = (leaves: readonly PlacedLeaf[], by: number): PlacedLeaf[] =>
  leaves.map(({ type, offset }) => ({ type, offset: offset + by }));

/** Return the number of leaves of a type, without making the list. */
export function leafCount(type: Type): number {
  switch (type.kind) {
    case 'array':
      return (type.length ?? 0) * leafCount(type.of);
    case 'struct':
      return type.members.reduce((sum, member) => sum + leafCount(member.type), 0);
    default:
      return 1;
  }
}

/** Return the number of leaves before a member of a struct. */
export const leavesBefore = (type: Type & { kind: 'struct' }, member: number): number =>
  type.members.slice(0, member).reduce((sum, { type: of }) => sum + leafCount(of), 0);

/** Return the WebAssembly type of a scalar or vector. A bool is 0 or 1; a vector of bools has all or no bits of each lane set. */
export function valueType(type: Leaf): ValueType {
  if (type.kind === 'vector') return 'v128';
  return type.of === 'f32' ? 'f32' : 'i32';
}

/** Return zero, or false. */
export function zeroOf(graph: Graph, type: Leaf): Value {
  if (type.kind === 'vector') return graph.vector([0, 0, 0, 0]);
  return type.of === 'f32' ? graph.f32(0) : graph.i32(0);
}

/** Return the zeros of a type. */
export const zerosOf = (graph: Graph, type: Type): Value[] =>
  leavesOf(type).map((leaf) => zeroOf(graph, leaf.type));
