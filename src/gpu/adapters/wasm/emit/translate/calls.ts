/** Calls of functions, whose bodies are put in the place of the call. */
import type { ShaderFunction } from '../../wgsl/tree.ts';
import type { Value } from '../value.ts';
import type { Context } from './context.ts';
import { zerosOf } from './leaves.ts';
import { translate } from './statements.ts';
import { declareValue } from './variables.ts';

/** Translate the body of a function for these arguments, and return the leaves of its result. */
export function inlineCall(
  context: Context,
  { parameters, returns, body }: ShaderFunction,
  values: readonly (readonly Value[])[],
): readonly Value[] {
  const { builder, frame, targets } = context;
  const result = builder.slots.length;
  for (const zero of returns ? zerosOf(builder, returns) : []) builder.declare(zero);
  const end = builder.slots.length;
  for (const [i, parameter] of parameters.entries()) declareValue(context, parameter, values[i] ?? []);
  builder.block((label) => {
    context.frame = { end: label, result };
    context.targets = { end: undefined, next: undefined };
    translate(context, body);
  });
  context.frame = frame;
  context.targets = targets;
  const leaves = builder.slots.slice(result, end);
  builder.slots.length = result;
  return leaves;
}
