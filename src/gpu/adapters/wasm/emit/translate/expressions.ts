/** Expressions as values. Operands are evaluated left to right. */

import { fail } from '../../wgsl/error.ts';
import type { Expression, Type } from '../../wgsl/tree.ts';
import { operandsOf } from '../../wgsl/visit.ts';
import { constantOf, type Value } from '../value.ts';
import { atomic } from './atomics.ts';
import { builtin } from './builtins.ts';
import { type Context, NeedsMemory, single } from './context.ts';
import { type Leaf, leafCount, leavesBefore, zerosOf } from './leaves.ts';
import { binary, convert, unary } from './operators.ts';
import { arrayLength, dynamicComponent, load, placeOf, store } from './places.ts';
import { component, splat, vectorOf } from './vectors.ts';

/** Return the leaves of an expression's value. */
export function evaluate(context: Context, expression: Expression): readonly Value[] {
  const { builder } = context;
  switch (expression.kind) {
    case 'literal': {
      const { value, type } = expression;
      return [type.of === 'f32' ? builder.f32(Number(value)) : builder.i32(Number(value))];
    }
    case 'load':
      return load(context, placeOf(context, expression.from));
    case 'element':
      return elementOf(context, expression);
    case 'field': {
      const { of, member, type } = expression;
      if (of.type?.kind !== 'struct') throw new Error('a field is of a struct');
      const first = leavesBefore(of.type, member);
      return context.evaluate(of).slice(first, first + leafCount(type));
    }
    case 'swizzle':
      return [swizzle(context, expression)];
    case 'unary':
      return [unary(builder, expression.operator, expression.type, single(context, expression.of))];
    case 'binary': {
      const a = single(context, expression.left);
      const b = single(context, expression.right);
      return [binary(builder, expression.operator, leafType(expression.left.type), a, b)];
    }
    case 'logical':
      return [logical(context, expression)];
    case 'splat':
      return [splat(builder, single(context, expression.of), expression.type.of)];
    case 'construct':
      return construct(context, expression);
    case 'convert': {
      const from = leafType(expression.of.type);
      return [convert(builder, expression.type, from, single(context, expression.of))];
    }
    case 'bitcast':
      return [bitcast(context, expression)];
    case 'builtin': {
      const operands = expression.arguments.map((argument) => ({
        value: single(context, argument),
        type: leafType(argument.type),
      }));
      return [builtin(builder, expression.name, operands, expression.at)];
    }
    case 'atomic':
      return atomic(context, expression);
    case 'arrayLength':
      return [arrayLength(context, expression.of)];
    case 'call': {
      const values = expression.arguments.map((argument) => context.evaluate(argument));
      return context.call(expression.function, values);
    }
    default:
      return expression satisfies never;
  }
}

function leafType(type: Type | undefined): Leaf {
  if (type?.kind !== 'scalar' && type?.kind !== 'vector')
    throw new Error('an operand is a scalar or a vector');
  return type;
}

type Kind<K extends Expression['kind']> = Extract<Expression, { kind: K }>;

function elementOf(context: Context, { of, index, type }: Kind<'element'>): readonly Value[] {
  const { builder } = context;
  const leaves = context.evaluate(of);
  const at = single(context, index);
  if (of.type?.kind === 'vector') {
    const [vector] = leaves;
    if (!vector) return [];
    return [dynamicComponent(context, vector, of.type, builder.clamp(at, builder.i32(of.type.size - 1)))];
  }
  if (of.type?.kind !== 'array') throw new Error('an element is of an array or a vector');
  const clamped = builder.clamp(at, builder.i32((of.type.length ?? 1) - 1));
  const constant = constantOf(clamped);
  const count = leafCount(type);
  if (constant !== undefined) return leaves.slice(constant * count, (constant + 1) * count);
  if (
    of.kind === 'load' &&
    of.from.kind === 'variable' &&
    context.homes.get(of.from.variable)?.kind !== 'memory'
  ) {
    throw new NeedsMemory(of.from.variable);
  }
  const home = context.reserve(of.type);
  store(context, { kind: 'memory', home, address: home.address, offset: home.offset, type: of.type }, leaves);
  const bytes = builder.op('i32.mul', clamped, builder.i32(of.type.stride));
  const address = builder.op('i32.add', home.address, bytes);
  return load(context, { kind: 'memory', home, address, offset: home.offset, type });
}

