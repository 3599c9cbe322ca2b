/** The property of fuzzed programs: who runs one gets what the evaluator gets. */

import fc, { type IAsyncProperty } from 'fast-check';
import { type Fuzzed, programs, textOf } from './arbitrary.ts';
import { firstDifference } from './differences.ts';
import type { Kind } from './generate/index.ts';
import type { Judge } from './judges.ts';
import type { Program } from './program.ts';
import { type Result, run } from './run.ts';
import { UnfitProgram } from './touches.ts';

/** Kinds of programs, by what they have. */
export const KINDS = {
  plain: { barriers: false, floats: true },
  barriers: { barriers: true, floats: true },
  integers: { barriers: false, floats: false },
} as const satisfies Record<string, Kind>;

/** Return the property that a judge agrees with the evaluator about programs of a kind. */
export function agreement(judge: Judge, kind: Kind): IAsyncProperty<[Fuzzed]> {
  return fc.asyncProperty(programs(kind), async (fuzzed) => {
    const { program } = fuzzed;
    const { contents, inRange } = evaluated(program);
    // A smaller program may leave the range that the whole one kept.
    fc.pre(inRange || !kind.inRange);
    const difference = firstDifference(program, contents, await judge(program, textOf(fuzzed)));
    if (difference) throw new Error(difference);
  });
}

/** Run a program in the evaluator. One that is no test is skipped. */
function evaluated(program: Program): Result {
  try {
    return run(program);
  } catch (error) {
    fc.pre(!(error instanceof UnfitProgram));
    throw error;
  }
}

/** Return the text of the smallest program that fails, and why; undefined if none failed. */
export async function failureOf(
  judge: Judge,
  kind: Kind,
  parameters: fc.Parameters<[Fuzzed]>,
): Promise<string | undefined> {
  const details = await fc.check(agreement(judge, kind), parameters);
  if (!details.failed) return undefined;
  const { counterexample, errorInstance, seed } = details;
  const text = counterexample ? textOf(counterexample[0]) : '';
  const problem = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return `seed ${seed}: ${problem}\n${text}`;
}
