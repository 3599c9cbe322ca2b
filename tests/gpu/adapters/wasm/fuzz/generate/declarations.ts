/** Module-scope declarations, and the data of bindings. */

import { alignOf, decode, encode, roundUp, sizeOf, strideOf, type Value } from '../layout.ts';
import { type StructType, type Type, U32, type ValueType, type Variable, value } from '../program.ts';
import type { Choices } from './choices.ts';
import { expression } from './expressions.ts';
import { dataValue } from './literals.ts';
import type { Scope, World } from './scope.ts';
import { valueType, variableType } from './statements.ts';

/** A binding with its contents. */
export interface Bound {
  readonly variable: Variable;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Choose a type that the host shares: numbers only. */
function numberType(world: World): ValueType {
  const { of, size } = valueType(world);
  return value(of === 'bool' ? 'u32' : of, size);
}

function struct(world: World, types: readonly Type[]): StructType {
  const number = world.names++;
  return { kind: 'struct', name: `S${number}`, members: types.map((type, i) => ({ name: `m${i}`, type })) };
}

function structType(world: World): StructType {
  const { choices } = world;
  const member = (): Type => {
    const of = numberType(world);
    return choices.bool(0.2) ? { kind: 'array', of, length: choices.integer(1, 3) } : of;
  };
  return struct(world, choices.list(choices.integer(1, 4), member));
}

const elementType = (world: World): Type =>
  world.choices.bool(0.75) ? numberType(world) : structType(world);

/** Make random contents of a type; a runtime-sized array has `length` elements. */
function contents(type: Type, length: number, choices: Choices): Uint8Array<ArrayBuffer> {
  const runtime = runtimeElement(type);
  const size = sizeOf(type) + (runtime ? length * strideOf(runtime) : 0);
  const bytes = new Uint8Array(roundUp(size, alignOf(type)));
  const view = new DataView(bytes.buffer);
  encode(type, randomised(type, decode(type, view), choices), view);
  return bytes;
}

function runtimeElement(type: Type): Type | undefined {
  if (type.kind === 'array' && type.length === undefined) return type.of;
  return type.kind === 'struct' ? runtimeElement(type.members[type.members.length - 1].type) : undefined;
}

/** Replace every number of a value. */
function randomised(type: Type, of: Value, choices: Choices): Value {
  if (typeof of !== 'object') return dataValue(type.kind === 'value' ? type.of : 'u32', choices);
  return of.map((item, i) => randomised(partOf(type, i), item, choices));
}

function partOf(type: Type, i: number): Type {
  if (type.kind === 'value') return value(type.of);
  return type.kind === 'array' ? type.of : type.members[i].type;
}

/** Declare a uniform struct and buffers to read. */
export function inputs(scope: Scope, firstBinding: number): Bound[] {
  const { world, choices } = scope;
  const bound: Bound[] = [];
  const add = (name: string, space: 'uniform' | 'read', type: Type, length = 0): void => {
    const variable: Variable = { name, type, space, binding: firstBinding + bound.length };
    scope.declare({ variable, kept: true });
    bound.push({ variable, bytes: contents(type, length, choices) });
  };
  if (choices.bool(0.7)) {
    const types = choices.list(choices.integer(1, 5), () => numberType(world));
    add('params', 'uniform', struct(world, types));
  }
  for (let i = choices.integer(0, 2); i > 0; i--) {
    const length = choices.integer(1, 6);
    const array: Type = {
      kind: 'array',
      of: elementType(world),
      length: choices.bool(0.8) ? undefined : length,
    };
    const type = choices.bool(0.8) ? array : struct(world, [numberType(world), array]);
    add(`input${i}`, 'read', type, length);
  }
  return bound;
}

/** Declare arrays to write; each invocation owns some elements of each. */
export function outputs(scope: Scope, firstBinding: number, invocations: number): Bound[] {
  const { world, choices } = scope;
  return choices.list(choices.integer(1, 3), (i) => {
    const slots = choices.integer(1, 3);
    const length = slots * invocations;
    const runtime = choices.bool(0.8);
    const type: Type = { kind: 'array', of: elementType(world), length: runtime ? undefined : length };
    const variable: Variable = { name: `output${i}`, type, space: 'read_write', binding: firstBinding + i };
    const reach = invocations === 1 ? 'all' : 'own';
    world.shared.set(variable, { slots, reads: reach, writes: reach });
    scope.declare({ variable, kept: true });
    return { variable, bytes: contents(type, length, choices) };
  });
}

/** Declare constants and private variables. */
export function ownVariables(scope: Scope): Variable[] {
  const { world, choices } = scope;
  const made: Variable[] = [];
  const add = (variable: Variable): void => {
    scope.declare({ variable });
    made.push(variable);
  };
  const initial = (type: Type) => expression(scope, type, { depth: 2, constant: true, pure: true });
  for (let i = choices.integer(0, 2); i > 0; i--) {
    const type = variableType(world);
    add({ name: `K${i}`, type, space: 'const', initial: initial(type) });
  }
  for (let i = choices.integer(0, 3); i > 0; i--) {
    const type = variableType(world);
    add({ name: `p${i}`, type, space: 'private', ...(choices.bool() ? { initial: initial(type) } : {}) });
  }
  return made;
}

/** Declare workgroup arrays, of which each invocation owns some elements. */
export function workgroupArrays(scope: Scope, count: number, invocations: number): Variable[] {
  const { world, choices } = scope;
  return choices.list(count, (i) => {
    const slots = choices.integer(1, 2);
    const type: Type = { kind: 'array', of: valueType(world), length: slots * invocations };
    const variable: Variable = { name: `w${i}`, type, space: 'workgroup' };
    const reach = invocations === 1 ? 'all' : 'own';
    world.shared.set(variable, { slots, reads: reach, writes: reach });
    scope.declare({ variable, kept: true });
    return variable;
  });
}

/** Return a parameter that is the number of an invocation. */
export const numberParameter = (name: string): Variable => ({ name, type: U32, space: 'parameter' });
