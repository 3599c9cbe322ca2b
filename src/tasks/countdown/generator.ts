/** Draw problems of countdown that have a solution. */
import { RandomStream } from '../../base/randomStream.ts';
import { type Expression, print, type Valued } from '../expressions/expression.ts';
import type { Rational } from '../expressions/rational.ts';
import { type Split, splitOfCanonical } from '../split.ts';
import type { TaskProblem } from '../task.ts';
import { type Countdown, type CountdownOperator, combined, numberOf } from './solution.ts';

/** Draws before a side is said to have no problem. */
const MAX_ATTEMPTS = 20_000;
/** Draws that find a problem wherever there is enough to train on: far fewer, so that training never misses. */
const ENOUGH = 2000;
/** Targets are rare if fewer than `COMMON` of this many draws have one. */
const PROBES = 500;
const COMMON = 10;
/** One draw in this many is free if targets are rare: it finds problems that no draw for a target does. */
const FREE = 8;
const PROBE_STREAM = 2;

/** Options of the problems. */
export interface ProblemOptions {
  readonly maxNumber: number;
  readonly minTarget: number;
  readonly maxTarget: number;
  readonly operators: readonly CountdownOperator[];
}

interface Solved {
  readonly numbers: readonly number[];
  readonly solution: Valued;
}

/** Draws problems with this many numbers. */
export class ProblemGenerator {
  /** Tells whether random expressions seldom have a target as value, so that most are drawn for a target. */
  readonly #isRare: boolean;

  constructor(
    readonly numbers: number,
    private readonly options: ProblemOptions,
  ) {
    const random = this.#probe();
    let hits = 0;
    for (let i = 0; i < PROBES && hits < COMMON; i++)
      if (this.#problemOf(this.#drawFreely(random))) hits += 1;
    this.#isRare = hits < COMMON;
  }

  withNumbers(numbers: number): ProblemGenerator {
    return new ProblemGenerator(numbers, this.options);
  }

  /** Tell whether there is enough to train on. */
  get canTrain(): boolean {
    return this.draw('training', this.#probe(), ENOUGH) !== undefined;
  }

  /** Draw a problem of this side; undefined if none is found. */
  draw(side: Split, random: RandomStream, attempts = MAX_ATTEMPTS): TaskProblem | undefined {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const isAimed = this.#isRare && attempt % FREE > 0;
      const problem = this.#problemOf(isAimed ? this.#drawForTarget(random) : this.#drawFreely(random));
      if (problem && splitOfCanonical(problem.expression) === side) return problem;
    }
    return undefined;
  }

  #probe = () => new RandomStream({ seed: 0, stream: PROBE_STREAM, item: this.numbers });

  /** Write what was drawn as a problem; undefined if its value is no target. */
  #problemOf(drawn: Solved | undefined): TaskProblem | undefined {
    if (!drawn?.solution.value.isInteger) return undefined;
    const { minTarget, maxTarget } = this.options;
    const target = Number(drawn.solution.value.numerator);
    if (target < minTarget || target > maxTarget) return undefined;
    return problemFrom({ target, numbers: drawn.numbers }, drawn.solution.tree);
  }

  /** Draw numbers, and an expression of them; undefined for a division by zero. */
  #drawFreely(random: RandomStream): Solved | undefined {
    const numbers = this.#drawNumbers(random, this.numbers);
    const solution = drawExpression(numbers, random, this.options.operators);
    return solution && { numbers, solution };
  }

  /** Draw a target and all numbers but one, and find the one that is lacking; undefined if none will do. */
  #drawForTarget(random: RandomStream): Solved | undefined {
    const { maxNumber, minTarget, maxTarget, operators } = this.options;
    const target = numberOf(minTarget + random.integerBelow(maxTarget - minTarget + 1)).value;
    const others = this.#drawNumbers(random, this.numbers - 1);
    const part = drawExpression(others, random, operators);
    const operator = operators[random.integerBelow(operators.length)];
    const isLeft = random.bool(0.5);
    if (!part || !operator) return undefined;
    const lacking = lackingNumber(target, operator, part.value, isLeft);
    if (!lacking?.isInteger) return undefined;
    const number = Number(lacking.numerator);
    if (number < 1 || number > maxNumber) return undefined;
    const last = numberOf(number);
    const solution = isLeft ? combined(operator, last, part) : combined(operator, part, last);
    return solution && { numbers: [...others, number], solution };
  }

  #drawNumbers(random: RandomStream, count: number): number[] {
    return Array.from({ length: count }, () => 1 + random.integerBelow(this.options.maxNumber));
  }
}

/** Solve `x ∘ part = target` for x, or `part ∘ x = target` if x is not on the left; undefined for a division by zero. */
function lackingNumber(
  target: Rational,
  operator: CountdownOperator,
  part: Rational,
  isLeft: boolean,
): Rational | undefined {
  switch (operator) {
    case '+':
      return target.subtract(part);
    case '-':
      return isLeft ? target.add(part) : part.subtract(target);
    case '*':
      return part.isZero ? undefined : target.divide(part);
    case '/':
      return isLeft ? target.multiply(part) : part.divide(target);
    default:
      return operator satisfies never;
  }
}

/** Combine two random expressions until one is left; undefined for a division by zero. */
function drawExpression(
  numbers: readonly number[],
  random: RandomStream,
  operators: readonly CountdownOperator[],
): Valued | undefined {
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
export function problemFrom(
  { target, numbers }: Pick<Countdown, 'target' | 'numbers'>,
  solution: Expression,
): TaskProblem {
  const list = numbers.toSorted((a, b) => a - b).join(' ');
  return { expression: `make ${target} from ${list}:`, answer: print(solution) };
}
