/** Grading against the reference verdicts, as text and as tokens. */

import { describe, expect, test } from 'vitest';
import { extractAnswer, grade, isCorrect } from '../../../src/tasks/arithmetic/grader.ts';
import { encode } from '../../../src/tasks/arithmetic/tokenizer.ts';
import { ExpressionError } from '../../../src/tasks/expressions/expression.ts';
import { evaluateText } from '../../../src/tasks/expressions/parser.ts';
import { Rational } from '../../../src/tasks/expressions/rational.ts';
import cases from '../../fixtures/math/correctness.json' with { type: 'json' };

function valueOrNull(text: string): Rational | null {
  try {
    return evaluateText(text);
  } catch (error) {
    if (error instanceof ExpressionError) return null;
    throw error;
  }
}

describe('reference verdicts', () => {
  test(`all ${cases.length} agree`, () => {
    expect(cases.length).toBe(200);
    const verdicts = cases.map((item) => {
      const value = valueOrNull(item.expression);
      return { ...item, value: value?.toString() ?? null, correct: isCorrect(value, item.predicted) };
    });
    expect(verdicts).toEqual(cases);
    expect(cases.filter(({ correct }) => correct).length).toBeGreaterThan(40);
  });

  test('and as completions of tokens, where the text can be written in them', () => {
    const valued = cases.flatMap(({ value, ...item }) => (value === null ? [] : [{ ...item, value }]));
    const writable = valued.filter(({ predicted }) => /^[ %()*+,\-./0-9;=[\]^a-z]*$/.test(predicted));
    expect(writable.length).toBeGreaterThan(150);
    for (const { predicted, value, correct } of writable) {
      const graded = grade({ answer: value }, encode(`1=1<answer>${predicted}<eos>`));
      expect(graded.reward, predicted).toBe(correct ? 1 : 0);
      expect(graded.answer).toBe(predicted);
    }
  });
});

describe('completions', () => {
  const problem = { answer: '-1/3' };
  test.each([
    ['1+1=2<answer>-1/3<eos>', 1, 'correct', '-1/3', true],
    ['<answer>-1/3<eos>', 1, 'correct', '-1/3', true],
    ['<answer>-1/3<eos>9<answer>8<eos>', 1, 'correct', '-1/3', true],
    ['<answer>-1/3', 0, 'unfinished', '-1/3', false],
    ['1=1, 2', 0, 'unfinished', null, false],
    ['-1/3<eos>', 0, 'no answer', null, true],
    ['-1/3<eos><answer>-1/3<eos>', 0, 'no answer', null, true],
    ['<eos>', 0, 'no answer', null, true],
    ['<answer><eos>', 0, 'wrong', '', true],
    ['<answer>-2/6<eos>', 0, 'wrong', '-2/6', true],
    ['<answer>-1/3 <eos>', 0, 'wrong', '-1/3 ', true],
    ['<answer>5<answer>-1/3<eos>', 0, 'wrong', '5<answer>-1/3', true],
    ['<answer>-1<big>/3<eos>', 0, 'wrong', '-1<big>/3', true],
    ['', 0, 'unfinished', null, false],
  ])('%j', (text, reward, outcome, answer, finished) => {
    const completion = Uint32Array.from(encode(text));
    expect(grade(problem, completion)).toMatchObject({ reward, outcome, answer, finished });
    expect(extractAnswer(completion)).toBe(finished ? answer : null);
  });

  test('the steps are what stands before the answer', () => {
    expect(grade(problem, encode('1=1, 2=2<answer>3<eos>')).steps).toBe('1=1, 2=2');
    expect(grade(problem, encode('1=1, 2=')).steps).toBe('1=1, 2=');
  });

  test('a prompt that already ended with <answer>', () => {
    expect(grade(problem, encode('-1/3<eos>'), 'answer')).toMatchObject({ reward: 1, steps: '' });
    expect(grade(problem, encode('<answer>-1/3<eos>'), 'answer').reward).toBe(0);
    expect(extractAnswer(encode('7<eos>'), 'answer')).toBe('7');
  });

  test('the canonical form alone is correct', () => {
    const third = Rational.of(-1n, 3n);
    expect(isCorrect(third, '-1/3')).toBe(true);
    for (const text of ['-2/6', '1/-3', '-1/3 ', '-01/3', '']) expect(isCorrect(third, text)).toBe(false);
  });
});
