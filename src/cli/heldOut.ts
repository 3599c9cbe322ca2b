/** The problems that models are judged by. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BadOptionError } from '../base/options.ts';
import { RandomStream } from '../base/randomStream.ts';
import { withFileErrors } from '../runs/fileError.ts';
import { parseEvaluationSet } from '../tasks/arithmetic/evaluationSet.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';

/** Fewer problems than these are a random part of them; the first ones are easier than the rest. */
const WHOLE = 1000;
/** Keeps the choice of a part apart from the draws of problems. */
const PART_STREAM = 2;

/** The file of a run with the problems that it is judged by. */
export const EVALUATION_FILE = 'evaluation.jsonl';

/**
 * Held-out problems of a task, the same ones every time: the first `size` of them, or for less than a thousand a part of
 * the first thousand that a fixed seed chooses, in their order. A smaller part lies within a larger one. Where a task
 * has fewer problems, all of them.
 * @throws BadOptionError if it has none.
 */
export function heldOut(task: Task, size: number): readonly TaskProblem[] {
  const whole = task.heldOut(Math.max(size, WHOLE));
  if (whole.length === 0) {
    const fix = 'allow more problems: larger numbers, deeper expressions, more operators';
    throw new BadOptionError('--eval_size', `the task ${task.name} has no held-out problems`, fix);
  }
  if (size >= whole.length) return whole;
  return randomPart(whole, size).map(renumbered);
}

/** A line that says so if there are fewer held-out problems than were asked for. */
export function shortage(problems: readonly TaskProblem[], size: number): string[] {
  return problems.length < size
    ? [`There are only ${problems.length} such held-out problems: taking all`]
    : [];
}

/** The problems that a run was begun with, or else those of its task: a run is judged by the same ones to its end. */
export function heldOutOfRun(
  task: Task,
  size: number,
  directory: string | undefined,
): readonly TaskProblem[] {
  const path = directory === undefined ? undefined : join(directory, EVALUATION_FILE);
  if (path === undefined || !existsSync(path)) return heldOut(task, size);
  // Problems as the task makes them, where it still does: a file holds of each only what JSON can say.
  const made = new Map(task.heldOut(Math.max(size, WHOLE)).map((problem) => [problem.expression, problem]));
  return problemsOf(path, task).map((row, id) => {
    const problem = made.get(row.expression);
    return problem ? renumbered(problem, id) : row;
  });
}

/** The first `size` of a shuffled list, in the order of the list. */
function randomPart<Item>(items: readonly Item[], size: number): Item[] {
  const keyed = items.map((item, at) => {
    const random = new RandomStream({ seed: 0, stream: PART_STREAM, item: at });
    return { item, at, key: random.nextUint32() };
  });
  const chosen = keyed.toSorted((a, b) => a.key - b.key).slice(0, size);
  return chosen.toSorted((a, b) => a.at - b.at).map(({ item }) => item);
}

/** Rows of an evaluation set count from 0, as parts of one do. */
function renumbered(problem: TaskProblem, id: number): TaskProblem {
  return 'id' in problem && typeof problem.id === 'number' ? Object.assign({ ...problem }, { id }) : problem;
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
    const row = JSON.parse(line) as Record<string, unknown>;
    const { expression, answer } = row;
    const isProblem = typeof expression === 'string' && typeof answer === 'string';
    return isProblem ? { ...row, expression, answer } : undefined;
  } catch {
    return undefined;
  }
}
