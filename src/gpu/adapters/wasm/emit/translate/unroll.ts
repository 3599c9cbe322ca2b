/**
 * Loops that are unrolled: those of a known, small number of turns that index arrays of the function by their counter, so that the
 * arrays' elements become variables of their own.
 */
import { constantOf } from '../value.ts';
import { type Context, single } from './context.ts';
import { factsOf, type Loop } from './loopFacts.ts';
import { isInMemory } from './variables.ts';

/** Most turns, and most turns times statements. */
const MOST_TURNS = 32;
const MOST_STATEMENTS = 256;

/** Return the number of turns of a loop that is to be unrolled; undefined for others. */
export function tripCount(context: Context, loop: Loop): number | undefined {
  const { counter, statements, indexed } = factsOf(loop);
  if (!counter?.limitIsFixed || counter.step.kind !== 'literal') return undefined;
  const { variable, limit, operator } = counter;
  const step = Number(counter.step.value);
  const home = context.homes.get(variable);
  if (home?.kind !== 'slots') return undefined;
  const start = constantOf(context.builder.value(home.first));
  if (start === undefined) return undefined;
  const end = constantOf(single(context, limit));
  if (end === undefined || !(step > 0)) return undefined;
  const unsigned = variable.type.kind === 'scalar' && variable.type.of === 'u32';
  const distance = unsigned ? (end >>> 0) - (start >>> 0) : end - start;
  const turns = Math.max(0, Math.ceil((operator === '<=' ? distance + 1 : distance) / step));
  if (turns <= 1) return turns;
  if (turns > MOST_TURNS || turns * statements > MOST_STATEMENTS) return undefined;
  return [...indexed].some((root) => !isInMemory(context, root)) ? turns : undefined;
}
