/** References: where they are, and reading and writing there. An index past the end is that of the last element. */
import { sizes } from '../../wgsl/layout.ts';
import type { ArrayType, Reference, ScalarType, Type, Variable, VectorType } from '../../wgsl/tree.ts';
import type { LoadName, StoreName } from '../instructions.ts';
import { constantOf, type Value } from '../value.ts';
import {
  type Context,
  type LeavesPlace,
  type MemoryHome,
  NeedsMemory,
  type Place,
  single,
} from './context.ts';
import { type Leaf, leafCount, leavesBefore, leavesOf } from './leaves.ts';
import { asLane, component, ofLane, withComponent } from './vectors.ts';

/** Evaluate the indices of a reference, and return where it is. */
export function placeOf(context: Context, reference: Reference): Place {
  switch (reference.kind) {
    case 'variable':
      return variablePlace(context, reference.variable);
    case 'member': {
      const base = placeOf(context, reference.base);
      if (base.type.kind !== 'struct') throw new Error('a member is of a struct');
      const member = base.type.members[reference.member];
      if (!member) throw new Error(`struct ${base.type.name} has no member ${reference.member}`);
      if (base.kind === 'memory') return { ...base, offset: base.offset + member.offset, type: member.type };
      if (base.kind === 'component') throw new Error('a component has no members');
      return { ...base, first: base.first + leavesBefore(base.type, reference.member), type: member.type };
    }
    case 'component': {
      const base = placeOf(context, reference.base);
      return componentPlace(context, base, context.builder.i32(reference.component), reference.type);
    }
    case 'index': {
      const base = placeOf(context, reference.base);
      const index = single(context, reference.index);
      if (base.type.kind === 'vector') {
        const type = { kind: 'scalar', of: base.type.of } as const;
        return componentPlace(context, base, index, type);
      }
      if (base.type.kind !== 'array') throw new Error('an index is of an array or vector');
      return elementPlace(context, base, base.type, index);
    }
    default:
      return reference satisfies never;
  }
}

function variablePlace({ homes }: Context, variable: Variable): Place {
  const home = homes.get(variable);
  const { type } = variable;
  if (!home) throw new Error(`${variable.name} has no place`);
  if (home.kind === 'memory')
    return { kind: 'memory', home, address: home.address, offset: home.offset, type };
  return { kind: 'leaves', variable, first: 0, type };
}

function componentPlace({ builder }: Context, base: Place, index: Value, type: ScalarType): Place {
  if (base.type.kind !== 'vector' || base.kind === 'component') throw new Error('a component is of a vector');
  const last = builder.i32(base.type.size - 1);
  const clamped = builder.clamp(index, last);
  if (base.kind === 'leaves')
    return { kind: 'component', vector: base, vectorType: base.type, index: clamped, type };
  const constant = constantOf(clamped);
  if (constant !== undefined) return { ...base, offset: base.offset + 4 * constant, type };
  const address = builder.op('i32.add', base.address, builder.op('i32.mul', clamped, builder.i32(4)));
  return { ...base, address, type };
}

function elementPlace(context: Context, base: Place, array: ArrayType, index: Value): Place {
  const { builder } = context;
  if (base.kind === 'component') throw new Error('a component has no elements');
  const last = lastIndex(context, base, array);
  if (base.kind === 'memory') {
    const moving = context.pointers?.element(base.address, index, last, array.stride);
    if (moving)
      return { ...base, address: moving.address, offset: base.offset + moving.offset, type: array.of };
  }
  const clamped = builder.clamp(index, last);
  const constant = constantOf(clamped);
  if (base.kind === 'leaves') {
    if (constant === undefined) throw new NeedsMemory(base.variable);
    return { ...base, first: base.first + constant * leafCount(array.of), type: array.of };
  }
  if (constant !== undefined)
    return { ...base, offset: base.offset + constant * array.stride, type: array.of };
  const bytes = builder.op('i32.mul', clamped, builder.i32(array.stride));
  return { ...base, address: builder.op('i32.add', base.address, bytes), type: array.of };
}

function lastIndex(context: Context, base: Place, array: ArrayType): Value {
  const { builder } = context;
  if (array.length !== undefined) return builder.i32(array.length - 1);
  const length = runtimeLength(context, base, array);
  // An empty array has no valid binding; index 0 keeps the address in memory.
  return builder.op('i32.sub', length, builder.op('i32.ne', length, builder.i32(0)));
}

/** Return the number of elements of a runtime-sized array. */
function runtimeLength({ builder }: Context, base: Place, array: ArrayType): Value {
  if (base.kind !== 'memory' || !base.home.bytes)
    throw new Error('only a binding has an array without a length');
  const bytes = builder.op('i32.sub', base.home.bytes, builder.i32(base.offset - base.home.offset));
  return builder.op('i32.div_u', bytes, builder.i32(array.stride));
}

export function arrayLength(context: Context, reference: Reference): Value {
  const place = placeOf(context, reference);
  if (place.type.kind !== 'array') throw new Error('arrayLength is of an array');
  const { length } = place.type;
  return length === undefined ? runtimeLength(context, place, place.type) : context.builder.i32(length);
}

