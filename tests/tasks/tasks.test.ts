/** Properties that every built-in task must have. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { RandomStream } from '../../src/base/randomStream.ts';
import { ProblemStream } from '../../src/tasks/arithmetic/generator.ts';
import { grade } from '../../src/tasks/arithmetic/grader.ts';
import { partialCredit } from '../../src/tasks/arithmetic/partialCredit.ts';
import { reverseNumbers, SampleStream, sample } from '../../src/tasks/arithmetic/sample.ts';
import { splitOf } from '../../src/tasks/arithmetic/split.ts';
import { ARITHMETIC, arithmetic } from '../../src/tasks/arithmetic/task.ts';
import { decode } from '../../src/tasks/arithmetic/tokenizer.ts';
import { distinct } from '../../src/tasks/distinct.ts';
import { parse } from '../../src/tasks/expressions/parser.ts';
import { sorting } from '../../src/tasks/sorting.ts';
import { TaskStream } from '../../src/tasks/stream.ts';
import { checkVocabulary, type Task, type TaskProblem } from '../../src/tasks/task.ts';
import { tokenizerOf } from '../../src/tasks/tokenizer.ts';
import { shareExcess } from './arithmetic/chiSquare.ts';

const random = (item: number) => new RandomStream({ seed: 3, stream: 9, item });

/** Examples of arithmetic come in the form of its prompt alone, as those of sorting do. */
const PROMPTED = { littleProbability: 0, scratchpadProbability: 1 };

describe.each<[string, () => Task, number]>([
  ['arithmetic', () => arithmetic({ maxDigits: 1, maxDepth: 2, operators: '+,-', ...PROMPTED }), 200],
  ['sort', () => sorting({ maxDigits: 4 }), 200],
])('%s', (name, make, size) => {
  let task: Task;
  let problems: readonly TaskProblem[];
  beforeAll(() => {
    task = make();
    const stream = new TaskStream(task, { seed: 5, stream: 7 });
    problems = Array.from({ length: 300 }, () => stream.next());
  });

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
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (item, form) => {
        const { tokenizer } = task;
        const problem = task.draw(random(item), item % task.levels.length);
        const { tokens, promptLength } = task.example(problem, random(form));
        expect(tokens.slice(0, promptLength)).toEqual(task.prompt(problem));
        expect(Math.max(...tokens)).toBeLessThan(tokenizer.vocabSize);
        expect(tokenizer.encode(tokenizer.decode(tokens))).toEqual(tokens);
        expect(tokens.indexOf(tokenizer.eos)).toBe(tokens.length - 1);
        const completion = tokens.slice(promptLength);
        expect(task.grade(problem, completion)).toMatchObject({ outcome: 'correct', answer: problem.answer });
        expect(task.grade(problem, [...completion, ...completion]).outcome).toBe('correct'); // what follows the end
        expect(task.grade(problem, completion.slice(0, -1)).outcome).toBe('unfinished');
        expect(task.grade(problem, [tokenizer.eos])).toMatchObject({ outcome: 'no answer', answer: null });
        expect(task.grade({ ...problem, answer: 'x' }, completion).outcome).toBe('wrong');
      }),
    );
  });

  test('the example of one problem is right for another if, and only if, their answers are the same', () => {
    fc.assert(
      fc.property(fc.nat({ max: 299 }), fc.nat({ max: 299 }), (i, j) => {
        const [one, other] = [problems[i], problems[j]];
        if (!one || !other) throw new Error('no problem');
        const { tokens, promptLength } = task.example(one, random(j));
        const { outcome } = task.grade(other, tokens.slice(promptLength));
        expect(outcome).toBe(one.answer === other.answer ? 'correct' : 'wrong');
      }),
    );
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
      const { tokens, promptLength } = task.example(problem, random(0));
      const completion = tokens.slice(promptLength);
      // Not right after a comma: what separates steps is a comma and a space.
      const pieces = completion
        .map((_, end) => completion.slice(0, end))
        .filter((piece) => !task.tokenizer.decode(piece).endsWith(','));
      const credits = pieces.map((piece) => task.partialCredit?.(problem, piece) ?? 0);
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
});

