/**
 * Solutions of a countdown problem: expressions that use every given number exactly once and have the target as their
 * exact value. The rules are those of the data set Countdown-Tasks-3to4 and of TinyZero, checked with exact rationals.
 */
import {
  applyBinary,
  binary,
  type Expression,
  ExpressionError,
  evaluateExpression,
  type Valued,
} from '../expressions/expression.ts';
import { parse } from '../expressions/parser.ts';
import { Rational } from '../expressions/rational.ts';

/** The operators of countdown. */
export const COUNTDOWN_OPERATORS = ['+', '-', '*', '/'] as const;
/** One of `COUNTDOWN_OPERATORS`. */
export type CountdownOperator = (typeof COUNTDOWN_OPERATORS)[number];

/** Numbers, and the target to reach with them. */
export interface Countdown {
  readonly numbers: readonly number[];
  readonly target: number;
  /** The operators that a solution may have. */
  readonly operators: readonly CountdownOperator[];
}

/** Numbers, the four operators, parentheses and spaces; nothing else can be a solution. */
const WRITTEN = /^[0-9+\-*/() ]+$/;
const LEADING_ZERO = /(?:^|[^0-9])0[0-9]/;

/**
 * Tell whether a text is a solution. A unary minus, a number with leading zeros, a number too many or too few, another
 * operator, a division by zero, and anything beside the one expression make it none.
 */
export function isSolution(text: string, { numbers, target, operators }: Countdown): boolean {
  const tree = read(text);
  const used = tree && numbersIn(tree, operators);
  if (!tree || !used || !isSame(used, numbers)) return false;
  return exactValue(tree)?.equals(Rational.integer(BigInt(target))) ?? false;
}

/** Return the share of the given numbers that an expression uses, less one for each number too many; 0 for no expression. */
export function shareUsed(text: string, { numbers, operators }: Countdown): number {
  const tree = read(text);
  const used = tree && numbersIn(tree, operators);
  if (!used) return 0;
  const left = numbers.map(BigInt);
  let extra = 0;
  for (const number of used) {
    const at = left.indexOf(number);
    if (at < 0) extra += 1;
    else left.splice(at, 1);
  }
  return Math.max(0, numbers.length - left.length - extra) / numbers.length;
}

/** Return a number as an expression. */
export function numberOf(value: number): Valued {
  const integer = BigInt(value);
  return { tree: { kind: 'integer', value: integer }, value: Rational.integer(integer) };
}

/** Combine two expressions; undefined for a division by zero. */
export function combined(operator: CountdownOperator, left: Valued, right: Valued): Valued | undefined {
  if (operator === '/' && right.value.isZero) return undefined;
  const tree = binary(operator, left.tree, right.tree);
  return { tree, value: applyBinary(operator, left.value, right.value) };
}

/** Find a solution by trying all ways to combine two expressions; undefined if there is none. */
export function solutionOf({ numbers, target, operators }: Countdown): Expression | undefined {
  const wanted = Rational.integer(BigInt(target));
  const failed = new Set<string>();
  const search = (parts: readonly Valued[]): Expression | undefined => {
    const [first] = parts;
    if (parts.length === 1 && first) return first.value.equals(wanted) ? first.tree : undefined;
    const key = parts
      .map(({ value }) => value.toString())
      .sort()
      .join(' ');
    if (failed.has(key)) return undefined;
    for (const [i, left] of parts.entries()) {
      for (const [j, right] of parts.entries()) {
        if (i === j) continue;
        const rest = parts.filter((_, at) => at !== i && at !== j);
        for (const operator of operators) {
          const part = combined(operator, left, right);
          const found = part && search([...rest, part]);
          if (found) return found;
        }
      }
    }
    failed.add(key);
    return undefined;
  };
  return search(numbers.map(numberOf));
}

function read(text: string): Expression | undefined {
  if (!WRITTEN.test(text) || LEADING_ZERO.test(text)) return undefined;
  return unlessWrong(() => parse(text));
}

const exactValue = (tree: Expression): Rational | undefined => unlessWrong(() => evaluateExpression(tree));

/** Return undefined where an expression cannot be parsed, or has no value. */
function unlessWrong<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof ExpressionError) return undefined;
    throw error;
  }
}

/** Return the numbers in a tree; undefined if it has anything besides numbers and these operators between two operands. */
function numbersIn(tree: Expression, operators: readonly CountdownOperator[]): bigint[] | undefined {
  if (tree.kind === 'integer') return [tree.value];
  if (tree.kind === 'unary' || !operators.some((operator) => operator === tree.operator)) return undefined;
  const [left, right] = [numbersIn(tree.left, operators), numbersIn(tree.right, operators)];
  return left && right && [...left, ...right];
}

function isSame(used: readonly bigint[], given: readonly number[]): boolean {
  const inOrder = (values: readonly (bigint | number)[]): string =>
    values.map(BigInt).sort(byValue).join(' ');
  return inOrder(used) === inOrder(given);
}

const byValue = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
