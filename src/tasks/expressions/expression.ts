/**
 * Expression trees: their nodes, printing, and exact evaluation.
 *
 * A tree mirrors the grammar and holds no parentheses: a negative number is a minus over a literal, and
 * parse(print(tree)) gives the same tree back.
 */

import {
  type BinaryOperator,
  INFIX_OPERATORS,
  type InfixOperator,
  type Operator,
  type UnaryFunction,
} from './operators.ts';
import { Rational } from './rational.ts';

/** A number without a sign. */
export interface IntegerLiteral {
  readonly kind: 'integer';
  /** ≥ 0. */
  readonly value: bigint;
}

/** A sign, or a function of one operand. */
export interface UnaryExpression {
  readonly kind: 'unary';
  readonly operator: '-' | UnaryFunction;
  readonly operand: Expression;
}

/** An operator or a function of two operands. */
export interface BinaryExpression {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
}

/** A tree of operators over integers. */
export type Expression = IntegerLiteral | UnaryExpression | BinaryExpression;

/** The reason why an expression has no value. */
export type ExpressionErrorKind = 'syntax' | 'division by zero';

/**
 * A text that is not an expression, or an expression without a value. `position` is the index of the offending
 * character in the text (its length if the text ended too early), or null where there is no text.
 */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
  readonly fix = 'correct the expression';

  constructor(
    readonly kind: ExpressionErrorKind,
    readonly position: number | null,
    readonly expected: string,
    found: string,
    text: string,
  ) {
    const where = position === null ? '' : ` at position ${position}`;
    super(`${kind}${where} of "${text}": expected ${expected}, found ${found}`);
  }
}

/** A tree for a signed number. */
export function literal(value: bigint): Expression {
  return value < 0n
    ? { kind: 'unary', operator: '-', operand: { kind: 'integer', value: -value } }
    : { kind: 'integer', value };
}

export function unary(operator: '-' | UnaryFunction, operand: Expression): UnaryExpression {
  return { kind: 'unary', operator, operand };
}

export function binary(operator: BinaryOperator, left: Expression, right: Expression): BinaryExpression {
  return { kind: 'binary', operator, left, right };
}

/** Return true if the tree is a number with at most one sign. */
export function isNumber(tree: Expression): boolean {
  return (
    tree.kind === 'integer' ||
    (tree.kind === 'unary' && tree.operator === '-' && tree.operand.kind === 'integer')
  );
}

/**
 * Content of the optional places of a printed expression. `gap` is called once for each place that may hold
 * spaces (both ends, both sides of an infix operator and of a comma, before and inside parentheses), and
 * `parenthesise` once for each infix node that needs no parentheses of its own.
 */
export interface Spacing {
  /** Spaces to write. */
  gap(): string;
  /** Return true to write parentheses that are not needed. */
  parenthesise(): boolean;
}

function isInfixNode(tree: Expression): tree is BinaryExpression & { readonly operator: InfixOperator } {
  return tree.kind === 'binary' && (INFIX_OPERATORS as readonly string[]).includes(tree.operator);
}

/** 1 for sums, 2 for products, 3 for everything that needs no parentheses anywhere. */
function bindingStrength(tree: Expression): number {
  if (!isInfixNode(tree)) return 3;
  return tree.operator === '+' || tree.operator === '-' ? 1 : 2;
}

const COMPACT: Spacing = { gap: () => '', parenthesise: () => false };

/**
 * The text of a tree, with the parentheses it needs. Without `spacing` it is the canonical form: no spaces, no
 * redundant parentheses.
 */
export function print(tree: Expression, spacing: Spacing = COMPACT): string {
  const gap = (): string => spacing.gap();

  function inParentheses(inner: Expression): string {
    const open = `(${gap()}`;
    return `${open}${body(inner)}${gap()})`;
  }

  /** A subtree where anything weaker than `needed` must stand in parentheses. */
  function within(inner: Expression, needed: number): string {
    if (bindingStrength(inner) < needed) return inParentheses(inner);
    return isInfixNode(inner) && spacing.parenthesise() ? inParentheses(inner) : body(inner);
  }

  function body(node: Expression): string {
    if (node.kind === 'integer') return node.value.toString();
    if (node.kind === 'unary') {
      if (node.operator === '-') return `-${within(node.operand, 3)}`;
      const head = `${node.operator}${gap()}(${gap()}`;
      return `${head}${within(node.operand, 1)}${gap()})`;
    }
    if (isInfixNode(node)) {
      const strength = bindingStrength(node);
      const left = within(node.left, strength);
      const symbol = `${gap()}${node.operator}${gap()}`;
      return `${left}${symbol}${within(node.right, strength + 1)}`;
    }
    const head = `${node.operator}${gap()}(${gap()}${within(node.left, 1)}`;
    const comma = `${gap()},${gap()}`;
    return `${head}${comma}${within(node.right, 1)}${gap()})`;
  }

  const start = gap();
  return `${start}${within(tree, 1)}${gap()}`;
}

