/**
 * Countdown as a task, as users of TRL and TinyZero know it: `make 24 from 3 8 9:` is to be continued with an expression
 * of value 24 that uses every number exactly once. Steps of the calculation may come before `<answer>`; they do not count.
 */
import { ArgumentError, expectKind, expectNames, integer as integerKind } from '../../base/arguments.ts';
import { integer, probability } from '../../base/options.ts';
import { RandomStream } from '../../base/randomStream.ts';
import { defineTask, optionNames } from '../definition.ts';
import { distinct } from '../distinct.ts';
import { applyBinary, type Expression, evaluateExpression } from '../expressions/expression.ts';
import { operatorList } from '../expressions/operatorList.ts';
import { parseOperators } from '../expressions/operators.ts';
import { parse } from '../expressions/parser.ts';
import type { Rational } from '../expressions/rational.ts';
import type { Graded, Task, TaskProblem } from '../task.ts';
import { textBeforeEnd, tokenizerOf } from '../tokenizer.ts';
import { ProblemGenerator, problemFrom } from './generator.ts';
import {
  COUNTDOWN_OPERATORS,
  type Countdown,
  type CountdownOperator,
  isSolution,
  shareUsed,
  solutionOf,
} from './solution.ts';

const ANSWER = '<answer>';
const TOKENS = [...' ()*+,-/0123456789:=', 'make', 'from', ANSWER, '<eos>'];
const PROBLEM = /^make ([1-9]\d*) from ([1-9]\d*(?: [1-9]\d*)+):$/;
/** Matches a problem for `generate`. The first word and the colon are optional. */
const ASKED = /^(?:make )?([1-9]\d*) from ([1-9]\d*(?: [1-9]\d*){1,5}):?$/;

const LIMITS = { numbers: [2, 6], maxNumber: [1, 999], target: [1, 9999] } as const;
const STANDARD = { numbers: 3, maxNumber: 20, minTarget: 1, maxTarget: 100, scratchpadProbability: 1 };
const EVALUATION_STREAM = 1;

/** Options of countdown. */
export interface CountdownOptions {
  /** Numbers of a problem, 2 to 6. Default 3. The levels below have fewer. */
  readonly numbers?: number;
  /** The largest number, 1 to 999. Default 20. */
  readonly maxNumber?: number;
  /** The smallest target, 1 to 9999. Default 1. */
  readonly minTarget?: number;
  /** The largest target, 1 to 9999. Default 100. */
  readonly maxTarget?: number;
  /** Operators of the solutions, a list or a text such as "+,-". Default all of `+,-,*,/`. Answers with others are wrong. */
  readonly operators?: readonly string[] | string;
  /** Share of examples with the steps of the calculation. Default 1. */
  readonly scratchpadProbability?: number;
}

