/** What every task promises, of those that come built in. */
import { describe, expect, test } from 'vitest';
import { ProblemStream } from '../../src/math/generator.ts';
import { RandomStream } from '../../src/math/randomStream.ts';
import { SampleStream } from '../../src/math/sample.ts';
import { arithmetic } from '../../src/tasks/arithmetic.ts';
import { distinct } from '../../src/tasks/distinct.ts';
import { sorting } from '../../src/tasks/sorting.ts';
import { TaskStream } from '../../src/tasks/stream.ts';
import type { Task } from '../../src/tasks/task.ts';
import { tokenizerOf } from '../../src/tasks/tokenizer.ts';

const random = (item: number) => new RandomStream({ seed: 3, stream: 9, item });

describe.each<[string, Task, number]>([
  ['arithmetic', arithmetic({ maxDigits: 1, maxDepth: 2, operators: '+,-' }), 200],
  ['sort', sorting({ maxDigits: 4 }), 200],
])('%s', (name, task, size) => {
  const stream = new TaskStream(task, { seed: 5, stream: 7 });
  const problems = Array.from({ length: 300 }, () => stream.next());

  test('is called that, and has levels', () => {
    expect(task.name).toBe(name);
    expect(new Set(task.levels).size).toBe(task.levels.length);
    expect(task.levels.length).toBeGreaterThan(1);
  });

  test('problems are functions of their random numbers', () => {
    for (const [level] of task.levels.entries()) {
      expect(task.draw(random(1), level)).toEqual(task.draw(random(1), level));
    }
    expect(new Set(problems.map(({ expression }) => expression)).size).toBeGreaterThan(100);
  });

  test('an example begins with the prompt, is correct, and its answer alone is', () => {
    for (let item = 0; item < 50; item++) {
      const problem = task.draw(random(item), task.levels.length - 1);
      const { tokens, promptLength } = task.example(problem, random(item + 1000));
      expect(Math.max(...tokens)).toBeLessThan(task.tokenizer.vocabSize);
      expect(task.tokenizer.encode(task.tokenizer.decode(tokens))).toEqual(tokens);
      expect(tokens.indexOf(task.tokenizer.eos)).toBe(tokens.length - 1);
      if (tokens.slice(0, promptLength).join() !== task.prompt(problem).join()) continue;
      const completion = tokens.slice(promptLength);
      expect(task.grade(problem, completion)).toMatchObject({ outcome: 'correct', answer: problem.answer });
      expect(task.grade(problem, completion.slice(0, -1)).outcome).toBe('unfinished');
      expect(task.grade(problem, [task.tokenizer.eos])).toMatchObject({ outcome: 'no answer', answer: null });
      expect(task.grade({ ...problem, answer: 'x' }, completion).outcome).toBe('wrong');
    }
  });

  test('held-out problems are distinct, the same every time, and none is trained on', () => {
    const heldOut = task.heldOut(size);
    expect(heldOut.length).toBe(size);
    expect(task.heldOut(size)).toEqual(heldOut);
    const expressions = new Set(heldOut.map(({ expression }) => expression));
    expect(expressions.size).toBe(size);
    for (const { expression } of problems) expect(expressions.has(expression)).toBe(false);
  });

  test('partial credit rises with every right piece, and stays below 1', () => {
    for (const problem of problems.slice(0, 50)) {
      const solved = task.example(problem, random(0));
      const completion = solved.tokens.slice(solved.promptLength);
      if (solved.tokens.slice(0, solved.promptLength).join() !== task.prompt(problem).join()) continue;
      const credits = completion.map(
        (_, end) => task.partialCredit?.(problem, completion.slice(0, end)) ?? 0,
      );
      expect(credits).toEqual(credits.toSorted((a, b) => a - b));
      expect(credits[0]).toBe(0);
      expect(task.partialCredit?.(problem, completion)).toBeLessThan(1);
      expect(task.partialCredit?.(problem, completion)).toBeGreaterThanOrEqual(0.5);
    }
  });
});