/** Return some leaves of a variable that is not in memory. */
function variableLeaves(
  { builder, homes }: Context,
  { variable, first, type }: LeavesPlace,
): readonly Value[] {
  const home = homes.get(variable);
  const count = leafCount(type);
  if (home?.kind === 'values') {
    return count === home.values.length ? home.values : home.values.slice(first, first + count);
  }
  if (home?.kind !== 'slots') throw new Error(`${variable.name} is in memory`);
  if (count === 1) return [builder.value(home.first + first)];
  return builder.slots.slice(home.first + first, home.first + first + count);
}

/** Read a place: return its leaves. */
export function load(context: Context, place: Place): readonly Value[] {
  switch (place.kind) {
    case 'memory': {
      const { home, address, offset, type } = place;
      if (type.kind === 'scalar' || type.kind === 'vector')
        return [loadLeaf(context, home, address, offset, type)];
      return leavesOf(type).map((leaf) => loadLeaf(context, home, address, offset + leaf.offset, leaf.type));
    }
    case 'leaves':
      return variableLeaves(context, place);
    case 'component': {
      const [vector] = variableLeaves(context, place.vector);
      return vector ? [dynamicComponent(context, vector, place.vectorType, place.index)] : [];
    }
    default:
      return place satisfies never;
  }
}

/** Write the leaves of a value to a place. */
export function store(context: Context, place: Place, values: readonly Value[]): void {
  switch (place.kind) {
    case 'memory':
      for (const [i, { type, offset }] of leavesOf(place.type).entries()) {
        const value = values[i];
        if (value) storeLeaf(context, place.address, place.offset + offset, type, value);
      }
      return;
    case 'leaves': {
      const home = context.homes.get(place.variable);
      if (home?.kind !== 'slots') throw new Error(`${place.variable.name} cannot be assigned`);
      for (const [i, value] of values.entries()) context.builder.slots[home.first + place.first + i] = value;
      return;
    }
    case 'component': {
      const [vector] = load(context, place.vector);
      const [value] = values;
      if (vector && value) {
        store(context, place.vector, [
          withDynamicComponent(context, vector, place.vectorType, place.index, value),
        ]);
      }
      return;
    }
    default:
      place satisfies never;
  }
}

const LOADS: Readonly<Record<string, LoadName>> = {
  f32: 'f32.load',
  i32: 'i32.load',
  u32: 'i32.load',
  bool: 'i32.load',
};

/** A vec3 takes 16 bytes wherever it stands, so that all of them can be read. */
const loadName = (type: Leaf): LoadName =>
  type.kind === 'scalar'
    ? (LOADS[type.of] ?? 'i32.load')
    : type.size === 2
      ? 'v128.load64_zero'
      : 'v128.load';

/** In memory a bool is like the lane of a vector, of which it may be one. */
function loadLeaf({ builder }: Context, home: MemoryHome, address: Value, offset: number, type: Leaf): Value {
  const name = loadName(type);
  const value = home.writable ? builder.effect(name, [address], offset) : builder.load(name, address, offset);
  return type.kind === 'scalar' ? ofLane(builder, value, type.of) : value;
}

function storeLeaf({ builder }: Context, address: Value, offset: number, type: Leaf, value: Value): void {
  const stored = type.kind === 'scalar' ? asLane(builder, value, type.of) : value;
  const write = (name: StoreName, at: number) => builder.effect(name, [address, stored], at);
  if (type.kind === 'scalar') write(type.of === 'f32' ? 'f32.store' : 'i32.store', offset);
  else if (type.size === 4) write('v128.store', offset);
  else {
    write('v128.store64_lane', offset);
    if (type.size === 3) write('v128.store32_lane', offset + 8);
  }
}

/** Return the component of a vector that is chosen at run time; the index is in range. */
export function dynamicComponent({ builder }: Context, vector: Value, type: VectorType, index: Value): Value {
  const constant = constantOf(index);
  if (constant !== undefined) return component(builder, vector, type.of, constant);
  const lanes = Array.from({ length: type.size }, (_, lane) => component(builder, vector, type.of, lane));
  return lanes.reduce((chosen, lane, i) => {
    const isIt = builder.op('i32.eq', index, builder.i32(i));
    return selectScalar(builder, isIt, lane, chosen);
  });
}

function selectScalar(
  builder: Context['builder'],
  condition: Value,
  whenTrue: Value,
  whenFalse: Value,
): Value {
  if (whenTrue.type !== 'f32') return builder.select(condition, whenTrue, whenFalse);
  const bits = builder.select(
    condition,
    builder.op('i32.reinterpret_f32', whenTrue),
    builder.op('i32.reinterpret_f32', whenFalse),
  );
  return builder.op('f32.reinterpret_i32', bits);
}

function withDynamicComponent(
  { builder }: Context,
  vector: Value,
  type: VectorType,
  index: Value,
  value: Value,
): Value {
  const constant = constantOf(index);
  if (constant !== undefined) return withComponent(builder, vector, type.of, constant, value);
  const chosen = builder.op('i32x4.eq', builder.op('i32x4.splat', index), builder.vector([0, 1, 2, 3]));
  const filled = builder.op(
    type.of === 'f32' ? 'f32x4.splat' : 'i32x4.splat',
    asLane(builder, value, type.of),
  );
  return builder.op('v128.bitselect', filled, vector, chosen);
}

/** Bytes that a variable of this type takes in scratch memory, a multiple of 16. */
export const scratchSize = (type: Type): number => Math.ceil(sizes(type).size / 16) * 16;
