/** Accuracy on given problems: of one answer to each, or of many samples. */
import { expectNames } from '../base/arguments.ts';
import { MathformerError } from '../base/errors.ts';
import { checkedTask } from '../tasks/checked.ts';
import type { Outcome, Task, TaskProblem } from '../tasks/task.ts';
import type { Completion, CompletionSampler } from './sampler.ts';

/** How the answers are generated. */
export interface EvaluateOptions {
  /** Asks and grades. The sampler must end completions at the `eos` of its tokenizer. */
  readonly task: Task;
  /** Most tokens of a completion. */
  readonly maxNew?: number;
  /** 0, the default, decodes greedily. */
  readonly temperature?: number;
  readonly seed?: number;
  /** Problems generated at a time. */
  readonly batchSize?: number;
  /** Told how many completions are done. */
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

/** The names of the options. */
const NAMES: readonly (keyof EvaluateOptions)[] = [
  'task',
  'maxNew',
  'temperature',
  'seed',
  'batchSize',
  'onProgress',
];

/** Answers every problem once, from the task's prompt, and grades the answers. */
export async function evaluate(
  sampler: CompletionSampler,
  problems: readonly TaskProblem[],
  options: EvaluateOptions,
): Promise<Evaluation> {
  expectNames('evaluate', options, NAMES);
  return answerOnce(sampler, problems, options, 0);
}

/** Sequences of one round of samples draw their random numbers as these ids and those that follow. */
const ROUND = 2 ** 20;

/** How the samples are drawn. */
export interface SampleCountOptions extends EvaluateOptions {
  /** Completions of each problem, 1 to 4096. */
  readonly samples: number;
}

/**
 * How many of `samples` completions of each problem are right, at temperature 1 unless given: what `passAtK` wants.
 * Sample j of problem i depends on the model, the seed, i and j alone, so more samples keep those drawn before.
 * @throws MathformerError for more than 2^20 problems, or more samples than 4096.
 */
export async function countCorrect(
  sampler: CompletionSampler,
  problems: readonly TaskProblem[],
  options: SampleCountOptions,
): Promise<number[]> {
  expectNames('countCorrect', options, [...NAMES, 'samples']);
  const { samples, temperature = 1, onProgress } = options;
  if (problems.length > ROUND || !(Number.isInteger(samples) && samples >= 1 && samples * ROUND <= 2 ** 32)) {
    throw new MathformerError(`cannot draw ${samples} samples of ${problems.length} problems`, {
      code: 'BAD_OPTION',
      where: 'countCorrect',
      fix: 'draw 1 to 4096 samples of at most 1048576 problems',
    });
  }
  const counts = problems.map(() => 0);
  for (let sample = 0; sample < samples; sample++) {
    const before = sample * problems.length;
    const round = { ...options, temperature, onProgress: (done: number) => onProgress?.(before + done) };
    const { correct } = await answerOnce(sampler, problems, round, sample * ROUND);
    for (const [i, right] of correct.entries()) if (right) counts[i] = (counts[i] ?? 0) + 1;
  }
  return counts;
}

async function answerOnce(
  sampler: CompletionSampler,
  problems: readonly TaskProblem[],
  options: EvaluateOptions,
  firstId: number,
): Promise<Evaluation> {
  const { maxNew = 256, temperature = 0, seed = 0, batchSize = 256, onProgress } = options;
  const task = checkedTask(options.task);
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new MathformerError(`batchSize is ${batchSize}, not a positive integer`, {
      code: 'BAD_OPTION',
      where: 'evaluate',
      fix: 'give the number of problems to generate at a time, such as 256',
    });
  }
  const completions: Completion[] = [];
  for (let first = 0; first < problems.length; first += batchSize) {
    const batch = problems.slice(first, first + batchSize);
    const prompts = batch.map((problem) => task.prompt(problem));
    const sampling = { maxNew, temperature, seed, firstSequenceId: firstId + first };
    const answers = await sampler.generate(prompts, sampling);
    completions.push(...answers.map((answer) => ({ ...answer, prompt: first + answer.prompt })));
    onProgress?.(completions.length);
  }
  const outcomes = problems.map((problem, i) => task.grade(problem, completions[i]?.tokens ?? []).outcome);
  const correct = outcomes.map((outcome) => outcome === 'correct');
  const accuracy = problems.length === 0 ? 0 : correct.filter(Boolean).length / problems.length;
  return { correct, outcomes, completions, accuracy };
}
