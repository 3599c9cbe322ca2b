/** Countdown: its problems can be solved, and nothing but a solution is graded as one. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RandomStream } from '../../../src/base/randomStream.ts';
import { COUNTDOWN_OPERATORS, isSolution, solutionOf } from '../../../src/tasks/countdown/solution.ts';
import { countdown } from '../../../src/tasks/countdown/task.ts';
import { evaluateText } from '../../../src/tasks/expressions/parser.ts';
import { TaskStream } from '../../../src/tasks/stream.ts';
import type { TaskProblem } from '../../../src/tasks/task.ts';
import { isRight } from './independent.ts';

const random = (item: number) => new RandomStream({ seed: 3, stream: 9, item });
const task = countdown({ numbers: 4 });
const { encode, decode, eos } = task.tokenizer;
const said = (text: string, end = true): number[] => [...encode(text), ...(end ? [eos] : [])];

/** The numbers and the target of a problem, read from its text. */
function given({ expression }: TaskProblem) {
  const [target = 0, ...numbers] = (expression.match(/\d+/g) ?? []).map(Number);
  return { target, numbers, operators: COUNTDOWN_OPERATORS };
}
const outcome = (problem: TaskProblem, completion: string) => task.grade(problem, said(completion)).outcome;

describe('problems', () => {
  test('are within the options, and solved by their answers', () => {
    const options = { numbers: 5, maxNumber: 9, minTarget: 10, maxTarget: 30 };
    const { levels, draw } = countdown(options);
    expect(levels).toEqual(['numbers_2', 'numbers_3', 'numbers_4', 'numbers_5']);
    for (const [level] of levels.entries()) {
      for (let item = 0; item < 100; item++) {
        const problem = draw(random(item), level);
        expect(draw(random(item), level)).toEqual(problem);
        const { numbers, target } = given(problem);
        expect(numbers.length).toBe(level + 2);
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
        for (const number of numbers) expect(number >= 1 && number <= 9).toBe(true);
        expect(target >= 10 && target <= 30).toBe(true);
        expect(isRight(problem.answer, numbers, target)).toBe(true);
      }
    }
  });

  test('use the operators of the options alone, and only these are right', () => {
    const sums = countdown({ numbers: 3, operators: '-,+' });
    for (let item = 0; item < 100; item++) {
      expect(sums.draw(random(item), 1).answer).toMatch(/^[0-9+()-]+$/);
    }
    const problem = { expression: 'make 6 from 1 2 3:', answer: '1+2+3' };
    expect(sums.grade(problem, said('<answer>1*2*3')).outcome).toBe('wrong');
    expect(outcome(problem, '<answer>1*2*3')).toBe('correct');
  });

  test('of all kinds of operators occur, fractions on the way among them', () => {
    const answers = Array.from({ length: 300 }, (_, item) => task.draw(random(item), 2).answer).join(' ');
    for (const operator of COUNTDOWN_OPERATORS) expect(answers).toContain(operator);
    const fraction = { expression: 'make 24 from 3 3 8 8:', answer: '8/(3-8/3)' };
    expect(outcome(fraction, '<answer>8/(3-8/3)')).toBe('correct');
    expect(outcome(fraction, '<answer>8/(3-8/3)+0')).toBe('wrong');
  });

  test('held out are distinct, the same every time, and never trained on, whatever the options', () => {
    const heldOut = task.heldOut(300).map(({ expression }) => expression);
    expect(new Set(heldOut).size).toBe(300);
    expect(task.heldOut(300).map(({ expression }) => expression)).toEqual(heldOut);
    const small = countdown({ numbers: 2, maxNumber: 9 });
    const all = new Set(small.heldOut(1000).map(({ expression }) => expression));
    expect(all.size).toBeGreaterThan(3);
    for (const options of [
      { numbers: 2, maxNumber: 9 },
      { numbers: 3, maxNumber: 9, maxTarget: 25 },
    ]) {
      const stream = new TaskStream(countdown(options), { seed: 1, stream: 0, level: 0 });
      for (let i = 0; i < 500; i++) expect(all.has(stream.next().expression)).toBe(false);
    }
  });

  test('are found where targets are rare, and levels without any are left out', () => {
    const rare = countdown({ numbers: 5, minTarget: 500, maxTarget: 500 });
    expect(rare.levels).toEqual(['numbers_3', 'numbers_4', 'numbers_5']); // Two numbers make at most 400.
    const drawn = Array.from({ length: 150 }, (_, item) => rare.draw(random(item), item % 3));
    const heldOut = rare.heldOut(100);
    expect(heldOut.length).toBe(100);
    for (const [i, problem] of [...drawn, ...heldOut].entries()) {
      const { numbers, target } = given(problem);
      expect(numbers.length).toBe(i < 150 ? 3 + (i % 3) : 5);
      expect(Math.max(...numbers)).toBeLessThanOrEqual(20);
      expect(target).toBe(500);
      expect(isRight(problem.answer, numbers, target)).toBe(true);
    }
    const trained = new Set(drawn.map(({ expression }) => expression));
    expect(heldOut.filter(({ expression }) => trained.has(expression))).toEqual([]);
  });

  test('that cannot be are none', () => {
    const none = countdown({ numbers: 2, maxNumber: 2, minTarget: 9000, maxTarget: 9001 });
    expect(none.heldOut(1)).toEqual([]);
    expect(() => none.draw(random(0), 0)).toThrow('nothing to train on');
  });
});

