/** Builtins that take a reference: atomic operations and `arrayLength` (WGSL sections 17.4 and 17.8). */
import { fail } from './error.ts';
import { type Operand, toExpressionOf } from './operand.ts';
import { isWritable } from './references.ts';
import type { Expression, Place, Reference } from './tree.ts';
import { scalar, typeName, U32 } from './types.ts';

/** Number of values that an atomic builtin takes beside the reference. */
const ATOMICS: ReadonlyMap<string, number> = new Map([
  ['atomicLoad', 0],
  ['atomicStore', 1],
  ['atomicAdd', 1],
  ['atomicSub', 1],
  ['atomicMax', 1],
  ['atomicMin', 1],
  ['atomicAnd', 1],
  ['atomicOr', 1],
  ['atomicXor', 1],
  ['atomicExchange', 1],
]);

export const isAtomicBuiltin = (name: string): boolean => ATOMICS.has(name);

/** Type an atomic builtin. */
export function atomicBuiltin(
  name: string,
  on: Reference,
  operands: readonly Operand[],
  at: Place,
): Expression {
  if (on.type.kind !== 'atomic')
    fail(at, `${name} takes a reference to an atomic, found ${typeName(on.type)}`);
  if (!isWritable(on)) fail(at, `${name} takes an atomic that the shader may write; declare it read_write`);
  const count = ATOMICS.get(name);
  if (operands.length !== count) fail(at, `${name} takes ${count} values beside the reference`);
  const type = scalar(on.type.of);
  const values = operands.map((operand) => toExpressionOf(operand, type, at));
  return { kind: 'atomic', name, on, arguments: values, type, at };
}

/** Type `arrayLength`. */
export function arrayLength(of: Reference, at: Place): Expression {
  if (of.type.kind !== 'array' || of.type.length !== undefined)
    fail(at, `arrayLength takes a reference to an array without length, found ${typeName(of.type)}`);
  return { kind: 'arrayLength', of, type: U32 };
}
