/** Completions as people look at them, with what became of each. */
import type { Task, TaskProblem } from '../tasks/task.ts';
import { areEqual } from './advantages.ts';
import type { Rollout } from './rollout.ts';

/** A completion of a rollout. */
export interface SampleRow {
  /** The problem's expression. */
  readonly prompt: string;
  readonly completion: string;
  /** What was answered; null without an answer. */
  readonly answer: string | null;
  readonly expected: string;
  readonly reward: number;
  readonly advantage: number;
  /** Whether it was cut off. */
  readonly truncated: boolean;
}

/** How many problems, and completions of each. */
const GROUPS = 2;
const COMPLETIONS = 4;

/** The first completions of a few problems: of those whose rewards differ, if there are enough. */
export function sampleRows(
  { problems, completions, rewards }: Rollout,
  advantages: ArrayLike<number>,
  { task, groupSize }: { readonly task: Task; readonly groupSize: number },
): SampleRow[] {
  const groups = Array.from({ length: completions.length / groupSize }, (_, i) => i * groupSize);
  const teaches = (first: number): boolean => !areEqual(rewards.slice(first, first + groupSize));
  const shown = [...groups.filter(teaches), ...groups.filter((first) => !teaches(first))].slice(0, GROUPS);
  return shown.flatMap((first) =>
    Array.from({ length: Math.min(groupSize, COMPLETIONS) }, (_, member) => {
      const i = first + member;
      const { prompt = 0, tokens = [], finished = false } = completions[i] ?? {};
      const problem = problems[prompt] as TaskProblem;
      return {
        prompt: problem.expression,
        completion: task.tokenizer.decode(tokens),
        answer: task.grade(problem, tokens).answer,
        expected: problem.answer,
        reward: rewards[i] ?? Number.NaN,
        advantage: advantages[i] ?? Number.NaN,
        truncated: !finished,
      };
    }),
  );
}