describe('the grader', () => {
  const problem = { expression: 'make 24 from 3 8 9:', answer: '3*(9-8)*8' };

  test.each([
    ['9*8/3', 'correct'],
    ['8*9/3', 'correct'],
    ['9 * ( 8 / 3 )', 'correct'],
    ['((9))*((8)/3)', 'correct'],
    ['8/3*9', 'correct'],
    ['9*8', 'wrong'],
    ['9*8/3*1', 'wrong'],
    ['9*8/3+3-3', 'wrong'],
    ['9*8/03', 'wrong'],
    ['24', 'wrong'],
    ['9*8/3=24', 'wrong'],
    ['24=9*8/3', 'wrong'],
    ['9*8/3, 9*8/3', 'wrong'],
    ['9*8/3<answer>9*8/3', 'wrong'],
    ['9*8/3 9*8/3', 'wrong'],
    ['-9*8/-3', 'wrong'],
    ['0-9*8/(0-3)', 'wrong'],
    ['-(3-9)*8', 'wrong'],
    ['(3-9)*-8/2', 'wrong'],
    ['98/3', 'wrong'],
    ['3 9 8', 'wrong'],
    ['9**8/3', 'wrong'],
    ['9*8//3', 'wrong'],
    ['9*8/(3', 'wrong'],
    ['9*8/3)', 'wrong'],
    ['()9*8/3', 'wrong'],
    ['9(8)/3', 'wrong'],
    ['9*8/(3-3)', 'wrong'],
    ['make 24 from 3 8 9:', 'wrong'],
    ['', 'wrong'],
    [' ', 'wrong'],
  ])('of %j says %s', (answer, expected) => {
    expect(outcome(problem, `<answer>${answer}`)).toBe(expected);
    expect(outcome(problem, `9*8=72, 72/3=24<answer>${answer}`)).toBe(expected);
  });

  test('counts equal numbers', () => {
    const twice = { expression: 'make 10 from 5 5 10:', answer: '5-5+10' };
    expect(outcome(twice, '<answer>10+5-5')).toBe('correct');
    expect(outcome(twice, '<answer>5+5')).toBe('wrong');
    expect(outcome(twice, '<answer>10')).toBe('wrong');
    expect(outcome({ ...twice, expression: 'make 10 from 5 5 10 10:' }, '<answer>10+5-5')).toBe('wrong');
  });

  test('needs an end, and an answer before it', () => {
    expect(task.grade(problem, said('<answer>9*8/3', false))).toEqual({
      outcome: 'unfinished',
      answer: '9*8/3',
    });
    expect(task.grade(problem, said('9*8/3'))).toEqual({ outcome: 'no answer', answer: null });
    expect(task.grade(problem, [eos, ...said('<answer>9*8/3')])).toEqual({
      outcome: 'no answer',
      answer: null,
    });
    expect(task.grade(problem, [...said('<answer>9*8/3'), ...said('<answer>1')]).outcome).toBe('correct');
  });

  test('answers at once for what is large or deep', () => {
    for (const text of ['('.repeat(4000), `${'('.repeat(1500)}9*8/3${')'.repeat(1500)}`, '9'.repeat(4000)]) {
      expect(outcome(problem, `<answer>${text}`)).toBe('wrong');
    }
    expect(outcome(problem, `<answer>${'9*'.repeat(2000)}9`)).toBe('wrong');
  });

  const problems = Array.from({ length: 200 }, (_, item) => task.draw(random(item), item % 3));
  test('takes every solution that was drawn, and of changed ones those that an independent judge takes', () => {
    let right = 0;
    fc.assert(
      fc.property(
        fc.nat({ max: 199 }),
        fc.array(
          fc.record({
            at: fc.nat({ max: 30 }),
            drop: fc.nat({ max: 2 }),
            put: fc.stringMatching(/^[0-9+\-*/() ]{0,2}$/),
          }),
          { maxLength: 2 },
        ),
        (i, changes) => {
          const each = problems[i];
          if (!each) throw new Error('no problem');
          const { numbers, target } = given(each);
          const changed = changes.reduce(
            (text, { at, drop, put }) => text.slice(0, at) + put + text.slice(at + drop),
            each.answer,
          );
          const expected = isRight(changed, numbers, target);
          right += expected && changed !== each.answer ? 1 : 0;
          expect(outcome(each, `<answer>${changed}`)).toBe(expected ? 'correct' : 'wrong');
          expect(outcome(each, `<answer>${each.answer}`)).toBe('correct');
        },
      ),
      { numRuns: 3000 },
    );
    expect(right).toBeGreaterThan(0);
  });

  test('agrees with the judge on expressions of the right numbers, in any order, with any operators', () => {
    const seen = { correct: 0, wrong: 0 };
    const operator = fc.constantFrom(...COUNTDOWN_OPERATORS);
    fc.assert(
      fc.property(
        fc.nat({ max: 199 }),
        fc.tuple(operator, operator, operator),
        fc.boolean(),
        fc.infiniteStream(fc.nat({ max: 23 })),
        (i, operators, grouped, order) => {
          const each = problems[i];
          if (!each) throw new Error('no problem');
          const { numbers, target } = given(each);
          const shuffled = numbers
            .map((number) => ({ number, key: order.next().value ?? 0 }))
            .toSorted((a, b) => a.key - b.key)
            .map(({ number }) => number);
          const [first = 0, ...rest] = shuffled;
          const text = rest.reduce(
            (before, number, at) =>
              grouped ? `(${before})${operators[at]}${number}` : `${before}${operators[at]}${number}`,
            `${first}`,
          );
          const expected = isRight(text, numbers, target);
          seen[expected ? 'correct' : 'wrong'] += 1;
          expect(isSolution(text, given(each))).toBe(expected);
        },
      ),
      { numRuns: 3000 },
    );
    expect(Math.min(seen.correct, seen.wrong)).toBeGreaterThan(20);
  });
});

