/**
 * Arithmetic evaluated on all problems, those of training included. A published curve was measured so, with fresh problems
 * of a small space. The command line takes it as `--task experiments/everyProblem.ts`.
 */

import { RandomStream } from '../src/base/randomStream.ts';
import { drawProblem, type Problem } from '../src/tasks/arithmetic/generator.ts';
import { type ArithmeticOptions, arithmetic } from '../src/tasks/arithmetic/task.ts';
import { EVALUATION_ONE_IN } from '../src/tasks/split.ts';
import type { Task } from '../src/tasks/task.ts';

/** Return the task for these options. */
export function everyProblem(options: ArithmeticOptions): Task<Problem> {
  const { maxDigits, maxDepth, operators } = options;
  const task = arithmetic(options);
  return {
    ...task,
    name: 'arithmetic, every problem',
    heldOut: (size) =>
      Array.from({ length: size }, (_, item) => {
        const split = item % EVALUATION_ONE_IN === 0 ? 'evaluation' : 'training';
        return drawProblem(
          { maxDigits, maxDepth, operators } as object,
          split,
          new RandomStream({ seed: 1, stream: 0, item }),
        );
      }),
  };
}

export default everyProblem;
