/** Atomic operations on i32 and u32 in memory (WGSL section 17.8). */

import { fail } from '../../wgsl/error.ts';
import type { Expression } from '../../wgsl/tree.ts';
import type { AtomicName } from '../instructions.ts';
import type { Value } from '../value.ts';
import { type Context, single } from './context.ts';
import { placeOf } from './places.ts';

const READ_MODIFY_WRITE: Readonly<Record<string, AtomicName>> = {
  atomicAdd: 'i32.atomic.rmw.add',
  atomicSub: 'i32.atomic.rmw.sub',
  atomicAnd: 'i32.atomic.rmw.and',
  atomicOr: 'i32.atomic.rmw.or',
  atomicXor: 'i32.atomic.rmw.xor',
  atomicExchange: 'i32.atomic.rmw.xchg',
};

/** Return the old value, as all operations but `atomicStore` do. */
export function atomic(
  context: Context,
  { name, on, arguments: operands, type, at }: Extract<Expression, { kind: 'atomic' }>,
): readonly Value[] {
  const { builder } = context;
  const place = placeOf(context, on);
  if (place.kind !== 'memory') throw new Error('an atomic is in memory');
  const { address, offset } = place;
  const values = operands.map((operand) => single(context, operand));
  const [value] = values;
  const operation = READ_MODIFY_WRITE[name];
  if (operation) return [builder.effect(operation, [address, ...values], offset)];
  if (name === 'atomicLoad') return [builder.effect('i32.atomic.load', [address], offset)];
  if (name === 'atomicStore') {
    builder.effect('i32.atomic.store', [address, ...values], offset);
    return [];
  }
  if (value && (name === 'atomicMin' || name === 'atomicMax')) {
    const extremum = `i32.${name === 'atomicMin' ? 'min' : 'max'}_${type.of === 'u32' ? 'u' : 's'}` as const;
    return [exchangeLoop(context, address, offset, (old) => builder.extremum(extremum, old, value))];
  }
  return fail(at, `this kernel uses ${name}, which the WebAssembly adapter does not have`);
}

/** Replace a value by a function of it: again, if another thread was faster. */
function exchangeLoop(
  { builder }: Context,
  address: Value,
  offset: number,
  next: (old: Value) => Value,
): Value {
  const slot = builder.declare(builder.effect('i32.atomic.load', [address], offset));
  builder.block((end) => {
    builder.loop([slot], (start) => {
      const old = builder.value(slot);
      const seen = builder.effect('i32.atomic.rmw.cmpxchg', [address, old, next(old)], offset);
      builder.slots[slot] = seen;
      builder.ifElse(builder.op('i32.eq', seen, old), () => builder.branch(end));
      builder.repeat(start);
    });
  });
  const result = builder.value(slot);
  builder.slots.length = slot;
  return result;
}