describe('worked examples', () => {
  test('have steps that are true as written, and end in the answer', () => {
    let fractions = 0;
    for (let item = 0; item < 300; item++) {
      const problem = task.draw(random(item), item % 3);
      const { tokens, promptLength } = task.example(problem, random(item));
      const [steps = '', answer = ''] = decode(tokens.slice(promptLength, -1)).split('<answer>');
      expect(answer).toBe(problem.answer);
      const equations = steps.split(', ');
      expect(equations.length).toBe((item % 3) + 1);
      for (const equation of equations) {
        const [left = '', right = ''] = equation.split('=');
        expect(evaluateText(left).toString(), equation).toBe(right);
        fractions += right.includes('/') ? 1 : 0;
      }
      expect(equations.at(-1)?.split('=')[1]).toBe(`${given(problem).target}`);
    }
    expect(fractions).toBeGreaterThan(0);
  });

  test('lack the steps where the options say so', () => {
    const bare = countdown({ scratchpadProbability: 0 });
    const problem = bare.draw(random(0), 0);
    const { tokens, promptLength } = bare.example(problem, random(0));
    expect(decode(tokens.slice(promptLength))).toBe(`<answer>${problem.answer}<eos>`);
  });
});

test('partial credit is the share of the numbers that an expression uses', () => {
  const problem = { expression: 'make 24 from 3 8 9:', answer: '3*(9-8)*8' };
  const credit = (answer: string) => task.partialCredit?.(problem, said(answer));
  expect(credit('<answer>9*8/3')).toBe(0.75);
  expect(credit('<answer>9*8')).toBe(0.5);
  expect(credit('<answer>9+9')).toBe(0);
  expect(credit('<answer>9*8/3+1')).toBe(0.5);
  expect(credit('<answer>9*(8')).toBe(0);
  expect(credit('9*8/3')).toBe(0);
});

