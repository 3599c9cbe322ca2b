/** The operators of the expression language and how a list of them is written on a command line. */

import { ArgumentError } from '../../base/arguments.ts';

/** Operators between two operands. */
export const INFIX_OPERATORS = ['+', '-', '*', '/', '%'] as const;
/** Functions of two operands. */
export const PAIR_FUNCTIONS = ['min', 'max'] as const;
/** Functions of one operand. */
export const UNARY_FUNCTIONS = ['next', 'prev', 'abs'] as const;

/** The name of an operator between two operands. */
export type InfixOperator = (typeof INFIX_OPERATORS)[number];
/** The name of a function of two operands. */
export type PairFunction = (typeof PAIR_FUNCTIONS)[number];
/** The name of a function of one operand. */
export type UnaryFunction = (typeof UNARY_FUNCTIONS)[number];
/** The name of an operator or a function of two operands. */
export type BinaryOperator = InfixOperator | PairFunction;

/** The name of a node's operator. The unary minus is not included: it only signs numbers. */
export type Operator = BinaryOperator | UnaryFunction;

/** All operators. */
export const OPERATORS: readonly Operator[] = [...INFIX_OPERATORS, ...PAIR_FUNCTIONS, ...UNARY_FUNCTIONS];
/** All operators but `%`. */
export const DEFAULT_OPERATORS: readonly Operator[] = OPERATORS.filter((operator) => operator !== '%');

export function isUnaryFunction(operator: Operator): operator is UnaryFunction {
  return (UNARY_FUNCTIONS as readonly string[]).includes(operator);
}

/**
 * Reads a list such as `+,-,max`; spaces around the names are allowed. The order is kept. The list may be split already.
 * @throws ArgumentError for an unknown or repeated name, or an empty list.
 */
export function parseOperators(list: string | readonly string[], allowed = OPERATORS): readonly Operator[] {
  const named = (text: string): string[] => text.split(',').map((name) => name.trim());
  const names = typeof list !== 'string' ? list : list.trim() === '' ? [] : named(list);
  const fix = `give a comma-separated list out of ${allowed.join(' ')}, for example "+,-,*"`;
  if (names.length === 0) throw new ArgumentError('operators', 'the list is empty', fix);
  const seen = new Set<Operator>();
  for (const name of names) {
    const operator = allowed.find((each) => each === name);
    if (!operator) throw new ArgumentError('operators', `"${name}" is not an operator`, fix);
    if (seen.has(operator))
      throw new ArgumentError('operators', `"${name}" is listed twice`, 'list each one once');
    seen.add(operator);
  }
  return [...seen];
}
