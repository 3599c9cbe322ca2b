/** Evaluation sets in files, and the line on a task that has too few problems. */
import { readFileSync } from 'node:fs';
import { problemOf } from '../base/errors.ts';
import { BadOptionError } from '../base/options.ts';
import { withFileErrors } from '../runs/fileError.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';
import { parsedProblems } from '../training/heldOut.ts';

/** Say that a task has only so many problems. */
export const shortageText = (found: number): string =>
  `There are only ${found} such held-out problems: taking all`;

/** Say how many problems there are if fewer than asked for; nothing otherwise. */
export function shortage(problems: readonly TaskProblem[], size: number): string[] {
  return problems.length < size ? [shortageText(problems.length)] : [];
}

/**
 * Read the problems of a file, such as the evaluation.jsonl of a run.
 * @throws FileError; BadOptionError for a problem that the task has no prompt for; and as `parsedProblems` does
 */
export function problemsOf(path: string, task: Task): readonly TaskProblem[] {
  const text = withFileErrors(path, () => readFileSync(path, 'utf8'));
  const problems = parsedProblems(text, path, task);
  for (const [i, problem] of problems.entries()) {
    try {
      task.prompt(problem);
    } catch (error) {
      const fix = 'give the evaluation.jsonl of a run of this task';
      throw new BadOptionError('--eval_set', `${path}, problem ${i + 1}: ${problemOf(error)}`, fix);
    }
  }
  return problems;
}