function swizzle(context: Context, { of, components, type }: Kind<'swizzle'>): Value {
  const { builder } = context;
  const [first = 0] = components;
  const source = leafType(of.type);
  if (source.kind === 'scalar') throw new Error('a swizzle is of a vector');
  if (type.kind === 'scalar') {
    // One component of a vector in memory is read alone.
    if (of.kind === 'load' && isInMemory(context, of)) {
      const from = { kind: 'component', base: of.from, component: first, type } as const;
      const [value] = load(context, placeOf(context, from));
      if (value) return value;
    }
    return component(builder, single(context, of), source.of, first);
  }
  const vector = single(context, of);
  return builder.shuffle(
    vector,
    vector,
    [0, 1, 2, 3].map((i) => components[i] ?? i),
  );
}

function isInMemory({ homes }: Context, { from }: Kind<'load'>): boolean {
  let root = from;
  while (root.kind !== 'variable') root = root.base;
  return homes.get(root.variable)?.kind === 'memory';
}

/** Short circuits are kept where the right operand could be seen to run; else both operands are cheaper than a jump. */
function logical(context: Context, { operator, left, right }: Kind<'logical'>): Value {
  const { builder } = context;
  const a = single(context, left);
  const known = constantOf(a);
  if (known !== undefined) return Boolean(known) === (operator === '&&') ? single(context, right) : a;
  if (isPlain(right)) return builder.op(operator === '&&' ? 'i32.and' : 'i32.or', a, single(context, right));
  const slot = builder.declare(a);
  const evaluateRight = () => {
    // First the value: evaluating it may replace the list of slots.
    const value = single(context, right);
    builder.slots[slot] = value;
  };
  if (operator === '&&') builder.ifElse(a, evaluateRight);
  else builder.ifElse(a, () => undefined, evaluateRight);
  const result = builder.value(slot);
  builder.slots.length = slot;
  return result;
}

/** True if an expression has no effect, reads nothing from memory but uniforms, and is short. */
export function isPlain(expression: Expression, budget = { left: 12 }): boolean {
  budget.left--;
  if (budget.left < 0) return false;
  switch (expression.kind) {
    case 'load': {
      let root = expression.from;
      while (root.kind !== 'variable') root = root.base;
      const { space } = root.variable;
      if (space !== 'value' && space !== 'function' && space !== 'private' && space !== 'uniform')
        return false;
      break;
    }
    case 'call':
    case 'atomic':
    case 'element':
      return false;
    default:
  }
  return operandsOf(expression).every((operand) => isPlain(operand, budget));
}

function construct(context: Context, { parts, type }: Kind<'construct'>): readonly Value[] {
  const { builder } = context;
  if (parts.length === 0) return zerosOf(builder, type);
  if (type.kind === 'scalar')
    return context.evaluate(parts[0] ?? fail({ line: 0, column: 0 }, 'a value of nothing'));
  if (type.kind !== 'vector') return parts.flatMap((part) => context.evaluate(part));
  const scalars = parts.flatMap((part) => {
    const of = leafType(part.type);
    const value = single(context, part);
    if (of.kind === 'scalar') return [value];
    return Array.from({ length: of.size }, (_, lane) => component(builder, value, of.of, lane));
  });
  return [vectorOf(builder, scalars, type.of)];
}

function bitcast(context: Context, { of, type }: Kind<'bitcast'>): Value {
  const { builder } = context;
  const value = single(context, of);
  const from = leafType(of.type);
  if (type.kind === 'vector' || (from.of === 'f32') === (type.of === 'f32')) return value;
  return builder.op(type.of === 'f32' ? 'f32.reinterpret_i32' : 'i32.reinterpret_f32', value);
}
