/**
 * The expressions of the grammar (WGSL section 8.18). Operators of different kinds that other languages rank, as `a & b == c`
 * or `a && b || c`, need parentheses in WGSL, and so here.
 */
import { fail } from '../error.ts';
import type { BinaryOperator, Place } from '../tree.ts';
import type { ExpressionSyntax, NameSyntax, UnaryOperator } from './nodes.ts';
import { numberLiteral } from './numbers.ts';
import { isReserved } from './reserved.ts';
import type { TokenReader } from './tokenReader.ts';

type Operator = BinaryOperator | '&&' | '||';

const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>(
  (
    [
      '+',
      '-',
      '*',
      '/',
      '%',
      '&',
      '|',
      '^',
      '<<',
      '>>',
      '==',
      '!=',
      '<',
      '<=',
      '>',
      '>=',
      '&&',
      '||',
    ] as const
  ).map((symbol) => [symbol, symbol]),
);
const BITWISE: ReadonlySet<Operator> = new Set<Operator>(['&', '|', '^']);
const SHIFTS: ReadonlySet<Operator> = new Set<Operator>(['<<', '>>']);
const COMPARISONS: ReadonlySet<Operator> = new Set<Operator>(['==', '!=', '<', '<=', '>', '>=']);
const SUMS: ReadonlySet<Operator> = new Set<Operator>(['+', '-']);
const PRODUCTS: ReadonlySet<Operator> = new Set<Operator>(['*', '/', '%']);
const LOGICAL: ReadonlySet<Operator> = new Set<Operator>(['&&', '||']);
const UNARY: ReadonlyMap<string, UnaryOperator> = new Map<string, UnaryOperator>(
  (['-', '!', '~', '&', '*'] as const).map((symbol) => [symbol, symbol]),
);

/** Parse an expression. */
export function parseExpression(tokens: TokenReader): ExpressionSyntax {
  const first = parseUnary(tokens);
  const operator = operatorOf(tokens);
  let left: ExpressionSyntax;
  if (operator && BITWISE.has(operator)) left = parseChain(tokens, first, operator, parseUnary);
  else {
    left = parseRelational(tokens, first);
    const logical = operatorOf(tokens);
    if (logical && LOGICAL.has(logical))
      left = parseChain(tokens, left, logical, (reader) => parseRelational(reader, parseUnary(reader)));
  }
  const mixed = operatorOf(tokens);
  if (mixed) fail(tokens.next, `${mixed} beside ${rootOperator(left)} needs parentheses in WGSL`);
  return left;
}

/** Parse a name with its template list: a type, or what a call names. */
export function parseName(tokens: TokenReader): NameSyntax {
  const at = tokens.next;
  const name = tokens.name('a type');
  return { kind: 'name', name, template: parseTemplate(tokens), at };
}

/** Parse a template list, if there is one. */
export function parseTemplate(tokens: TokenReader): readonly ExpressionSyntax[] | undefined {
  return tokens.templateList(() => parseExpression(tokens));
}

/** Return the binary operator that comes next. */
const operatorOf = (tokens: TokenReader): Operator | undefined =>
  tokens.next.kind === 'symbol' ? OPERATORS.get(tokens.next.text) : undefined;

const rootOperator = (syntax: ExpressionSyntax): string =>
  syntax.kind === 'binary' ? syntax.operator : 'this expression';

const binary = (
  operator: Operator,
  left: ExpressionSyntax,
  right: ExpressionSyntax,
  at: Place,
): ExpressionSyntax => ({ kind: 'binary', operator, left, right, at });

/** Parse `first ∘ b ∘ c …` with one operator, from the left. */
function parseChain(
  tokens: TokenReader,
  first: ExpressionSyntax,
  operator: Operator,
  operand: (tokens: TokenReader) => ExpressionSyntax,
): ExpressionSyntax {
  let left = first;
  while (tokens.sees(operator)) {
    const at = tokens.take();
    left = binary(operator, left, operand(tokens), at);
  }
  return left;
}

function parseRelational(tokens: TokenReader, first: ExpressionSyntax): ExpressionSyntax {
  const left = parseShift(tokens, first);
  const operator = operatorOf(tokens);
  if (!operator || !COMPARISONS.has(operator)) return left;
  const at = tokens.take();
  return binary(operator, left, parseShift(tokens, parseUnary(tokens)), at);
}

function parseShift(tokens: TokenReader, first: ExpressionSyntax): ExpressionSyntax {
  const operator = operatorOf(tokens);
  if (!operator || !SHIFTS.has(operator)) return parseSum(tokens, first);
  const at = tokens.take();
  return binary(operator, first, parseUnary(tokens), at);
}

function parseSum(tokens: TokenReader, first: ExpressionSyntax): ExpressionSyntax {
  let left = parseProduct(tokens, first);
  while (true) {
    tokens.splitDecrement();
    const operator = operatorOf(tokens);
    if (!operator || !SUMS.has(operator)) return left;
    const at = tokens.take();
    left = binary(operator, left, parseProduct(tokens, parseUnary(tokens)), at);
  }
}

function parseProduct(tokens: TokenReader, first: ExpressionSyntax): ExpressionSyntax {
  let left = first;
  for (let operator = operatorOf(tokens); operator && PRODUCTS.has(operator); operator = operatorOf(tokens)) {
    const at = tokens.take();
    left = binary(operator, left, parseUnary(tokens), at);
  }
  return left;
}

/** Parse an operand with the unary operators before it. */
export function parseUnary(tokens: TokenReader): ExpressionSyntax {
  return tokens.nested(() => parseOperand(tokens));
}

function parseOperand(tokens: TokenReader): ExpressionSyntax {
  tokens.splitDecrement();
  const operator = tokens.next.kind === 'symbol' ? UNARY.get(tokens.next.text) : undefined;
  if (!operator) return parseAccess(tokens, parsePrimary(tokens));
  const at = tokens.take();
  return { kind: 'unary', operator, of: parseUnary(tokens), at };
}

/** Parse the indices and members after an operand. */
function parseAccess(tokens: TokenReader, primary: ExpressionSyntax): ExpressionSyntax {
  let of = primary;
  while (true) {
    if (tokens.sees('[')) {
      const at = tokens.take();
      const index = parseExpression(tokens);
      tokens.expect(']');
      of = { kind: 'index', of, index, at };
    } else if (tokens.skip('.')) {
      const at = tokens.next;
      of = { kind: 'member', of, name: tokens.word('a member'), at };
    } else return of;
  }
}

function parsePrimary(tokens: TokenReader): ExpressionSyntax {
  const token = tokens.next;
  if (token.kind === 'number') {
    tokens.take();
    return { kind: 'number', ...numberLiteral(token.text, token), at: token };
  }
  if (tokens.skip('(')) {
    const inner = parseExpression(tokens);
    tokens.expect(')');
    return inner;
  }
  if (token.text === 'true' || token.text === 'false') {
    tokens.take();
    return { kind: 'boolean', value: token.text === 'true', at: token };
  }
  if (token.kind !== 'name' || isReserved(token.text)) return tokens.unexpected('an expression');
  const name = parseName(tokens);
  if (!tokens.skip('(')) return name;
  const values = tokens.listUntil(')', () => parseExpression(tokens));
  return { kind: 'call', callee: name, arguments: values, at: token };
}
