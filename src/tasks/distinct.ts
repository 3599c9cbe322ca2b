/** Distinct problems out of a stream that may repeat itself. */
import type { TaskProblem } from './task.ts';

/**
 * The first `size` problems with different expressions; fewer once new ones have become so rare that there are
 * probably none left: with n found and one left, the chance of missing it is e^-10.
 * @param draw the problem of this index, if there is one.
 */
export function distinct<Problem extends TaskProblem>(
  size: number,
  draw: (index: number) => Problem | undefined,
): Problem[] {
  const found = new Map<string, Problem>();
  let misses = 0;
  for (let index = 0; found.size < size && misses <= 1_000 + 10 * found.size; index++) {
    const problem = draw(index);
    if (!problem || found.has(problem.expression)) misses += 1;
    else {
      misses = 0;
      found.set(problem.expression, problem);
    }
  }
  return [...found.values()];
}
