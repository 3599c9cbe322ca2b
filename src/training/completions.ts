/** Answers to held-out problems, as a run keeps them in `<name>_completions.jsonl`. */
import type { Evaluation } from '../model/evaluate.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';

/** Name the file of an evaluation. */
export const completionsFile = (name: string): string => `${name}_completions.jsonl`;

/** Make a row of each problem: the completion, the expected answer, and the verdict. */
export function completionRows(
  task: Task,
  problems: readonly TaskProblem[],
  completions: Evaluation['completions'],
): object[] {
  return problems.map((problem, id) => {
    const tokens = completions[id]?.tokens ?? [];
    const { answer, outcome } = task.grade(problem, tokens);
    const { expression, answer: expected } = problem;
    return { id, expression, completion: task.tokenizer.decode(tokens), answer, expected, verdict: outcome };
  });
}

/** Tell whether a row has a correct answer. */
export const isCorrect = (row: unknown): boolean =>
  typeof row === 'object' && row !== null && 'verdict' in row && row.verdict === 'correct';
