/**
 * Random problems. Problem i of a stream depends only on (options, seed, split, stream, i), so a run resumes from one integer.
 * Streams of the two splits never share an expression (split.ts).
 *
 * The root is an operator; below it a node is a number with probability ½, and always at the depth cap. A number has
 * a digit count uniform in [minDigits, maxDigits], a value uniform among those of that count (1-9 for one digit), a
 * random sign, and is 0 once in 200. The right side of `/` and `%` is drawn again while its value is 0.
 */

import { ArgumentError, checkedInteger } from '../../base/arguments.ts';
import { MathformerError } from '../../base/errors.ts';
import { RandomStream } from '../../base/randomStream.ts';
import {
  applyBinary,
  applyUnary,
  binary,
  type Expression,
  literal,
  print,
  type Spacing,
  unary,
  type Valued,
} from '../expressions/expression.ts';
import {
  DEFAULT_OPERATORS,
  isUnaryFunction,
  type Operator,
  parseOperators,
} from '../expressions/operators.ts';
import { Rational } from '../expressions/rational.ts';
import { type Split, splitOfCanonical } from '../split.ts';

export const LEAF_PROBABILITY = 0.5;
export const ZERO_PROBABILITY = 1 / 200;
export const SPACE_PROBABILITY = 0.25;
export const PARENTHESES_PROBABILITY = 0.15;

export const MAX_DEPTH = 32;
export const MAX_DIGITS = 100;

/** Draws after which a split counts as empty. In a large space the probability of missing one is below 10^-500. */
const MAX_ATTEMPTS = 10_000;
/** Maximum number of redraws of a zero divisor; then a number other than 0 replaces it. */
const MAX_DIVISOR_DRAWS = 100;

/** The error for options with too few distinct problems. `found` is the number of those seen. */
export class ProblemSpaceError extends MathformerError {
  constructor(
    problem: string,
    readonly found: number,
  ) {
    const fix = 'raise maxDepth or maxDigits, allow more operators, or ask for fewer problems';
    super(problem, { code: 'FEW_PROBLEMS', where: 'arithmetic', fix });
  }
}

/** Options of the generator. */
export interface GeneratorOptions {
  /** Operators on the longest path; 1 = one operator over numbers. Default 3. */
  readonly maxDepth: number;
  /** Minimum number of digits of a number. Default 1. */
  readonly minDigits: number;
  /** Maximum number of digits of a number. Default 2. */
  readonly maxDigits: number;
  /** A list, or a text such as "+,-,max". Default `+,-,*,/,min,max,next,prev,abs`. */
  readonly operators: readonly Operator[] | string;
  /** A non-negative safe integer. Default 0. */
  readonly seed: number;
}

/** Checked options, with the operators as a list. */
export interface ResolvedGeneratorOptions extends GeneratorOptions {
  readonly operators: readonly Operator[];
}

/** A problem in the model's form, with its exact answer. */
export interface Problem {
  /** The text, with random spaces and redundant parentheses. */
  readonly expression: string;
  /** The text without them: equal for equal problems. */
  readonly canonical: string;
  readonly tree: Expression;
  readonly value: Rational;
  /** `value` in its canonical form. */
  readonly answer: string;
}

/** Fill in the defaults. @throws ArgumentError naming the invalid option. */
export function resolveGeneratorOptions(options: Partial<GeneratorOptions> = {}): ResolvedGeneratorOptions {
  const operators = options.operators ?? DEFAULT_OPERATORS;
  const resolved = {
    maxDepth: checkedInteger('maxDepth', options.maxDepth ?? 3, 1, MAX_DEPTH),
    minDigits: checkedInteger('minDigits', options.minDigits ?? 1, 1, MAX_DIGITS),
    maxDigits: checkedInteger(
      'maxDigits',
      options.maxDigits ?? Math.max(2, options.minDigits ?? 1),
      1,
      MAX_DIGITS,
    ),
    operators: parseOperators(operators),
    seed: checkedInteger('seed', options.seed ?? 0, 0, Number.MAX_SAFE_INTEGER),
  };
  if (resolved.minDigits > resolved.maxDigits) {
    throw new ArgumentError(
      'minDigits',
      `${resolved.minDigits} is above maxDigits ${resolved.maxDigits}`,
      'lower minDigits or raise maxDigits',
    );
  }
  return resolved;
}

/** Draw trees with their values, since the value of a divisor determines if it is kept. */
class TreeSource {
  constructor(
    private readonly options: ResolvedGeneratorOptions,
    private readonly random: RandomStream,
  ) {}

