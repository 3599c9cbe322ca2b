/**
 * Training sequences and prompts:
 *
 *     <sos> <big|little> EXPRESSION [<scratchpad> STEPS] <answer> RESULT <eos>
 *
 * (no spaces between the parts). Under <little> the digits of every number in the expression and the steps are
 * reversed; the result is always written the ordinary way.
 */

import { checkedInteger, checkedProbability } from '../../base/arguments.ts';
import { RandomStream } from '../../base/randomStream.ts';
import { FORM_LANE } from '../stream.ts';
import { type GeneratorOptions, type Problem, ProblemStream } from './generator.ts';
import { scratchpad } from './scratchpad.ts';
import { ANSWER, BIG, EOS, encode, LITTLE, SCRATCHPAD, SOS } from './tokenizer.ts';

/** Options of the forms of samples. */
export interface FormOptions {
  /** Share of samples under <little>. Default 0.5. */
  readonly littleProbability: number;
  /** Share of samples with a scratchpad. Default 0.5. */
  readonly scratchpadProbability: number;
  /**
   * Maximum number of tokens with a scratchpad; a longer sample is made without one. Default: no limit. A sample that is too
   * long even then is not changed.
   */
  readonly maxTokens: number;
}

/** The form of a sample. */
export interface SampleForm {
  readonly little: boolean;
  readonly scratchpad: boolean;
}

/** A problem as tokens, with its solution. */
export interface Sample extends SampleForm {
  /** Token ids from <sos> to <eos>. */
  readonly tokens: readonly number[];
  /**
   * Number of tokens of the prompt: up to and including the first <scratchpad> or <answer>. The loss covers the tokens after
   * it.
   */
  readonly promptLength: number;
  readonly problem: Problem;
}

/** Reverse every run of digits: `156+7` becomes `651+7`. The function is its own inverse. */
export function reverseNumbers(text: string): string {
  return text.replace(/[0-9]{2,}/g, (number) => Array.from(number).reverse().join(''));
}

/**
 * Return the prompt of generation and RL: `<sos> <big> EXPRESSION <scratchpad>`, or `<answer>` instead of `<scratchpad>` to ask
 * for the answer at once.
 * @throws TokenError if the expression holds a character outside the vocabulary.
 */
export function prompt(expression: string, form: SampleForm = { little: false, scratchpad: true }): number[] {
  const written = form.little ? reverseNumbers(expression) : expression;
  return [SOS, form.little ? LITTLE : BIG, ...encode(written), form.scratchpad ? SCRATCHPAD : ANSWER];
}

/** Return the whole sequence of a problem in the given form. */
export function sample(problem: Problem, form: SampleForm): Sample {
  const tokens = prompt(problem.expression, form);
  const promptLength = tokens.length;
  if (form.scratchpad) {
    const steps = scratchpad(problem.tree);
    tokens.push(...encode(form.little ? reverseNumbers(steps) : steps), ANSWER);
  }
  tokens.push(...encode(problem.answer), EOS);
  return { tokens, promptLength, problem, ...form };
}

/** Fill in the defaults. @throws ArgumentError naming the invalid option. */
export function resolveFormOptions(options: Partial<FormOptions> = {}): FormOptions {
  const {
    littleProbability = 0.5,
    scratchpadProbability = 0.5,
    maxTokens = Number.MAX_SAFE_INTEGER,
  } = options;
  return {
    littleProbability: checkedProbability('littleProbability', littleProbability),
    scratchpadProbability: checkedProbability('scratchpadProbability', scratchpadProbability),
    maxTokens: checkedInteger('maxTokens', maxTokens, 1, Number.MAX_SAFE_INTEGER),
  };
}

/** Draw the form of a sample. */
export function formOf(
  { littleProbability, scratchpadProbability }: Omit<FormOptions, 'maxTokens'>,
  random: RandomStream,
): SampleForm {
  const little = random.bool(littleProbability);
  return { little, scratchpad: random.bool(scratchpadProbability) };
}

/** An endless stream of training samples. Sample i depends only on the options, the stream number and i. */
export class SampleStream {
  readonly problems: ProblemStream;
  readonly options: FormOptions;

  /**
   * @param settings stream number and the cursor to start from, as for ProblemStream; always the training split.
   * @throws ArgumentError naming the option that cannot work.
   */
  constructor(
    options: Partial<GeneratorOptions & FormOptions> = {},
    settings: { readonly stream?: number; readonly cursor?: number } = {},
  ) {
    this.problems = new ProblemStream(options, { ...settings, split: 'training' });
    this.options = resolveFormOptions(options);
  }

  /** Index of the sample that `next` returns, which is all that is needed to resume. */
  get cursor(): number {
    return this.problems.cursor;
  }

  /** Return the sample at the cursor, and advance the cursor. @throws ProblemSpaceError as ProblemStream does. */
  next(): Sample {
    return this.at(this.problems.cursor++);
  }

  /** Return sample `index`, independent of earlier draws. */
  at(index: number): Sample {
    const { seed } = this.problems.options;
    const random = new RandomStream({ seed, stream: this.problems.stream, item: index, lane: FORM_LANE });
    const form = formOf(this.options, random);
    const problem = this.problems.at(index);
    const made = sample(problem, form);
    if (!form.scratchpad || made.tokens.length <= this.options.maxTokens) return made;
    return sample(problem, { ...form, scratchpad: false });
  }
}
