/**
 * Loops that are unrolled: those of a known, small number of turns that index arrays of the function by their counter, so that the
 * arrays' elements become variables of their own.
 */
import { rootOf, visit } from '../../wgsl/index.ts';
import type { Expression, Reference } from '../../wgsl/tree.ts';
import { constantOf } from '../value.ts';
import { assignedVariables } from './assigned.ts';
import { type Context, single } from './context.ts';
import { counterOf, type Loop } from './counter.ts';
import { isInMemory } from './variables.ts';

/** Most turns, and most turns times statements. */
const MOST_TURNS = 32;
const MOST_STATEMENTS = 256;

/** Return the number of turns of a loop that is to be unrolled; undefined for others. */
export function tripCount(context: Context, loop: Loop): number | undefined {
  const counter = counterOf(loop);
  if (!counter) return undefined;
  const { variable, limit, operator } = counter;
  if (counter.step.kind !== 'literal') return undefined;
  const step = Number(counter.step.value);
  const home = context.homes.get(variable);
  if (home?.kind !== 'slots') return undefined;
  const start = constantOf(context.builder.value(home.first));
  if (start === undefined || assignsWhatItReads(loop, limit)) return undefined;
  const end = constantOf(single(context, limit));
  if (end === undefined || !(step > 0)) return undefined;
  const unsigned = variable.type.kind === 'scalar' && variable.type.of === 'u32';
  const distance = unsigned ? (end >>> 0) - (start >>> 0) : end - start;
  const turns = Math.max(0, Math.ceil((operator === '<=' ? distance + 1 : distance) / step));
  if (turns <= 1) return turns;
  if (turns > MOST_TURNS || turns * statementsIn(loop) > MOST_STATEMENTS) return undefined;
  return indexesLocals(context, loop) ? turns : undefined;
}

/** True if the limit may change in the loop. */
function assignsWhatItReads(loop: Loop, limit: Expression): boolean {
  const assigned = assignedVariables([loop]);
  let changes = false;
  visit([{ kind: 'evaluate', value: limit, at: loop.at }], {
    expression: ({ kind }) => {
      if (kind === 'call' || kind === 'atomic') changes = true;
    },
    reference: (reference) => {
      if (assigned.has(rootOf(reference))) changes = true;
    },
  });
  return changes;
}

function statementsIn(loop: Loop): number {
  let count = 0;
  visit([loop], {
    statement: () => {
      count++;
    },
  });
  return count;
}

/** True if the loop indexes an array that could be kept in locals. */
function indexesLocals(context: Context, loop: Loop): boolean {
  let found = false;
  const check = (reference: Reference): void => {
    const root = rootOf(reference);
    if ((root.space !== 'function' && root.space !== 'private') || isInMemory(context, root)) return;
    for (let part = reference; part.kind !== 'variable'; part = part.base) {
      if (part.kind === 'index' && part.index.kind !== 'literal' && part.base.type.kind === 'array')
        found = true;
    }
  };
  visit([loop], { reference: check });
  return found;
}