/** An expression with its value. */
export interface Valued {
  readonly tree: Expression;
  readonly value: Rational;
}

/** left `operator` right on exact values. @throws RangeError if `/` or `%` has 0 on its right. */
export function applyBinary(operator: BinaryOperator, left: Rational, right: Rational): Rational {
  switch (operator) {
    case '+':
      return left.add(right);
    case '-':
      return left.subtract(right);
    case '*':
      return left.multiply(right);
    case '/':
      return left.divide(right);
    case '%':
      return left.modulo(right);
    case 'min':
      return left.compare(right) <= 0 ? left : right;
    case 'max':
      return left.compare(right) >= 0 ? left : right;
    default:
      return operator satisfies never;
  }
}

/** `operator` x on an exact value. */
export function applyUnary(operator: '-' | UnaryFunction, operand: Rational): Rational {
  switch (operator) {
    case '-':
      return operand.negate();
    case 'next':
      return operand.add(Rational.ONE);
    case 'prev':
      return operand.subtract(Rational.ONE);
    case 'abs':
      return operand.abs();
    default:
      return operator satisfies never;
  }
}

/** A parsed text, and the positions of its `/` and `%`, for the errors of `evaluateExpression`. */
export interface ExpressionSource {
  readonly text: string;
  readonly positions: ReadonlyMap<Expression, number>;
}

/** The error of a `/` or `%` node whose right side is 0. */
export function divisionByZero(node: BinaryExpression, source?: ExpressionSource): ExpressionError {
  const divisor = print(node.right);
  return new ExpressionError(
    'division by zero',
    source?.positions.get(node) ?? null,
    `a right side of "${node.operator}" other than 0`,
    divisor === '0' ? '0' : `${divisor} = 0`,
    source?.text ?? print(node),
  );
}

/**
 * The exact value of a tree.
 * @throws ExpressionError of kind 'division by zero', with a position if the source is given.
 */
export function evaluateExpression(tree: Expression, source?: ExpressionSource): Rational {
  if (tree.kind === 'integer') return Rational.integer(tree.value);
  if (tree.kind === 'unary') return applyUnary(tree.operator, evaluateExpression(tree.operand, source));
  const left = evaluateExpression(tree.left, source);
  const right = evaluateExpression(tree.right, source);
  if (right.isZero && (tree.operator === '/' || tree.operator === '%')) {
    throw divisionByZero(tree, source);
  }
  return applyBinary(tree.operator, left, right);
}

/** Operators on the longest path from the root to a number; a signed number counts 0. */
export function depth(tree: Expression): number {
  if (tree.kind === 'integer') return 0;
  if (tree.kind === 'unary') return isNumber(tree) ? 0 : 1 + depth(tree.operand);
  return 1 + Math.max(depth(tree.left), depth(tree.right));
}

/** Return the maximum number of digits of a number in the tree. */
export function digits(tree: Expression): number {
  if (tree.kind === 'integer') return tree.value.toString().length;
  if (tree.kind === 'unary') return digits(tree.operand);
  return Math.max(digits(tree.left), digits(tree.right));
}

/** The operators in the tree; minus signs on one operand are not counted. */
export function operatorsOf(tree: Expression, found = new Set<Operator>()): Set<Operator> {
  if (tree.kind === 'unary') {
    if (tree.operator !== '-') found.add(tree.operator);
    operatorsOf(tree.operand, found);
  } else if (tree.kind === 'binary') {
    found.add(tree.operator);
    operatorsOf(tree.left, found);
    operatorsOf(tree.right, found);
  }
  return found;
}