test('the streams of arithmetic are those of mathformer/math', () => {
  const options = { maxDigits: 2, maxDepth: 3, operators: ['+', '/', 'max'] } as const;
  const forms = { littleProbability: 0.3, scratchpadProbability: 0.6 };
  const own = new TaskStream(arithmetic({ ...options, ...forms }), { seed: 8, stream: 2 });
  const problems = new ProblemStream({ ...options, seed: 8 }, { stream: 2 });
  for (let i = 0; i < 20; i++) expect(own.next()).toEqual(problems.next());
  own.cursor = 0;
  const samples = new SampleStream({ ...options, ...forms, seed: 8 }, { stream: 2 });
  for (let i = 0; i < 20; i++) expect(own.nextExample()).toEqual(samples.next());
});

test('a level of arithmetic has a digit and a depth less than the one above', () => {
  expect(arithmetic({ maxDigits: 2, maxDepth: 4 }).levels).toEqual([
    'digits_1_depth_1',
    'digits_1_depth_2',
    'digits_1_depth_3',
    'digits_2_depth_4',
  ]);
  const { draw } = arithmetic({ maxDigits: 3, maxDepth: 1, operators: '+' });
  for (let item = 0; item < 50; item++) {
    expect(draw(random(item), 0).canonical).toMatch(/^-?\d\+\(?-?\d\)?$/);
  }
  expect(() => draw(random(0), 3)).toThrow('none of index 3');
  expect(arithmetic({ maxDigits: 1, maxDepth: 1, operators: 'abs' }).heldOut(100).length).toBeLessThan(10);
});

describe('sort', () => {
  test('its problems and its tokens', () => {
    const task = sorting({ maxDigits: 3 });
    const problem = task.draw(random(4), 2);
    expect(problem.expression).toMatch(/^sort \d \d \d =$/);
    expect(task.tokenizer.vocabSize).toBe(14);
    expect(task.tokenizer.encode('sort 4 1 =1 4<eos>')).toEqual([12, 10, 4, 10, 1, 10, 11, 1, 10, 4, 13]);
    expect(task.partialCredit?.({ expression: '', answer: '1 3 4' }, task.tokenizer.encode('1 3 5'))).toBe(
      0.5,
    );
    expect(() => task.tokenizer.encode('sort 4x')).toThrow(/no token begins "x" at position 6/);
    expect(() => task.tokenizer.decode([14])).toThrow(/14 is no token id/);
  });

  test('few digits have few held-out problems', () => {
    const one = sorting({ maxDigits: 1 }).heldOut(100);
    expect(one.length).toBeLessThan(5);
    for (let item = 0; item < 100; item++) sorting({ maxDigits: 1 }).draw(random(item), 0);
    expect(() => sorting({ maxDigits: 0 })).toThrow('maxDigits is 0');
  });
});

describe('distinct', () => {
  const problemOf = (i: number) => ({ expression: String(i), answer: '' });
  test('leaves out repetitions, and ends where there is nothing new', () => {
    expect(distinct(3, (i) => problemOf(i >> 1)).map(({ expression }) => expression)).toEqual([
      '0',
      '1',
      '2',
    ]);
    expect(distinct(30, (i) => problemOf(i % 7)).length).toBe(7);
    expect(distinct(5, () => undefined)).toEqual([]);
  });
});

test('tokens are distinct, and the end is one of them', () => {
  expect(() => tokenizerOf(['a', 'a', '.'], '.')).toThrow('distinct');
  expect(() => tokenizerOf(['a', ''], 'a')).toThrow('not empty');
  expect(() => tokenizerOf(['a'], '.')).toThrow('one of them');
  const tokenizer = tokenizerOf(['a', 'ab', 'b', '.'], '.');
  expect(tokenizer.encode('aabb.')).toEqual([0, 1, 2, 3]);
  expect(tokenizer.decode([0, 1, 2, 3])).toBe('aabb.');
});
