/** Collect distinct problems from a stream that may repeat some. */
import type { TaskProblem } from './task.ts';

/** A draw without a problem has tried long itself, and so counts as this many that repeat one. */
const FAILED_DRAW = 50;

/**
 * Return the first `size` problems with different expressions, or fewer if there are probably no more: with one problem left,
 * the probability of missing it is e^-10.
 * @param draw returns the problem of an index, if there is one.
 */
export function distinct<Problem extends TaskProblem>(
  size: number,
  draw: (index: number) => Problem | undefined,
): Problem[] {
  const found = new Map<string, Problem>();
  let misses = 0;
  for (let index = 0; found.size < size && misses <= 1_000 + 10 * found.size; index++) {
    const problem = draw(index);
    if (!problem) misses += FAILED_DRAW;
    else if (found.has(problem.expression)) misses += 1;
    else {
      misses = 0;
      found.set(problem.expression, problem);
    }
  }
  return [...found.values()];
}
