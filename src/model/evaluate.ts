/** Accuracy on given problems, from one answer to each or from many samples. */
import { expectNames } from '../base/arguments.ts';
import { MathformerError } from '../base/errors.ts';
import { checkedTask } from '../tasks/checked.ts';
import type { Outcome, Task, TaskProblem } from '../tasks/task.ts';
import type { Completion, CompletionSampler } from './sampler.ts';

/** Options of an evaluation. */
export interface EvaluateOptions {
  /** Makes the prompts, and grades the answers. The sampler must end completions at the `eos` of its tokenizer. */
  readonly task: Task;
  /** Maximum number of tokens of a completion. */
  readonly maxNewTokens?: number;
  /** 0, the default, decodes greedily. */
  readonly temperature?: number;
  readonly seed?: number;
  /** Number of problems per call of the sampler. */
  readonly batchSize?: number;
  /** Called with the number of finished completions. */
  readonly onProgress?: (done: number) => void;
}

/** Graded answers to problems. */
export interface Evaluation {
  /** True for each correctly answered problem, in order. */
  readonly correct: boolean[];
  readonly outcomes: Outcome[];
  readonly completions: Completion[];
  /** Share of correct answers; 0 without problems. */
  readonly accuracy: number;
}

const NAMES = 'task maxNewTokens temperature seed batchSize onProgress'.split(' ');

/** Answer every problem once, from the task's prompt, and grade the answers. */
export async function evaluate(
  sampler: CompletionSampler,
  problems: readonly TaskProblem[],
  options: EvaluateOptions,
): Promise<Evaluation> {
  expectNames('evaluate', options, NAMES);
  return answerOnce(sampler, problems, options, 0);
}

/** Distance between the sequence ids of two rounds of samples, which determine their random numbers. */
const ROUND = 2 ** 20;

/** Options of `countCorrect`. */
export interface SampleCountOptions extends EvaluateOptions {
  /** Number of completions of each problem, 1 to 4096. */
  readonly samples: number;
}

/**
 * Count the right ones among `samples` completions of each problem, for `passAtK`. Default temperature: 1. Sample j of problem
 * i depends only on the model, the seed, i and j, so more samples keep the earlier ones.
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
  const { maxNewTokens = 256, temperature = 0, seed = 0, batchSize = 256, onProgress } = options;
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
    const sampling = { maxNewTokens, temperature, seed, firstSequenceId: firstId + first };
    const answers = await sampler.generate(prompts, sampling);
    completions.push(...answers.map((answer) => ({ ...answer, prompt: first + answer.prompt })));
    onProgress?.(completions.length);
  }
  const outcomes = problems.map((problem, i) => task.grade(problem, completions[i]?.tokens ?? []).outcome);
  const correct = outcomes.map((outcome) => outcome === 'correct');
  const accuracy = problems.length === 0 ? 0 : correct.filter(Boolean).length / problems.length;
  return { correct, outcomes, completions, accuracy };
}