describe('arithmetic', () => {
  test('with few problems holds out all there are, and throws what is no lack of problems', () => {
    const { heldOut } = arithmetic({ maxDigits: 1, maxDepth: 1, operators: 'abs' });
    const all = Array.from({ length: 19 }, (_, i) => `abs(${i - 9})`);
    const wanted = all.filter((text) => splitOf(parse(text)) === 'evaluation');
    expect(wanted.length).toBeGreaterThan(0);
    expect(
      heldOut(100)
        .map(({ expression }) => expression.replaceAll(' ', ''))
        .toSorted(),
    ).toEqual(wanted.toSorted());
    expect(heldOut(1)).toEqual(heldOut(100).slice(0, 1));
    expect(() => heldOut(0)).toThrow('size: got 0');
  });

  test('an example is the solution of its own problem in the form that its first token announces', () => {
    const task = arithmetic({ maxDigits: 2, operators: '+,-,*,max' });
    const forms = new Map<string, number>();
    const sameDraw = { count: 0 };
    for (let item = 0; item < 400; item++) {
      const problem = task.draw(random(item), task.levels.length - 1);
      const form = new RandomStream({ seed: 3, stream: 9, item, lane: 1 });
      const { tokens, promptLength } = task.example(problem, form);
      const text = decode(tokens);
      const [, order = '', expression = '', kind = ''] =
        /^<sos><(big|little)>([^<]+)<(\w+)>/.exec(text) ?? [];
      forms.set(`${order} ${kind}`, (forms.get(`${order} ${kind}`) ?? 0) + 1);
      expect(order === 'little' ? reverseNumbers(expression) : expression).toBe(problem.expression);
      expect(decode(tokens.slice(0, promptLength)).endsWith(`<${kind}>`)).toBe(true);
      expect(text.endsWith(`<answer>${problem.answer}<eos>`)).toBe(true);
      if (random(item).bool(0.5) === (order === 'little')) sameDraw.count++;
    }
    expect([...forms.keys()].toSorted()).toEqual([
      'big answer',
      'big scratchpad',
      'little answer',
      'little scratchpad',
    ]);
    // The form has random numbers of its own: it does not follow from those of the problem.
    expect(shareExcess(sameDraw.count, 400, 0.5)).toBeLessThanOrEqual(0);
  });

  test('partial credit is that of the steps', () => {
    const problem = ARITHMETIC.draw(random(1), 0);
    const { tokens, promptLength } = sample(problem, { little: false, scratchpad: true });
    const { steps } = grade(problem, tokens.slice(promptLength));
    const credit = ARITHMETIC.partialCredit?.(problem, tokens.slice(promptLength));
    expect(credit).toBe(partialCredit(problem.tree, steps));
    expect(credit).toBeGreaterThan(0);
  });
});

test('a model of another vocabulary is refused', () => {
  expect(() => checkVocabulary(sorting(), { vocabSize: 14 })).not.toThrow();
  expect(() => checkVocabulary(sorting(), { vocabSize: 57 })).toThrow(
    expect.objectContaining({
      code: 'WRONG_VOCABULARY',
      where: 'sort',
      message: "the model's vocabulary has 57 tokens, that of the task sort 14; give a model of vocabSize 14",
      fix: 'give a model of vocabSize 14',
    }),
  );
});

describe('sort', () => {
  test('its problems and its tokens', () => {
    const task = sorting({ maxDigits: 3 });
    const problem = task.draw(random(4), 2);
    expect(problem.expression).toMatch(/^sort \d \d \d =$/);
    expect(task.tokenizer.vocabSize).toBe(14);
    expect(task.tokenizer.encode('sort 4 1 =1 4<eos>')).toEqual([12, 10, 4, 10, 1, 10, 11, 1, 10, 4, 13]);
    const credit = (text: string) =>
      task.partialCredit?.({ expression: '', answer: '1 3 4' }, task.tokenizer.encode(text));
    expect([credit('1 3 5'), credit('1 3 4 4'), credit('1 3<eos> 4')]).toEqual([0.5, 0.75, 0.5]);
    expect(() => task.tokenizer.encode('sort 4x')).toThrow(
      'no token begins "x" at position 6; use "0123456789 =sort<eos>"',
    );
    expect(() => task.tokenizer.decode([4, 14])).toThrow(
      '14 is no token id at position 1; use integers from 0 to 13',
    );
    expect(task.grade(problem, task.tokenizer.encode('1 2')).answer).toBe('1 2');
  });

  test('few digits have few held-out problems', () => {
    const one = sorting({ maxDigits: 1 }).heldOut(100);
    expect(one.length).toBeLessThan(5);
    for (let item = 0; item < 100; item++) sorting({ maxDigits: 1 }).draw(random(item), 0);
    for (const maxDigits of [0, 1.5, 101]) {
      expect(() => sorting({ maxDigits })).toThrow(`maxDigits is ${maxDigits}, not an integer from 1 to 100`);
    }
    expect(sorting({ maxDigits: 100 }).levels.at(-1)).toBe('digits_100');
  });

  test('levels have as many digits as they say, and problems their digits in order', () => {
    const task = sorting({ maxDigits: 5 });
    for (const [level, name] of task.levels.entries()) {
      expect(name).toBe(`digits_${level + 1}`);
      for (let item = 0; item < 20; item++) {
        const { expression, answer } = task.draw(random(item), level);
        const digits = expression.match(/\d/g) ?? [];
        expect(digits.length).toBe(level + 1);
        expect(expression).toBe(`sort ${digits.join(' ')} =`);
        expect(answer).toBe([...digits].sort().join(' '));
      }
    }
  });

  test('a level without problems to train on is an error', () => {
    const [heldOut] = sorting({ maxDigits: 1 }).heldOut(1);
    class Always extends RandomStream {
      override integerBelow(): number {
        return Number(heldOut?.answer);
      }
    }
    const random = new Always({ seed: 0, stream: 0 });
    expect(() => sorting({ maxDigits: 1 }).draw(random, 0)).toThrow('sort: nothing to train on at level 0');
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