describe('a problem that a person writes', () => {
  test('is solved, or told to have no solution', () => {
    for (const text of ['make 24 from 3 8 9:', '24 from 9 8 3', ' 24 from 8 3 9 ']) {
      const problem = task.problemOf?.(text);
      expect(problem?.expression).toBe('make 24 from 3 8 9:');
      expect(isRight(problem?.answer ?? '', [3, 8, 9], 24)).toBe(true);
    }
    expect(() => task.problemOf?.('1000 from 1 2')).toThrow(/nothing makes 1000 from 1 2; ask for another/);
    expect(() => task.problemOf?.('24: 3 8 9')).toThrow(/is no problem; write "make 24 from 3 8 9:"/);
  });

  test.each([
    '0 from 3 3',
    '24 from 0 24',
    '24 from 24',
    '024 from 3 8 9',
    '5 from 1 2 3 4 5 6 7',
    '24 from ３ 8 9',
  ])('has 2 to 6 numbers from 1 on, unlike %s', (text) => {
    expect(() => task.problemOf?.(text)).toThrow(/is no problem; write .* with 2 to 6 numbers from 1 on/);
  });

  test('needs fractions at times: the famous 24 from 3 3 8 8', () => {
    const { answer } = task.problemOf?.('24 from 3 3 8 8') ?? { answer: '' };
    expect(isRight(answer, [3, 3, 8, 8], 24)).toBe(true);
    expect(solutionOf({ numbers: [3, 3, 8, 8], target: 24, operators: ['+', '-', '*'] })).toBeUndefined();
  });
});

test.each<[object, RegExp]>([
  [{ numbers: 1 }, /numbers is 1; give an integer from 2 to 6/],
  [{ numbers: 2.5 }, /numbers is 2.5/],
  [{ maxNumber: 0 }, /maxNumber is 0; give an integer from 1 to 999/],
  [{ minTarget: 50, maxTarget: 40 }, /maxTarget is 40; give an integer from 50 to 9999/],
  [{ operators: '+,%' }, /"%" is not an operator; give a comma-separated list out of \+ - \* \//],
  [{ operators: [] }, /the list is empty/],
  [{ maxDigits: 3 }, /there is no option 'maxDigits'/],
])('refuses %j', (options, message) => {
  expect(() => countdown(options)).toThrow(message);
});
