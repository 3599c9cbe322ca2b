/**
 * Recursive-descent parser of the expression grammar. White space may stand between any two tokens, but not inside
 * a number or a name:
 *
 *     expression := factor (('+' | '-') factor)*
 *     factor     := unary (('*' | '/' | '%') unary)*
 *     unary      := ('next' | 'prev' | 'abs' | '-') unary | primary
 *     primary    := integer | '(' expression ')' | ('min' | 'max') '(' expression ',' expression ')'
 */

import { type Expression, ExpressionError, evaluateExpression } from './expression.ts';
import { type BinaryOperator, PAIR_FUNCTIONS, UNARY_FUNCTIONS } from './operators.ts';
import type { Rational } from './rational.ts';

/** Trees and parentheses deeper than this are refused, so that no input can exhaust the call stack. */
export const MAX_NESTING = 500;

const WORDS = [...UNARY_FUNCTIONS, ...PAIR_FUNCTIONS];
const PREFIXES = ['-', ...UNARY_FUNCTIONS] as const;
const OPERAND = `a number, "(", "-" or one of ${WORDS.join(', ')}`;

/** A subtree and how deep it is: long chains of one precedence make deep trees without any recursion here. */
interface Parsed {
  readonly tree: Expression;
  readonly height: number;
}

class Parser {
  readonly positions = new Map<Expression, number>();
  private at = 0;
  private nesting = 0;

  constructor(private readonly text: string) {}

  whole(): Expression {
    const { tree } = this.expression();
    if (this.peek() !== '') this.fail('an infix operator or the end');
    return tree;
  }

  private expression(): Parsed {
    return this.chain(['+', '-'], () => this.factor());
  }

  private factor(): Parsed {
    return this.chain(['*', '/', '%'], () => this.unary());
  }

  /** operand (operator operand)*, grouped from the left. */
  private chain(operators: readonly BinaryOperator[], operand: () => Parsed): Parsed {
    let left = operand();
    for (;;) {
      const next = this.peek();
      const operator = operators.find((candidate) => candidate === next);
      if (operator === undefined) return left;
      const position = this.at;
      this.at++;
      const right = operand();
      const tree: Expression = { kind: 'binary', operator, left: left.tree, right: right.tree };
      if (operator === '/' || operator === '%') this.positions.set(tree, position);
      left = { tree, height: this.checkedHeight(1 + Math.max(left.height, right.height), position) };
    }
  }

  private unary(): Parsed {
    this.peek();
    const position = this.at;
    const operator = this.takeOneOf(PREFIXES);
    if (operator === null) return this.primary();
    const { tree, height } = this.nested(position, () => this.unary());
    return {
      tree: { kind: 'unary', operator, operand: tree },
      height: this.checkedHeight(height + 1, position),
    };
  }

  private primary(): Parsed {
    const next = this.peek();
    const start = this.at;
    if (isDigit(next)) return { tree: { kind: 'integer', value: this.integer() }, height: 0 };
    if (next === '(') {
      this.at++;
      const inside = this.nested(start, () => this.expression());
      this.take(')', 'an infix operator or ")"');
      return inside;
    }
    const operator = this.takeOneOf(PAIR_FUNCTIONS);
    if (operator === null) return this.fail(OPERAND);
    this.take('(', `"(" after ${operator}`);
    const left = this.nested(start, () => this.expression());
    this.take(',', 'an infix operator or ","');
    const right = this.nested(start, () => this.expression());
    this.take(')', 'an infix operator or ")"');
    const height = this.checkedHeight(1 + Math.max(left.height, right.height), start);
    return { tree: { kind: 'binary', operator, left: left.tree, right: right.tree }, height };
  }

  private integer(): bigint {
    const start = this.at;
    while (isDigit(this.text.charAt(this.at))) this.at++;
    return BigInt(this.text.slice(start, this.at));
  }

  private nested(position: number, parse: () => Parsed): Parsed {
    this.nesting = this.checkedHeight(this.nesting + 1, position);
    const parsed = parse();
    this.nesting--;
    return parsed;
  }

  private checkedHeight(height: number, position: number): number {
    if (height <= MAX_NESTING) return height;
    this.at = position;
    return this.fail(`at most ${MAX_NESTING} operators or parentheses inside one another`);
  }

  /** The next character that is not white space ('' at the end), without taking it. */
  private peek(): string {
    while (isSpace(this.text.charAt(this.at))) this.at++;
    return this.text.charAt(this.at);
  }

  private take(character: string, expected: string): void {
    if (this.peek() !== character) this.fail(expected);
    this.at++;
  }

  private takeOneOf<Word extends string>(words: readonly Word[]): Word | null {
    this.peek();
    const word = words.find((candidate) => this.text.startsWith(candidate, this.at));
    if (word === undefined) return null;
    this.at += word.length;
    return word;
  }

  private fail(expected: string): never {
    const found =
      this.at < this.text.length
        ? `"${String.fromCodePoint(this.text.codePointAt(this.at) ?? 0)}"`
        : 'the end';
    throw new ExpressionError('syntax', this.at, expected, found, abbreviated(this.text));
  }
}

function isDigit(character: string): boolean {
  return character >= '0' && character <= '9';
}

function isSpace(character: string): boolean {
  return character === ' ' || character === '\t' || character === '\n' || character === '\r';
}

function abbreviated(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

/** The tree of a text. @throws ExpressionError of kind 'syntax', with the position and what was expected there. */
export function parse(text: string): Expression {
  return new Parser(text).whole();
}

/** The exact value of a text. @throws ExpressionError of either kind, with the position. */
export function evaluateText(text: string): Rational {
  const parser = new Parser(text);
  const tree = parser.whole();
  return evaluateExpression(tree, { text: abbreviated(text), positions: parser.positions });
}
