/** Declarations: a variable is kept in slots of the builder, or in scratch memory if it is indexed at run time. */
import type { Type, Variable } from '../../wgsl/tree.ts';
import type { Value } from '../value.ts';
import type { Context, MemoryHome, MemoryPlace } from './context.ts';
import { leafCount, zerosOf } from './leaves.ts';
import { scratchSize, store } from './places.ts';

/** Arrays with more scalars and vectors than this are in memory. */
const MOST_LEAVES = 32;

/** Bytes up to which memory is cleared by stores. */
const CLEARED_BY_STORES = 256;

export const isInMemory = ({ inMemory }: Context, variable: Variable): boolean =>
  inMemory.has(variable) || (hasArray(variable.type) && leafCount(variable.type) > MOST_LEAVES);

function hasArray(type: Type): boolean {
  if (type.kind === 'struct') return type.members.some((member) => hasArray(member.type));
  return type.kind === 'array';
}

/** Declare a `let` or a parameter. */
export function declareValue(context: Context, variable: Variable, values: readonly Value[]): void {
  if (isInMemory(context, variable)) store(context, inScratch(context, variable), values);
  else context.homes.set(variable, { kind: 'values', values });
}

/** Declare a `var`; without values it is zero. */
export function declareVariable(
  context: Context,
  variable: Variable,
  values: readonly Value[] | undefined,
): void {
  if (isInMemory(context, variable)) {
    const place = inScratch(context, variable);
    if (values) store(context, place, values);
    else clear(context, place.home, scratchSize(variable.type));
    return;
  }
  const { builder, homes } = context;
  const first = builder.slots.length;
  for (const value of values ?? zerosOf(builder, variable.type)) builder.declare(value);
  homes.set(variable, { kind: 'slots', first });
}

function inScratch(context: Context, variable: Variable): MemoryPlace {
  const home = context.reserve(variable.type, variable);
  context.homes.set(variable, home);
  return { kind: 'memory', home, address: home.address, offset: home.offset, type: variable.type };
}

/** Set bytes of scratch memory to zero; a multiple of 16. */
export function clear({ builder }: Context, { address, offset }: MemoryHome, bytes: number): void {
  if (bytes > CLEARED_BY_STORES) {
    const start = builder.op('i32.add', address, builder.i32(offset));
    builder.effect('memory.fill', [start, builder.i32(0), builder.i32(bytes)], 0);
    return;
  }
  const zero = builder.vector([0, 0, 0, 0]);
  for (let at = 0; at < bytes; at += 16) builder.effect('v128.store', [address, zero], offset + at);
}
