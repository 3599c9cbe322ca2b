/** Evaluation sets in files, and the line on a task that has too few problems. */
import { readFileSync } from 'node:fs';
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
 * @throws FileError, and as `parsedProblems` does
 */
export function problemsOf(path: string, task: Task): readonly TaskProblem[] {
  return parsedProblems(
    withFileErrors(path, () => readFileSync(path, 'utf8')),
    path,
    task,
  );
}
