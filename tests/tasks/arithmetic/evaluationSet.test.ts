/** Evaluation sets: distinct, disjoint from training, stable, and checked when read. */

import { beforeAll, describe, expect, test } from 'vitest';
import { ArgumentError } from '../../../src/base/arguments.ts';
import {
  type EvaluationProblem,
  EvaluationSetError,
  evaluationSet,
  parseEvaluationSet,
  serialiseEvaluationSet,
} from '../../../src/tasks/arithmetic/evaluationSet.ts';
import { type Problem, ProblemSpaceError, ProblemStream } from '../../../src/tasks/arithmetic/generator.ts';
import { splitOf } from '../../../src/tasks/arithmetic/split.ts';
import { print } from '../../../src/tasks/expressions/expression.ts';
import { evaluateText, parse } from '../../../src/tasks/expressions/parser.ts';

const tiny = { operators: '+,-', maxDepth: 1, minDigits: 1, maxDigits: 1 };

test('rows are distinct problems with their answers and descriptions', () => {
  const rows = evaluationSet({ size: 400, seed: 9 });
  expect(new Set(rows.map(({ expression }) => print(parse(expression)))).size).toBe(400);
  for (const [i, row] of rows.entries()) {
    expect(row.id).toBe(i);
    expect(evaluateText(row.expression).toString()).toBe(row.answer);
    expect(row.depth).toBeGreaterThanOrEqual(1);
    expect(row.depth).toBeLessThanOrEqual(3);
    const numbers = row.expression.match(/\d+/g) ?? [];
    expect(row.digits).toBe(Math.max(...numbers.map(({ length }) => length)));
    for (const name of ['min', 'max', 'next', 'prev', 'abs', '*', '/', '+'] as const) {
      expect(row.operators.includes(name)).toBe(row.expression.includes(name));
    }
  }
});

test('same options same set, a larger set begins with the smaller, another seed gives another', () => {
  const rows = evaluationSet({ size: 50, seed: 1 });
  expect(evaluationSet({ size: 50, seed: 1 })).toEqual(rows);
  expect(evaluationSet({ size: 80, seed: 1 }).slice(0, 50)).toEqual(rows);
  expect(evaluationSet({ size: 50, seed: 2 })).not.toEqual(rows);
});

test('no training stream holds any of its problems, in a space small enough to be exhausted', () => {
  const held = new Set(
    evaluationSet({ ...tiny, size: 60, seed: 3 }).map(({ expression }) => print(parse(expression))),
  );
  const stream = new ProblemStream({ ...tiny, seed: 3 });
  for (let i = 0; i < 5000; i++) expect(held.has(stream.next().canonical)).toBe(false);
});

test('a space that is too small is exhausted and counted', () => {
  const numbers = Array.from({ length: 19 }, (_, i) => i - 9);
  const texts = numbers.flatMap((a) => ['next', 'prev', 'abs'].map((name) => `${name}(${a})`));
  const exist = texts.filter((text) => splitOf(parse(text)) === 'evaluation').length;
  const options = { operators: 'next,prev,abs', maxDepth: 1, maxDigits: 1, seed: 0 };
  expect(exist).toBeGreaterThan(0);
  expect(evaluationSet({ ...options, size: exist }).length).toBe(exist);
  const make = () => evaluationSet({ ...options, size: exist + 1 });
  expect(make).toThrow(ProblemSpaceError);
  expect(make).toThrow(expect.objectContaining({ found: exist }));
  expect(make).toThrow(`only ${exist} distinct evaluation problems`);
});

test('size is checked', () => {
  for (const size of [0, -1, 1.5, Number.NaN]) expect(() => evaluationSet({ size })).toThrow(ArgumentError);
});

describe('JSON lines', () => {
  let rows: readonly EvaluationProblem[];
  let text: string;
  let training: Problem;
  beforeAll(() => {
    rows = evaluationSet({ size: 30, operators: '+,-,*,/,%,min,max,next,prev,abs', seed: 5 });
    text = serialiseEvaluationSet(rows);
    training = new ProblemStream({ operators: '+', maxDepth: 1, minDigits: 2 }).at(0);
  });

  test('round trip', () => {
    expect(text.split('\n').length).toBe(31);
    expect(Object.keys(JSON.parse(text.split('\n')[0]))).toEqual([
      'id',
      'expression',
      'answer',
      'depth',
      'digits',
      'operators',
    ]);
    expect(parseEvaluationSet(text)).toEqual(rows);
    expect(parseEvaluationSet(text.trimEnd())).toEqual(rows);
  });

  const second = (change: object) => {
    const lines = text.trimEnd().split('\n');
    lines[1] = JSON.stringify({ ...JSON.parse(lines[1]), ...change });
    return lines.join('\n');
  };
  test.each([
    ['an empty file', () => '', 1, 'file'],
    ['no JSON', () => `${text.split('\n')[0]}\n{`, 2, 'line'],
    ['an array', () => '[]', 1, 'line'],
    ['a wrong answer', () => second({ answer: '1234567' }), 2, 'answer'],
    ['an answer that is a number', () => second({ answer: 3 }), 2, 'answer'],
    ['a missing field', () => second({ depth: undefined }), 2, 'depth'],
    ['wrong digits', () => second({ digits: 9 }), 2, 'digits'],
    ['wrong operators', () => second({ operators: [] }), 2, 'operators'],
    ['a wrong id', () => second({ id: 7 }), 2, 'id'],
    ['a syntax error', () => second({ expression: '1+' }), 2, 'expression'],
    ['a division by zero', () => second({ expression: '1/0' }), 2, 'expression'],
    ['no expression', () => second({ expression: 5 }), 2, 'expression'],
    [
      'a repeated problem',
      () => second({ ...rows[0], id: 1, expression: ` ${rows[0].expression}` }),
      2,
      'expression',
    ],
    [
      'a training problem',
      () =>
        second({
          expression: training.expression,
          answer: training.answer,
          depth: 1,
          digits: 2,
          operators: ['+'],
        }),
      2,
      'expression',
    ],
  ])('refuses %s', (_, broken, line, field) => {
    const text = broken();
    expect(() => parseEvaluationSet(text)).toThrow(EvaluationSetError);
    expect(() => parseEvaluationSet(text)).toThrow(expect.objectContaining({ line, field }));
  });
});
