/**
 * Grade a completion. The answer is the text between the first `<answer>` and the first `<eos>`. Only the canonical form of
 * the exact value is correct.
 */

import type { Rational } from '../expressions/rational.ts';
import type { Outcome } from '../task.ts';
import { ANSWER, decode, EOS } from './tokenizer.ts';

/** A graded completion. */
export interface Grade {
  readonly reward: 0 | 1;
  readonly outcome: Outcome;
  /** The text between `<answer>` and `<eos>` (or the end, if unfinished); null without an `<answer>`. */
  readonly answer: string | null;
  /** True if the completion has `<eos>`. */
  readonly finished: boolean;
  /** The text before `<answer>` (before `<eos>` or the end, if there is none). */
  readonly steps: string;
}

/** The end of the prompt: `<scratchpad>` (the usual one) or `<answer>`. */
export type PromptEnd = 'scratchpad' | 'answer';

type Parts = Pick<Grade, 'steps' | 'answer' | 'finished'>;

function partsOf(completion: ArrayLike<number>, promptEnd: PromptEnd): Parts {
  const tokens = Array.from(completion);
  const end = tokens.indexOf(EOS);
  const finished = end >= 0;
  // Tokens after <eos> are padding, and ignored.
  const said = finished ? tokens.slice(0, end) : tokens;
  if (promptEnd === 'answer') return { steps: '', answer: decode(said), finished };
  const mark = said.indexOf(ANSWER);
  if (mark < 0) return { steps: decode(said), answer: null, finished };
  return { steps: decode(said.slice(0, mark)), answer: decode(said.slice(mark + 1)), finished };
}

/**
 * Return the text between `<answer>` and `<eos>` of a completion, or null if either is missing. Special tokens in it are
 * written as `<name>`.
 * @throws TokenError if the completion holds an id outside the vocabulary.
 */
export function extractAnswer(
  completion: ArrayLike<number>,
  promptEnd: PromptEnd = 'scratchpad',
): string | null {
  const { answer, finished } = partsOf(completion, promptEnd);
  return finished ? answer : null;
}

/**
 * Return true if a text is the canonical form of a value: reduced, denominator > 1, no leading zeros, plus sign or spaces.
 * No text is correct for an expression without a value (null).
 */
export function isCorrect(value: Rational | null, text: string): boolean {
  return value !== null && text === value.toString();
}

/**
 * Grade the sampled tokens of a completion (without its prompt).
 * @param problem an object with the canonical answer: a Problem, or a row of an evaluation set.
 * @throws TokenError if the completion holds an id outside the vocabulary.
 */
export function grade(
  problem: { readonly answer: string },
  completion: ArrayLike<number>,
  promptEnd: PromptEnd = 'scratchpad',
): Grade {
  const parts = partsOf(completion, promptEnd);
  const outcome = outcomeOf(parts, problem.answer);
  return { ...parts, outcome, reward: outcome === 'correct' ? 1 : 0 };
}

function outcomeOf({ answer, finished }: Parts, expected: string): Outcome {
  if (!finished) return 'unfinished';
  if (answer === null) return 'no answer';
  return answer === expected ? 'correct' : 'wrong';
}
