/** The problems that models are judged by. */
import { readFileSync } from 'node:fs';
import { parseEvaluationSet } from '../math/evaluationSet.ts';
import { BadOptionError } from '../options.ts';
import { withFileErrors } from '../runs/fileError.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';

/** The first `size` held-out problems of a task. @throws BadOptionError if there are fewer. */
export function heldOut(task: Task, size: number): readonly TaskProblem[] {
  const problems = task.heldOut(size);
  if (problems.length >= size) return problems;
  const fix = 'lower --eval_size, raise --max_digits or --max_depth, or allow more --operators';
  throw new BadOptionError('--eval_size', `there are only ${problems.length} such held-out problems`, fix);
}

/**
 * The problems of a file, such as the evaluation.jsonl of a run.
 * @throws FileError, EvaluationSetError for an arithmetic one, or BadOptionError naming the line.
 */
export function problemsOf(path: string, task: Task): readonly TaskProblem[] {
  const text = withFileErrors(path, () => readFileSync(path, 'utf8'));
  if (task.name === 'arithmetic') return parseEvaluationSet(text);
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const problems = lines.map(problemOf);
  const odd = problems.indexOf(undefined);
  if (odd < 0 && lines.length > 0) return problems.filter((problem) => problem !== undefined);
  const problem = `${path}, line ${Math.max(odd, 0) + 1}: there is no {"expression": …, "answer": …}`;
  throw new BadOptionError('--eval_set', problem, 'give the evaluation.jsonl of a run of this task');
}

function problemOf(line: string): TaskProblem | undefined {
  try {
    const { expression, answer } = JSON.parse(line) as Record<string, unknown>;
    return typeof expression === 'string' && typeof answer === 'string' ? { expression, answer } : undefined;
  } catch {
    return undefined;
  }
}
