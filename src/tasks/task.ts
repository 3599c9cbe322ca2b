/** The interface of tasks: problems, their prompts, and the grading of answers. Trainers use only this interface. */
import { MathformerError } from '../base/errors.ts';
import type { RandomStream } from '../base/randomStream.ts';

/** Convert between text and token ids. Ids are 0 … vocabSize − 1. */
export interface Tokenizer {
  /** The `vocabSize` of the model. */
  readonly vocabSize: number;
  /** The id that ends a completion. */
  readonly eos: number;
  /** The id at the start of every prompt, if there is one. */
  readonly bos?: number;
  /** Return the token ids of a text. @throws Error for text outside of the vocabulary. */
  encode(text: string): number[];
  /** Return the text of token ids. @throws Error for an id outside of the vocabulary. */
  decode(ids: Iterable<number>): string;
}

/** A problem. Tasks may add fields. */
export interface TaskProblem {
  /** The problem, as people write it. */
  readonly expression: string;
  /** A right answer, as the model must write it. */
  readonly answer: string;
}

/** A worked problem for supervised training. */
export interface Example {
  /** Token ids, from the prompt to `eos`. */
  readonly tokens: readonly number[];
  /** Number of tokens of the prompt. The loss covers the tokens after it. */
  readonly promptLength: number;
}

/** The ways in which a completion ends. */
export const OUTCOMES = ['correct', 'wrong', 'no answer', 'unfinished'] as const;
/** One of `OUTCOMES`. */
export type Outcome = (typeof OUTCOMES)[number];

/** The verdict on a completion. */
export interface Graded {
  readonly outcome: Outcome;
  /** The answer of the completion; null without one. */
  readonly answer: string | null;
}

/**
 * A task. Problems and examples depend only on the random numbers that they are drawn from, so that a seed and an index are
 * enough to repeat or resume a run.
 */
export interface Task<Problem extends TaskProblem = TaskProblem> {
  readonly name: string;
  readonly tokenizer: Tokenizer;
  /** Names of the levels of difficulty, at least one. Without a curriculum, training uses the last level. */
  readonly levels: readonly string[];
  /** Draw a training problem of the level with this index. It must not be one that `heldOut` can return. */
  draw(random: RandomStream, level: number): Problem;
  /** Return the same distinct problems every time, for evaluation; fewer than `size` if there are no more. */
  heldOut(size: number): readonly TaskProblem[];
  /** Return the token ids that a completion continues. */
  prompt(problem: TaskProblem): readonly number[];
  /** Return a problem with its solution as an example, in one of the forms to learn. */
  example(problem: Problem, random: RandomStream): Example;
  /** Grade the sampled tokens of a completion, without its prompt. */
  grade(problem: TaskProblem, completion: readonly number[]): Graded;
  /** Parse a problem that a person writes, for `generate`. @throws Error if the text is not a problem. */
  problemOf?(text: string): Problem;
  /** Parse and check held-out problems in JSON lines. Without it, every line needs an `expression` and an `answer`. */
  parseHeldOut?(lines: string): readonly TaskProblem[];
  /** Return the partial credit of a completion, from 0 to 1, for the reward `partial`. */
  partialCredit?(problem: Problem, completion: readonly number[]): number;
}

/** @throws MathformerError if the size of the model's vocabulary is not the task's. */
export function checkVocabulary(
  { name, tokenizer }: Task,
  { vocabSize }: { readonly vocabSize: number },
): void {
  if (vocabSize === tokenizer.vocabSize) return;
  throw new MathformerError(
    `the model's vocabulary has ${vocabSize} tokens, that of the task ${name} ${tokenizer.vocabSize}`,
    { code: 'WRONG_VOCABULARY', where: name, fix: `give a model of vocabSize ${tokenizer.vocabSize}` },
  );
}
