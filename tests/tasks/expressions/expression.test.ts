/** Printing, parsing and evaluation, against the reference cases and by round trips. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  depth,
  digits,
  ExpressionError,
  evaluateExpression,
  operatorsOf,
  print,
} from '../../../src/tasks/expressions/expression.ts';
import { evaluateText, MAX_NESTING, parse } from '../../../src/tasks/expressions/parser.ts';
import cases from '../../fixtures/math/parser.json' with { type: 'json' };
import { expressionTree } from './expressions.ts';

function errorOf(text: string): ExpressionError {
  try {
    evaluateText(text);
  } catch (error) {
    if (error instanceof ExpressionError) return error;
    throw error;
  }
  throw new Error(`"${text}" has a value`);
}

describe('reference cases', () => {
  test(`all ${cases.valid.length} values agree`, () => {
    expect(cases.valid.length).toBeGreaterThan(400);
    const values = cases.valid.map(({ expression }) => ({
      expression,
      value: evaluateText(expression).toString(),
    }));
    expect(values).toEqual(cases.valid);
  });

  test(`all ${cases.invalid.length} errors are of the right kind`, () => {
    expect(cases.invalid.length).toBeGreaterThan(70);
    const errors = cases.invalid.map(({ expression }) => ({ expression, error: errorOf(expression).kind }));
    expect(errors).toEqual(cases.invalid);
  });

  test('the canonical text of every reference case has the same value and tree', () => {
    for (const { expression, value } of cases.valid) {
      const tree = parse(expression);
      expect(parse(print(tree))).toEqual(tree);
      expect(evaluateText(print(tree)).toString()).toBe(value);
    }
  });
});

describe('errors', () => {
  test.each([
    ['1+', 2, 'a number'],
    ['1 2', 2, 'an infix operator or the end'],
    ['(1+2', 4, 'an infix operator or ")"'],
    ['max 1,2', 4, '"(" after max'],
    ['max(1)', 5, 'an infix operator or ","'],
    ['1+a', 2, 'a number'],
    ['1/(2-2)', 1, 'a right side of "/" other than 0'],
    ['4 - 5 % 0', 6, 'a right side of "%" other than 0'],
  ])('%j fails at %i', (text, position, expected) => {
    const error = errorOf(text);
    expect(error.position).toBe(position);
    expect(error.expected).toContain(expected);
    expect(error.message).toContain(`position ${position}`);
  });

  test('a tree without a text has no position', () => {
    expect(() => evaluateExpression(parse('1/0'))).toThrow(
      expect.objectContaining({ kind: 'division by zero', position: null }),
    );
  });

  const many = 100_000;
  test.each([
    ['parentheses', `${'('.repeat(many)}1${')'.repeat(many)}`],
    ['minus signs', `${'-'.repeat(many)}1`],
    ['names', `${'next '.repeat(many)}1`],
    ['pairs', `${'max(1,'.repeat(many)}1${')'.repeat(many)}`],
    ['a long sum', `${'1+'.repeat(many)}1`],
    ['a long product', `${'1*'.repeat(many)}1`],
  ])('too deep: %s', (_, text) => {
    const error = errorOf(text);
    expect(error.kind).toBe('syntax');
    expect(error.expected).toContain(`at most ${MAX_NESTING}`);
    expect(error.message.length).toBeLessThan(300);
  });

  test('the deepest allowed trees can be worked with', () => {
    const parentheses = `${'('.repeat(MAX_NESTING)}1${')'.repeat(MAX_NESTING)}`;
    expect(evaluateText(parentheses).toString()).toBe('1');
    const nested = parse(`${'max(1,-('.repeat(MAX_NESTING / 4)}5${'))'.repeat(MAX_NESTING / 4)}`);
    const sum = parse(`${'1+'.repeat(MAX_NESTING)}1`);
    expect(evaluateExpression(sum).toString()).toBe(String(MAX_NESTING + 1));
    for (const tree of [nested, sum]) expect(print(parse(print(tree)))).toBe(print(tree));
  });
});

describe('print', () => {
  test.each([
    ['3-(2+1)', '3-(2+1)'],
    ['((3-2)+1)', '3-2+1'],
    ['2*(3*4)', '2*(3*4)'],
    ['(2*3)*4', '2*3*4'],
    ['( 1+2)*3', '(1+2)*3'],
    ['-(1+2)', '-(1+2)'],
    ['-(-(5))', '--5'],
    ['2*(-3)', '2*-3'],
    ['-next 3', '-next(3)'],
    ['max( (1+2), -3 )', 'max(1+2,-3)'],
    ['2/-4%3', '2/-4%3'],
  ])('%j is written %j', (text, canonical) => {
    expect(print(parse(text))).toBe(canonical);
  });

  test('parse(print(tree)) = tree, with and without random spaces and redundant parentheses', () => {
    fc.assert(
      fc.property(expressionTree, fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }), (tree, choices) => {
        let asked = 0;
        const choose = () => choices[asked++ % choices.length];
        expect(parse(print(tree))).toEqual(tree);
        const spaced = print(tree, { gap: () => (choose() ? ' ' : ''), parenthesise: choose });
        expect(parse(spaced)).toEqual(tree);
      }),
      { numRuns: 500 },
    );
  });

  test('no pair of parentheses is redundant, except those that belong to a name', () => {
    fc.assert(
      fc.property(expressionTree, (tree) => {
        const text = print(tree);
        for (const [open, close] of groupingPairs(text)) {
          const without = text.slice(0, open) + text.slice(open + 1, close) + text.slice(close + 1);
          expect(canonicalOrNull(without), text).not.toBe(text);
        }
      }),
      { numRuns: 300 },
    );
  });
});

function canonicalOrNull(text: string): string | null {
  try {
    return print(parse(text));
  } catch {
    return null;
  }
}

/** Positions of matching parentheses that follow no name. */
function groupingPairs(text: string): [number, number][] {
  const pairs: [number, number][] = [];
  const open: number[] = [];
  for (const [i, character] of Array.from(text).entries()) {
    if (character === '(') open.push(i);
    if (character === ')') {
      const start = open.pop() ?? 0;
      if (!/[a-z]/.test(text[start - 1] ?? '')) pairs.push([start, i]);
    }
  }
  return pairs;
}

test('depth, digits and operators of a tree', () => {
  const tree = parse('max(-12,next(3))*--4');
  expect(depth(tree)).toBe(3);
  expect(depth(parse('-7'))).toBe(0);
  expect(digits(tree)).toBe(2);
  expect(operatorsOf(tree)).toEqual(new Set(['*', 'max', 'next']));
});
