/** The problems that models are evaluated on. */
import { jsonObject } from '../base/json.ts';
import { BadOptionError } from '../base/options.ts';
import { RandomStream } from '../base/randomStream.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';

/** Fewer problems than these are a random part of them; the first ones are easier than the rest. */
const WHOLE = 1000;
/** Keeps the choice of a part apart from the draws of problems. */
const PART_STREAM = 2;

/** The file of a run with the problems that it is evaluated on. */
export const EVALUATION_FILE = 'evaluation.jsonl';

/**
 * Take held-out problems of a task, the same ones every time: the first `size` of them, or for less than a thousand a part of
 * the first thousand that a fixed seed chooses, in their order. A smaller part lies within a larger one. If the task
 * has fewer problems, take all of them.
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

/**
 * Take the problems that a run was begun with, or those of its task if it has none yet: a run is evaluated on the same
 * ones to its end.
 * @param kept the run's `EVALUATION_FILE` and the name that errors have for it; undefined without one.
 */
export function heldOutOfRun(
  task: Task,
  size: number,
  kept: { readonly text: string; readonly path: string } | undefined,
): readonly TaskProblem[] {
  if (kept === undefined) return heldOut(task, size);
  // Problems as the task makes them, where it still does: a file holds of each only what JSON can say.
  const made = new Map(task.heldOut(Math.max(size, WHOLE)).map((problem) => [problem.expression, problem]));
  return parsedProblems(kept.text, kept.path, task).map((row, id) => {
    const problem = made.get(row.expression);
    return problem ? renumbered(problem, id) : row;
  });
}

/**
 * Parse problems in JSON lines, such as the evaluation.jsonl of a run.
 * @param path names the file in errors.
 * @throws BadOptionError naming the line, or what the task throws.
 */
export function parsedProblems(text: string, path: string, task: Task): readonly TaskProblem[] {
  if (task.parseHeldOut) return task.parseHeldOut(text);
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const problems = lines.map(problemOf);
  const odd = problems.indexOf(undefined);
  if (odd < 0 && lines.length > 0) return problems.filter((problem) => problem !== undefined);
  const problem = `${path}, line ${Math.max(odd, 0) + 1}: there is no {"expression": …, "answer": …}`;
  throw new BadOptionError('--eval_set', problem, 'give the evaluation.jsonl of a run of this task');
}

/** Choose `size` items by a fixed seed, in the order of the list. */
function randomPart<Item>(items: readonly Item[], size: number): Item[] {
  const keyed = items.map((item, at) => {
    const random = new RandomStream({ seed: 0, stream: PART_STREAM, item: at });
    return { item, at, key: random.nextUint32() };
  });
  const chosen = keyed.toSorted((a, b) => a.key - b.key).slice(0, size);
  return chosen.toSorted((a, b) => a.at - b.at).map(({ item }) => item);
}

/** Number a problem by its row: rows of an evaluation set count from 0, as parts of one do. */
function renumbered(problem: TaskProblem, id: number): TaskProblem {
  return 'id' in problem && typeof problem.id === 'number' ? Object.assign({ ...problem }, { id }) : problem;
}

function problemOf(line: string): TaskProblem | undefined {
  const row = jsonObject(line);
  const { expression, answer } = row ?? {};
  const isProblem = typeof expression === 'string' && typeof answer === 'string';
  return isProblem ? { ...row, expression, answer } : undefined;
}
