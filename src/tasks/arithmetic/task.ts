/** Arithmetic as a task: expressions, worked out on a scratchpad, with exact answers. See `mathformer/math`. */
import { expectNames } from '../../base/arguments.ts';
import { integer, probability } from '../../base/options.ts';
import { defineTask, optionNames } from '../definition.ts';
import { evaluateExpression, print } from '../expressions/expression.ts';
import { operatorList } from '../expressions/operatorList.ts';
import { DEFAULT_OPERATORS, OPERATORS } from '../expressions/operators.ts';
import { parse } from '../expressions/parser.ts';
import type { Task } from '../task.ts';
import { evaluationSet, parseEvaluationSet } from './evaluationSet.ts';
import {
  drawProblem,
  type GeneratorOptions,
  MAX_DEPTH,
  MAX_DIGITS,
  type Problem,
  ProblemSpaceError,
  resolveGeneratorOptions,
} from './generator.ts';
import { grade } from './grader.ts';
import { partialCredit } from './partialCredit.ts';
import { type FormOptions, formOf, prompt, resolveFormOptions, sample } from './sample.ts';
import { decode, EOS, encode, SOS, VOCAB_SIZE } from './tokenizer.ts';

/** Seed of the held-out problems. It is the same for every run, so that checkpoints can be compared. */
const EVALUATION_SEED = 0;

/** Options of arithmetic: the expressions, and the forms of their examples. */
export type ArithmeticOptions = Partial<
  Pick<GeneratorOptions, 'maxDigits' | 'maxDepth' | 'operators'> &
    Pick<FormOptions, 'littleProbability' | 'scratchpadProbability'>
>;

/**
 * Make arithmetic. The highest of its levels is that of the options; each level below has a digit and a depth less.
 * @throws ArgumentError naming the option that cannot work.
 */
export function arithmetic(options: ArithmeticOptions = {}): Task<Problem> {
  expectNames('arithmetic', options, optionNames(arithmeticTask));
  const { maxDigits, maxDepth, operators } = resolveGeneratorOptions(options);
  const forms = resolveFormOptions(options);
  const count = Math.max(maxDigits, maxDepth);
  const levels = Array.from({ length: count }, (_, level) => {
    const easier = count - 1 - level;
    return resolveGeneratorOptions({
      maxDigits: Math.max(1, maxDigits - easier),
      maxDepth: Math.max(1, maxDepth - easier),
      operators,
    });
  });
  return {
    name: 'arithmetic',
    tokenizer: { vocabSize: VOCAB_SIZE, bos: SOS, eos: EOS, encode, decode },
    levels: levels.map((level) => `digits_${level.maxDigits}_depth_${level.maxDepth}`),
    draw: (random, level) => {
      const chosen = levels[level];
      if (!chosen) throw new RangeError(`arithmetic has ${count} levels, and none of index ${level}`);
      return drawProblem(chosen, 'training', random);
    },
    heldOut(size) {
      const set = { maxDigits, maxDepth, operators, seed: EVALUATION_SEED };
      try {
        return evaluationSet({ size, ...set });
      } catch (error) {
        if (!(error instanceof ProblemSpaceError)) throw error;
        return error.found === 0 ? [] : evaluationSet({ size: error.found, ...set });
      }
    },
    prompt: ({ expression }) => prompt(expression),
    example: (problem, random) => sample(problem, formOf(forms, random)),
    grade: (problem, completion) => grade(problem, completion),
    problemOf(text) {
      const tree = parse(text);
      const value = evaluateExpression(tree);
      return { expression: text, canonical: print(tree), tree, value, answer: value.toString() };
    },
    parseHeldOut: parseEvaluationSet,
    partialCredit: ({ tree }, completion) => partialCredit(tree, grade({ answer: '' }, completion).steps),
  };
}

/** Arithmetic as the command line has it. Pretraining shows larger numbers than GRPO asks for. */
export const arithmeticTask = defineTask({
  name: 'arithmetic',
  options: {
    maxDigits: integer(1, MAX_DIGITS).default(2).describe('maximum number of digits of a number'),
    maxDepth: integer(1, MAX_DEPTH)
      .default(3)
      .describe('maximum depth of an expression: operators on a path through it'),
    operators: operatorList(OPERATORS, DEFAULT_OPERATORS).describe(
      'operators of the expressions, such as "+,-,max"',
    ),
  },
  pretraining: {
    maxDigits: integer(1, MAX_DIGITS).default(3).describe('maximum number of digits of a number'),
    littleProbability: probability()
      .default(0.5)
      .describe('share of examples with the digits of numbers reversed'),
    scratchpadProbability: probability()
      .default(0.5)
      .describe('share of examples with the steps of the calculation'),
  },
  make: arithmetic,
});

/** Arithmetic with its default options. */
export const ARITHMETIC: Task<Problem> = arithmetic();
