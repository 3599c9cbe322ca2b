/**
 * Countdown as a task, as users of TRL and TinyZero know it: `make 24 from 3 8 9:` is to be continued with an expression
 * of value 24 that uses every number exactly once. Steps of the calculation may come before `<answer>`; they do not count.
 */
import { ArgumentError, expectNames } from '../../base/arguments.ts';
import { integer, probability } from '../../base/options.ts';
import { RandomStream } from '../../base/randomStream.ts';
import { defineTask } from '../definition.ts';
import { distinct } from '../distinct.ts';
import { applyBinary, type Expression, evaluate, print } from '../expressions/expression.ts';
import { operatorList } from '../expressions/operatorList.ts';
import { parseOperators } from '../expressions/operators.ts';
import { parse } from '../expressions/parser.ts';
import type { Rational } from '../expressions/rational.ts';
import { type Split, splitOfCanonical } from '../split.ts';
import type { Graded, Task, TaskProblem } from '../task.ts';
import { tokenizerOf } from '../tokenizer.ts';
import {
  COUNTDOWN_OPERATORS,
  type Countdown,
  type CountdownOperator,
  combined,
  isSolution,
  numberOf,
  shareUsed,
  solutionOf,
} from './solution.ts';

const ANSWER = '<answer>';
const TOKENS = [...' ()*+,-/0123456789:=', 'make', 'from', ANSWER, '<eos>'];
const PROBLEM = /^make ([1-9]\d*) from ([1-9]\d*(?: [1-9]\d*)+):$/;
/** Matches a problem for `generate`. The first word and the colon are optional. */
const ASKED = /^(?:make )?(\d+) from (\d+(?: \d+)+):?$/;

const LIMITS = { numbers: [2, 6], maxNumber: [1, 999], target: [1, 9999] } as const;
const STANDARD = { numbers: 3, maxNumber: 20, minTarget: 1, maxTarget: 100, scratchpadProbability: 1 };
const EVALUATION_STREAM = 1;
/** Draws before the options are said to allow no problem. */
const MAX_ATTEMPTS = 2000;

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

const NAMES: readonly (keyof CountdownOptions)[] = [
  'numbers',
  'maxNumber',
  'minTarget',
  'maxTarget',
  'operators',
  'scratchpadProbability',
];

/** Make countdown. Level n has n + 2 numbers. @throws ArgumentError naming the option that cannot work. */
export function countdown(options: CountdownOptions = {}): Task {
  expectNames('countdown', options, NAMES);
  const { numbers, maxNumber, minTarget, maxTarget, scratchpadProbability } = { ...STANDARD, ...options };
  const operators = operatorsOf(options.operators);
  checkOption('numbers', numbers, ...LIMITS.numbers);
  checkOption('maxNumber', maxNumber, ...LIMITS.maxNumber);
  checkOption('minTarget', minTarget, ...LIMITS.target);
  checkOption('maxTarget', maxTarget, minTarget, LIMITS.target[1]);
  const size = { maxNumber, minTarget, maxTarget, operators };
  const tokenizer = tokenizerOf(TOKENS, '<eos>');
  const { eos, encode, decode } = tokenizer;
  /** The text up to the end, or all of it. */
  const said = (completion: readonly number[]): string => {
    const end = completion.indexOf(eos);
    return decode(end < 0 ? completion : completion.slice(0, end));
  };
  const countdownOf = (problem: TaskProblem): Countdown => {
    const [, target, list = ''] = PROBLEM.exec(problem.expression) ?? [];
    if (target === undefined) throw badProblem(problem.expression);
    return { target: Number(target), numbers: list.split(' ').map(Number), operators };
  };
  return {
    name: 'countdown',
    tokenizer,
    levels: Array.from({ length: numbers - 1 }, (_, level) => `numbers_${level + 2}`),
    draw(random, level) {
      const problem = drawOf('training', random, { ...size, numbers: level + 2 });
      if (!problem) throw new RangeError(`countdown: nothing to train on at level ${level}`);
      return problem;
    },
    heldOut: (count) =>
      distinct(count, (item) => {
        const random = new RandomStream({ seed: 0, stream: EVALUATION_STREAM, item });
        return drawOf('evaluation', random, { ...size, numbers });
      }),
    prompt: ({ expression }) => encode(expression),
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
  return new ArgumentError('countdown', `"${text}" is no problem`, 'write "make 24 from 3 8 9:"');
}

function operatorsOf(given: CountdownOptions['operators'] = COUNTDOWN_OPERATORS): CountdownOperator[] {
  const list = parseOperators(typeof given === 'string' ? given : given.join(','), COUNTDOWN_OPERATORS);
  return COUNTDOWN_OPERATORS.filter((operator) => list.includes(operator));
}

function checkOption(name: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new ArgumentError('countdown', `${name} is ${value}`, `give an integer from ${low} to ${high}`);
}

interface Size extends Required<Pick<CountdownOptions, 'numbers' | 'maxNumber' | 'minTarget' | 'maxTarget'>> {
  readonly operators: readonly CountdownOperator[];
}

/** Draw a problem of this side with a solution; undefined if none is found. */
function drawOf(side: Split, random: RandomStream, size: Size): TaskProblem | undefined {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const numbers = Array.from({ length: size.numbers }, () => 1 + random.integerBelow(size.maxNumber));
    const solved = drawSolution(numbers, random, size.operators);
    if (!solved?.value.isInteger) continue;
    const target = Number(solved.value.numerator);
    if (target < size.minTarget || target > size.maxTarget) continue;
    const problem = problemFrom({ target, numbers }, solved.tree);
    if (splitOfCanonical(problem.expression) === side) return problem;
  }
  return undefined;
}

/** Combine two random expressions until one is left; undefined for a division by zero. */
function drawSolution(
  numbers: readonly number[],
  random: RandomStream,
  operators: readonly CountdownOperator[],
) {
  const parts = numbers.map(numberOf);
  const taken = () => parts.splice(random.integerBelow(parts.length), 1);
  while (parts.length > 1) {
    const [[left], [right]] = [taken(), taken()];
    const operator = operators[random.integerBelow(operators.length)];
    const part = left && right && operator && combined(operator, left, right);
    if (!part) return undefined;
    parts.push(part);
  }
  return parts[0];
}

/** Write a problem. The numbers stand in order, so that equal problems have equal texts. */
function problemFrom(
  { target, numbers }: Pick<Countdown, 'target' | 'numbers'>,
  solution: Expression,
): TaskProblem {
  const list = numbers.toSorted((a, b) => a - b).join(' ');
  return { expression: `make ${target} from ${list}:`, answer: print(solution) };
}

/** Write the steps of a calculation, innermost first: `8-3=5`, `5-(-2)=7`. Each is true as it is written. */
function stepsOf(solution: Expression): string[] {
  const steps: string[] = [];
  const walk = (tree: Expression): Rational => {
    if (tree.kind !== 'binary') return evaluate(tree);
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
