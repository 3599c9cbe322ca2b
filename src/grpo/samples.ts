/** Rows of a table of completions, for people to read. */
import type { Task, TaskProblem } from '../tasks/task.ts';
import { areEqual } from './advantages.ts';
import type { Rollout } from './rollout.ts';

/** A completion with its problem, reward and advantage. */
export interface SampleRow {
  /** The problem's expression. */
  readonly prompt: string;
  readonly completion: string;
  /** The answer in the completion; null without one. */
  readonly answer: string | null;
  readonly expected: string;
  readonly reward: number;
  readonly advantage: number;
  /** True if the completion was cut off before its end. */
  readonly truncated: boolean;
}

/** Maximum number of problems, and of completions for each problem. */
const GROUPS = 2;
const COMPLETIONS = 4;

/** Return the index of the first completion of each group: groups whose rewards differ come before all others. */
export function groupsToShow(rewards: readonly number[], groupSize: number): number[] {
  const groups = Array.from({ length: rewards.length / groupSize }, (_, i) => i * groupSize);
  const teaches = (first: number): boolean => !areEqual(rewards.slice(first, first + groupSize));
  return [...groups.filter(teaches), ...groups.filter((first) => !teaches(first))];
}

/** Return the first completions of the first few problems; problems whose rewards differ come before all others. */
export function sampleRows(
  { problems, completions, rewards }: Rollout,
  advantages: ArrayLike<number>,
  { task, groupSize }: { readonly task: Task; readonly groupSize: number },
): SampleRow[] {
  return groupsToShow(rewards, groupSize)
    .slice(0, GROUPS)
    .flatMap((first) =>
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