  root(): Valued {
    return this.operation(this.options.maxDepth);
  }

  private node(depthLeft: number): Valued {
    return depthLeft === 0 || this.random.bool(LEAF_PROBABILITY) ? this.number() : this.operation(depthLeft);
  }

  private operation(depthLeft: number): Valued {
    const { operators } = this.options;
    const operator = operators[this.random.integerBelow(operators.length)];
    const left = this.node(depthLeft - 1);
    if (isUnaryFunction(operator)) {
      return { tree: unary(operator, left.tree), value: applyUnary(operator, left.value) };
    }
    const divides = operator === '/' || operator === '%';
    const right = divides ? this.divisor(depthLeft - 1) : this.node(depthLeft - 1);
    return {
      tree: binary(operator, left.tree, right.tree),
      value: applyBinary(operator, left.value, right.value),
    };
  }

  private divisor(depthLeft: number): Valued {
    for (let draw = 0; draw < MAX_DIVISOR_DRAWS; draw++) {
      const drawn = this.node(depthLeft);
      if (!drawn.value.isZero) return drawn;
    }
    return this.signed(this.nonZeroMagnitude());
  }

  private number(): Valued {
    if (this.random.bool(ZERO_PROBABILITY)) return { tree: literal(0n), value: Rational.ZERO };
    return this.signed(this.nonZeroMagnitude());
  }

  private signed(magnitude: bigint): Valued {
    const value = this.random.bool(0.5) ? -magnitude : magnitude;
    return { tree: literal(value), value: Rational.integer(value) };
  }

  private nonZeroMagnitude(): bigint {
    const count = this.random.integerBetween(this.options.minDigits, this.options.maxDigits);
    let text = String(this.random.integerBetween(1, 9));
    while (text.length < count) text += String(this.random.integerBelow(10));
    return BigInt(text);
  }
}

/** The random spaces and redundant parentheses of the task. */
function randomSpacing(random: RandomStream): Spacing {
  return {
    gap: () => (random.bool(SPACE_PROBABILITY) ? ' ' : ''),
    parenthesise: () => random.bool(PARENTHESES_PROBABILITY),
  };
}

/** An endless stream of problems of one split. The cursor is the index of the problem that `next` returns. */
export class ProblemStream {
  readonly options: ResolvedGeneratorOptions;
  readonly split: Split;
  readonly stream: number;
  cursor: number;

  /**
   * @param settings split (default training), stream number (default 0, below 2^32), cursor to start from (default 0).
   * @throws ArgumentError naming the option that cannot work.
   */
  constructor(
    options: Partial<GeneratorOptions> = {},
    settings: { readonly split?: Split; readonly stream?: number; readonly cursor?: number } = {},
  ) {
    this.options = resolveGeneratorOptions(options);
    this.split = settings.split ?? 'training';
    this.stream = checkedInteger('stream', settings.stream ?? 0, 0, 2 ** 32 - 1);
    this.cursor = checkedInteger('cursor', settings.cursor ?? 0, 0, Number.MAX_SAFE_INTEGER);
  }

  /** Return the problem at the cursor, and advance the cursor. */
  next(): Problem {
    return this.at(this.cursor++);
  }

  /**
   * Return problem `index`, independent of earlier draws.
   * @throws ProblemSpaceError if no expression of this split is found.
   */
  at(index: number): Problem {
    const { seed } = this.options;
    const random = new RandomStream({ seed, stream: this.stream, item: index });
    return drawResolved(this.options, this.split, random);
  }
}

/**
 * Draw a problem of the given split from these random numbers. The seed of the options is not used.
 * @throws ArgumentError naming the invalid option; ProblemSpaceError if no expression of this split is found.
 */
export function drawProblem(options: Partial<GeneratorOptions>, split: Split, random: RandomStream): Problem {
  return drawResolved(resolveGeneratorOptions(options), split, random);
}

function drawResolved(options: ResolvedGeneratorOptions, split: Split, random: RandomStream): Problem {
  const source = new TreeSource(options, random);
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const { tree, value } = source.root();
    const canonical = print(tree);
    if (splitOfCanonical(canonical) === split) {
      const expression = print(tree, randomSpacing(random));
      return { expression, canonical, tree, value, answer: value.toString() };
    }
  }
  throw new ProblemSpaceError(
    `no ${split} expression among ${MAX_ATTEMPTS} draws: these options allow too few expressions`,
    0,
  );
}
