/** Lists of operators in the form of the command line. */

import { expect, test } from 'vitest';
import { ArgumentError } from '../../../src/base/arguments.ts';
import { DEFAULT_OPERATORS, parseOperators } from '../../../src/tasks/expressions/operators.ts';

test('reads lists', () => {
  expect(parseOperators('+,-,*')).toEqual(['+', '-', '*']);
  expect(parseOperators(' % , max ')).toEqual(['%', 'max']);
  expect(DEFAULT_OPERATORS).toEqual(parseOperators('+,-,*,/,min,max,next,prev,abs'));
});

test.each([
  ['', 'empty'],
  ['+,', '"" is not an operator'],
  ['+-', '"+-" is not an operator'],
  ['sqrt', '"sqrt" is not an operator'],
  ['+,-,+', '"+" is listed twice'],
])('refuses %j', (text, message) => {
  expect(() => parseOperators(text)).toThrow(ArgumentError);
  expect(() => parseOperators(text)).toThrow(message);
});
