/** Collect distinct problems from a stream that may repeat some. */
import type { TaskProblem } from './task.ts';

/** A draw without a problem has tried long itself, and so counts as this many that repeat one. */
const FAILED_DRAW = 50;

/**
 * Return the first `size` problems that differ, or fewer if there are probably no more: with one problem left, the
 * probability of missing it is e^-10.
 * @param draw returns the problem of an index, if there is one. @param keyOf returns a text that equal problems share.
 */
export function distinct<Problem extends TaskProblem>(
  size: number,
  draw: (index: number) => Problem | undefined,
  keyOf: (problem: Problem) => string = ({ expression }) => expression,
): Problem[] {
  const found = new Map<string, Problem>();
  let misses = 0;
  for (let index = 0; found.size < size && misses <= 1_000 + 10 * found.size; index++) {
    const problem = draw(index);
    if (!problem) misses += FAILED_DRAW;
    else if (found.has(keyOf(problem))) misses += 1;
    else {
      misses = 0;
      found.set(keyOf(problem), problem);
    }
  }
  return [...found.values()];
}
