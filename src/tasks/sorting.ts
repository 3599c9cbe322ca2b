/**
 * Sorting digits, a task with a small vocabulary: the completion of `sort 4 1 3 =` is `1 3 4<eos>`. It shows everything that a
 * task needs.
 */
import { ArgumentError } from '../base/arguments.ts';
import { integer } from '../base/options.ts';
import { RandomStream } from '../base/randomStream.ts';
import { defineTask } from './definition.ts';
import { distinct } from './distinct.ts';
import { type Split, splitOfCanonical } from './split.ts';
import type { Task, TaskProblem } from './task.ts';
import { textBeforeEnd, tokenizerOf } from './tokenizer.ts';

const TOKENS = [...'0123456789 =', 'sort', '<eos>'];
const MAX_DIGITS = 100;
const EVALUATION_STREAM = 1;
/** Draws after which a side counts as empty. One problem in eight is held out. */
const MAX_ATTEMPTS = 200;

/** Options of sorting. Level n has n digits. */
export interface SortingOptions {
  /** Maximum number of digits to sort. Default: 3. */
  readonly maxDigits?: number;
}

/** Sorting up to `maxDigits` digits. @throws RangeError if that is not an integer from 1 to 100. */
export function sorting({ maxDigits = 3 }: SortingOptions = {}): Task {
  if (!Number.isInteger(maxDigits) || maxDigits < 1 || maxDigits > MAX_DIGITS) {
    throw new RangeError(`maxDigits is ${maxDigits}, not an integer from 1 to ${MAX_DIGITS}`);
  }
  const tokenizer = tokenizerOf(TOKENS, '<eos>');
  const { eos, encode } = tokenizer;
  const promptOf = ({ expression }: TaskProblem): number[] => encode(expression);
  const said = (completion: readonly number[]) => textBeforeEnd(tokenizer, completion);
  return {
    name: 'sort',
    tokenizer,
    levels: Array.from({ length: maxDigits }, (_, level) => `digits_${level + 1}`),
    draw(random, level) {
      const problem = drawOf('training', random, level + 1);
      if (!problem) throw new RangeError(`sort: nothing to train on at level ${level}`);
      return problem;
    },
    heldOut: (size) =>
      distinct(size, (item) => {
        const random = new RandomStream({ seed: 0, stream: EVALUATION_STREAM, item });
        return drawOf('evaluation', random, maxDigits);
      }),
    prompt: promptOf,
    problemOf(text) {
      const [, list] = /^(?:sort )?(\d(?: \d)*)(?: =)?$/.exec(text.trim()) ?? [];
      if (list === undefined)
        throw new ArgumentError('sort', `"${text}" is no list of digits`, 'write digits such as "4 1 3"');
      return problemOf(list.split(' ').map(Number));
    },
    example(problem) {
      const prompt = promptOf(problem);
      return { tokens: [...prompt, ...encode(problem.answer), eos], promptLength: prompt.length };
    },
    grade({ answer: expected }, completion) {
      const answer = said(completion);
      if (!completion.includes(eos)) return { outcome: 'unfinished', answer };
      if (answer === '') return { outcome: 'no answer', answer: null };
      return { outcome: answer === expected ? 'correct' : 'wrong', answer };
    },
    /** Return the share of the digits before the first wrong one. */
    partialCredit({ answer }, completion) {
      const [expected, written] = [answer.split(' '), said(completion).split(' ')];
      const wrong = expected.findIndex((digit, i) => digit !== written[i]);
      return (wrong < 0 ? expected.length : wrong) / (expected.length + 1);
    },
  };
}

/** Sorting as the command line has it. */
export const sortTask = defineTask({
  name: 'sort',
  options: { maxDigits: integer(1, MAX_DIGITS).default(3).describe('maximum number of digits to sort') },
  make: sorting,
});

function problemOf(digits: readonly number[]): TaskProblem {
  return { expression: `sort ${digits.join(' ')} =`, answer: digits.toSorted((a, b) => a - b).join(' ') };
}

/** Draw digits until they belong to this side; undefined if the side is empty. */
function drawOf(side: Split, random: RandomStream, count: number): TaskProblem | undefined {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const digits = Array.from({ length: count }, () => random.integerBelow(10));
    const problem = problemOf(digits);
    if (splitOfCanonical(problem.expression) === side) return problem;
  }
  return undefined;
}
