/**
 * What a model can be trained on: problems, how they are put to the model, and what counts as an answer. The trainers
 * know this interface alone.
 */
import { MathformerError } from '../base/errors.ts';
import type { RandomStream } from '../base/randomStream.ts';

/** Between texts and token ids. Ids are 0 … vocabSize − 1. */
export interface Tokenizer {
  /** The `vocabSize` of the model. */
  readonly vocabSize: number;
  /** The id that ends a completion. */
  readonly eos: number;
  /** The id that every prompt begins with, if there is one. */
  readonly bos?: number;
  /** Token ids of a text. @throws for a text that has none. */
  encode(text: string): number[];
  /** The text of token ids. @throws for an id that is no token. */
  decode(ids: Iterable<number>): string;
}

/** A problem; tasks add what they need. */
export interface TaskProblem {
  /** What is asked, as people write it. */
  readonly expression: string;
  /** A right answer, as the model has to write it. */
  readonly answer: string;
}

/** A worked problem for supervised training. */
export interface Example {
  /** Token ids, from the prompt to `eos`. */
  readonly tokens: readonly number[];
  /** How many of them are the prompt; the loss belongs on the others. */
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
 * A task. Problems and examples are functions of the random numbers that they are drawn from, so that a run can be
 * repeated, and gone on with, from a seed and a number.
 */
export interface Task<Problem extends TaskProblem = TaskProblem> {
  readonly name: string;
  readonly tokenizer: Tokenizer;
  /** Names of the levels of difficulty, at least one; the last one is what is trained on unless something says otherwise. */
  readonly levels: readonly string[];
  /** A problem for training of the level of this index; none that `heldOut` could give. */
  draw(random: RandomStream, level: number): Problem;
  /** The same distinct problems every time, for evaluation; fewer than `size` if there are no more. */
  heldOut(size: number): readonly TaskProblem[];
  /** The token ids that a completion continues. */
  prompt(problem: TaskProblem): readonly number[];
  /** A problem with its solution, in any of the forms that are to be learnt. */
  example(problem: Problem, random: RandomStream): Example;
  /** Grades the sampled tokens of a completion, without its prompt. */
  grade(problem: TaskProblem, completion: readonly number[]): Graded;
  /** Read a problem that a person writes, as `generate` is given it. @throws Error for a text that is none. */
  problemOf?(text: string): Problem;
  /** Parse and check held-out problems in JSON lines. Without it, every line needs an `expression` and an `answer`. */
  parseHeldOut?(lines: string): readonly TaskProblem[];
  /** How far a completion came, from 0 to 1, for a task that can tell: the reward `partial`. */
  partialCredit?(problem: Problem, completion: readonly number[]): number;
}

/** @throws MathformerError if a model of this config cannot have the task's tokens. */
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