/** Make countdown. The levels have 2 numbers, 3 and so on; those with nothing to train on are left out. @throws ArgumentError naming the option that cannot work. */
export function countdown(options: CountdownOptions = {}): Task {
  expectNames('countdown', options, optionNames(countdownTask));
  const { numbers, maxNumber, minTarget, maxTarget, scratchpadProbability } = { ...STANDARD, ...options };
  const operators = operatorsOf(options.operators);
  expectKind('countdown', 'numbers', numbers, integerKind(...LIMITS.numbers));
  expectKind('countdown', 'maxNumber', maxNumber, integerKind(...LIMITS.maxNumber));
  expectKind('countdown', 'minTarget', minTarget, integerKind(...LIMITS.target));
  expectKind('countdown', 'maxTarget', maxTarget, integerKind(minTarget, LIMITS.target[1]));
  const hardest = new ProblemGenerator(numbers, { maxNumber, minTarget, maxTarget, operators });
  const easier = Array.from({ length: numbers - LIMITS.numbers[0] }, (_, more) =>
    hardest.withNumbers(LIMITS.numbers[0] + more),
  );
  const levels = [...easier.filter(({ canTrain }) => canTrain), hardest];
  const tokenizer = tokenizerOf(TOKENS, '<eos>');
  const { eos, encode } = tokenizer;
  const said = (completion: readonly number[]) => textBeforeEnd(tokenizer, completion);
  const countdownOf = (problem: TaskProblem): Countdown => {
    const [, target, list = ''] = PROBLEM.exec(problem.expression) ?? [];
    if (target === undefined) throw badProblem(problem.expression);
    return { target: Number(target), numbers: list.split(' ').map(Number), operators };
  };
  return {
    name: 'countdown',
    tokenizer,
    levels: levels.map((level) => `numbers_${level.numbers}`),
    draw(random, level) {
      const problem = levels[level]?.draw('training', random);
      if (problem) return problem;
      const fix = 'allow larger numbers, more targets or more operators';
      throw new ArgumentError('countdown', `there is nothing to train on at level ${level}`, fix);
    },
    heldOut: (count) =>
      distinct(count, (item) => {
        const random = new RandomStream({ seed: 0, stream: EVALUATION_STREAM, item });
        return hardest.draw('evaluation', random);
      }),
    prompt(problem) {
      countdownOf(problem); // A problem that cannot be graded is refused before it is asked.
      return encode(problem.expression);
    },
    example({ expression, answer }, random) {
      const prompt = encode(expression);
      const steps = random.bool(scratchpadProbability) ? stepsOf(parse(answer)).join(', ') : '';
      return {
        tokens: [...prompt, ...encode(`${steps}${ANSWER}${answer}`), eos],
        promptLength: prompt.length,
      };
    },
    grade(problem, completion): Graded {
      const answer = answerIn(said(completion));
      if (!completion.includes(eos)) return { outcome: 'unfinished', answer };
      if (answer === null) return { outcome: 'no answer', answer };
      return { outcome: isSolution(answer, countdownOf(problem)) ? 'correct' : 'wrong', answer };
    },
    problemOf(text) {
      const [, target, list = ''] = ASKED.exec(text.trim()) ?? [];
      if (target === undefined) throw badProblem(text);
      const asked = { target: Number(target), numbers: list.split(' ').map(Number), operators };
      const solution = solutionOf(asked);
      if (solution) return problemFrom(asked, solution);
      const fix = 'ask for another target, or give other numbers';
      throw new ArgumentError('countdown', `nothing makes ${target} from ${list}`, fix);
    },
    /** The share of the numbers that the answer uses, counting the target as one more number. */
    partialCredit(problem, completion) {
      const asked = countdownOf(problem);
      const { length } = asked.numbers;
      return (shareUsed(answerIn(said(completion)) ?? '', asked) * length) / (length + 1);
    },
  };
}

/** Countdown as the command line has it. */
export const countdownTask = defineTask({
  name: 'countdown',
  options: {
    numbers: integer(...LIMITS.numbers)
      .default(STANDARD.numbers)
      .describe('numbers of a problem; easier levels have fewer'),
    maxNumber: integer(...LIMITS.maxNumber)
      .default(STANDARD.maxNumber)
      .describe('the largest number'),
    minTarget: integer(...LIMITS.target)
      .default(STANDARD.minTarget)
      .describe('the smallest target'),
    maxTarget: integer(...LIMITS.target)
      .default(STANDARD.maxTarget)
      .describe('the largest target'),
    operators: operatorList(COUNTDOWN_OPERATORS, COUNTDOWN_OPERATORS).describe(
      'operators of the solutions, such as "+,-"; answers with others are wrong',
    ),
  },
  pretraining: {
    scratchpadProbability: probability()
      .default(STANDARD.scratchpadProbability)
      .describe('share of examples with the steps of the calculation'),
  },
  make: countdown,
});

/** Return the text behind the first `<answer>`; null without one. */
function answerIn(text: string): string | null {
  const at = text.indexOf(ANSWER);
  return at < 0 ? null : text.slice(at + ANSWER.length);
}

function badProblem(text: string): ArgumentError {
  return new ArgumentError(
    'countdown',
    `"${text}" is no problem`,
    'write "make 24 from 3 8 9:", with 2 to 6 numbers from 1 on',
  );
}

function operatorsOf(given: CountdownOptions['operators'] = COUNTDOWN_OPERATORS): CountdownOperator[] {
  const list = parseOperators(typeof given === 'string' ? given : given.join(','), COUNTDOWN_OPERATORS);
  return COUNTDOWN_OPERATORS.filter((operator) => list.includes(operator));
}

/** Write the steps of a calculation, innermost first: `8-3=5`, `5-(-2)=7`. Each is true as it is written. */
function stepsOf(solution: Expression): string[] {
  const steps: string[] = [];
  const walk = (tree: Expression): Rational => {
    if (tree.kind !== 'binary') return evaluateExpression(tree);
    const [left, right] = [walk(tree.left), walk(tree.right)];
    const value = applyBinary(tree.operator, left, right);
    steps.push(`${operand(left)}${tree.operator}${operand(right)}=${value}`);
    return value;
  };
  walk(solution);
  return steps;
}

const operand = (value: Rational): string =>
  value.isInteger && !value.isNegative ? value.toString() : `(${value})`;
