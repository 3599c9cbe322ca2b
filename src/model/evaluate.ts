/** Accuracy on given problems. */
import type { Outcome } from '../math/grader.ts';
import { ARITHMETIC } from '../tasks/arithmetic.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';
import type { Completion, Sampler } from './sampler.ts';

/** How the answers are generated. */
export interface EvaluateOptions {
  /** Whose prompts and grades: arithmetic unless given. The sampler must know its end. */
  readonly task?: Task;
  /** Most tokens of a completion. */
  readonly maxNew?: number;
  /** 0, the default, decodes greedily. */
  readonly temperature?: number;
  readonly seed?: number;
  /** Problems generated at a time. */
  readonly batchSize?: number;
  /** Told how many problems are done. */
  readonly onProgress?: (done: number) => void;
}

/** Answers to the problems, graded. */
export interface Evaluation {
  /** For each problem, in order. */
  readonly correct: boolean[];
  readonly outcomes: Outcome[];
  readonly completions: Completion[];
  /** Share of correct answers; 0 without problems. */
  readonly accuracy: number;
}

/** Answers every problem once, from the task's prompt, and grades the answers. */
export async function evaluate(
  sampler: Sampler,
  problems: readonly TaskProblem[],
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const { maxNew = 256, temperature = 0, seed = 0, batchSize = 256, onProgress } = options;
  const task: Task = options.task ?? ARITHMETIC;
  const completions: Completion[] = [];
  for (let first = 0; first < problems.length; first += batchSize) {
    const batch = problems.slice(first, first + batchSize);
    const prompts = batch.map((problem) => task.prompt(problem));
    const answers = await sampler.generate(prompts, { maxNew, temperature, seed, firstSequenceId: first });
    completions.push(...answers.map((answer) => ({ ...answer, prompt: first + answer.prompt })));
    onProgress?.(completions.length);
  }
  const outcomes = problems.map((problem, i) => task.grade(problem, completions[i]?.tokens ?? []).outcome);
  const correct = outcomes.map((outcome) => outcome === 'correct');
  const accuracy = problems.length === 0 ? 0 : correct.filter(Boolean).length / problems.length;
  return { correct, outcomes, completions, accuracy };
}
