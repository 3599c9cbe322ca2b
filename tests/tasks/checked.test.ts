/** The return values of a user's task are checked; errors name the part and the index. Its arguments are copies. */
import { expect, test } from 'vitest';
import { RandomStream } from '../../src/base/randomStream.ts';
import { checkedTask } from '../../src/tasks/checked.ts';
import { sorting } from '../../src/tasks/sorting.ts';
import type { Task, TaskProblem } from '../../src/tasks/task.ts';

/** Sorting, with ids from 0 to 13. */
const GOOD = sorting();
const PROBLEM: TaskProblem = { expression: 'sort 4 1 3 =', answer: '1 3 4' };
const random = () => new RandomStream({ seed: 1, stream: 0 });
const PROMPT = GOOD.prompt(PROBLEM);

/** Return a task with a method whose result its type forbids, as plain JavaScript can. */
// biome-ignore lint/suspicious/noExplicitAny: the point is to return what the types forbid.
const giving = (value: unknown) => () => value as any;

const draw = (task: Task) => task.draw(random(), 0);
const held = (task: Task) => task.heldOut(3);
const prompt = (task: Task) => task.prompt(PROBLEM);
const example = (task: Task) => task.example(PROBLEM, random());
const grade = (task: Task) => task.grade(PROBLEM, [1, 2]);
const credit = (task: Task) => task.partialCredit?.(PROBLEM, [1]);

test.each<[string, Partial<Task>, (task: Task) => unknown, RegExp]>([
  [
    'a prompt with an id beyond',
    { prompt: giving([1, 77]) },
    prompt,
    /prompt of "sort 4 1 3 =" has the id 77 at index 1/,
  ],
  ['one that is negative', { prompt: giving([-1]) }, prompt, /the id -1 at index 0/],
  ['one that is no integer', { prompt: giving([0, 0, 1.5]) }, prompt, /the id 1\.5 at index 2/],
  ['one that is NaN', { prompt: giving([Number.NaN]) }, prompt, /the id NaN at index 0/],
  ['one that is a text', { prompt: giving(['1']) }, prompt, /the id "1" at index 0/],
  ['an empty prompt', { prompt: giving([]) }, prompt, /prompt of "sort 4 1 3 =" gave no tokens/],
  ['no prompt', { prompt: giving(undefined) }, prompt, /prompt of .* gave undefined/],
  ['a hole', { prompt: giving(new Array(2)) }, prompt, /the id undefined at index 0/],
  [
    'a sample with an id beyond',
    { example: giving({ tokens: [1, 2, 14], promptLength: 1 }) },
    example,
    /example of .* the id 14 at index 2/,
  ],
  ['no tokens', { example: giving({ promptLength: 1 }) }, example, /example of .* gave undefined/],
  [
    'a prompt of nothing',
    { example: giving({ tokens: [1, 2], promptLength: 0 }) },
    example,
    /promptLength 0/,
  ],
  ['nothing to learn', { example: giving({ tokens: [1, 2], promptLength: 2 }) }, example, /promptLength 2/],
  [
    'a length that is none',
    { example: giving({ tokens: [1, 2], promptLength: Number.NaN }) },
    example,
    /promptLength NaN/,
  ],
  ['no sample', { example: giving(null) }, example, /example of .* gave null/],
  [
    'a verdict that is none',
    { grade: giving({ outcome: 'yes', answer: null }) },
    grade,
    /grade of .* has the outcome "yes"/,
  ],
  ['a boolean', { grade: giving(true) }, grade, /grade of .* gave true/],
  [
    'an answer that is no text',
    { grade: giving({ outcome: 'wrong', answer: 12 }) },
    grade,
    /has the answer 12/,
  ],
  [
    'a promise',
    { grade: giving(Promise.resolve({ outcome: 'wrong', answer: null })) },
    grade,
    /the outcome undefined/,
  ],
  ['no problem', { draw: giving(undefined) }, draw, /draw at level 0 has the problem undefined/],
  ['no expression', { draw: giving({ answer: '1' }) }, draw, /draw at level 0 has the expression undefined/],
  ['no answer', { draw: giving({ expression: '1', answer: 1 }) }, draw, /draw at level 0 has the answer 1/],
  [
    'an odd one held out',
    { heldOut: giving([PROBLEM, { expression: 'x' }]) },
    held,
    /heldOut, index 1 has the answer undefined/,
  ],
  ['nothing held out', { heldOut: giving({}) }, held, /heldOut gave \{\}/],
  ['too much credit', { partialCredit: giving(1.5) }, credit, /partialCredit of .* gave 1\.5/],
  ['a credit of NaN', { partialCredit: giving(Number.NaN) }, credit, /partialCredit of .* gave NaN/],
  ['an end beyond', { tokenizer: { ...GOOD.tokenizer, eos: 14 } }, prompt, /tokenizer's eos is 14/],
  ['a beginning beyond', { tokenizer: { ...GOOD.tokenizer, bos: -1 } }, prompt, /tokenizer's bos is -1/],
  ['no vocabulary', { tokenizer: { ...GOOD.tokenizer, vocabSize: 0 } }, prompt, /vocabSize is 0/],
  [
    'a text that is none',
    { tokenizer: { ...GOOD.tokenizer, decode: giving(7) } },
    (task) => task.tokenizer.decode([1]),
    /decode gave 7/,
  ],
  [
    'a length that is a text',
    { example: giving({ tokens: [1, 2, 3], promptLength: '2' }) },
    example,
    /promptLength "2"/,
  ],
  [
    'a length of true',
    { example: giving({ tokens: [1, 2], promptLength: true }) },
    example,
    /promptLength true/,
  ],
  [
    'a length that is big',
    { example: giving({ tokens: [1, 2], promptLength: 1n }) },
    example,
    /promptLength 1n/,
  ],
  ['typed ids', { prompt: giving(Uint32Array.of(1, 2)) }, prompt, /gave a Uint32Array; .*Array\.from/],
  [
    'a promise of a prompt',
    { prompt: giving(Promise.resolve([1])) },
    prompt,
    /gave a Promise; .*answers at once/,
  ],
  [
    'a promise of a problem',
    { draw: giving(Promise.resolve(PROBLEM)) },
    draw,
    /expression undefined; .*answers at once/,
  ],
  [
    'a promise of problems',
    { heldOut: giving(Promise.resolve([])) },
    held,
    /gave a Promise; .*answers at once/,
  ],
  [
    'a promise of a sample',
    { example: giving(Promise.resolve({ tokens: [1, 2], promptLength: 1 })) },
    example,
    /gave a Promise; .*answers at once/,
  ],
  [
    'a promise of a verdict',
    { grade: giving(Promise.resolve({ outcome: 'wrong', answer: null })) },
    grade,
    /answers at once/,
  ],
  ['no levels', { levels: [] }, prompt, /levels are \[\]/],
  ['two levels of one name', { levels: ['a', 'b', 'a'] }, prompt, /levels\[2\] is "a"/],
])('%s', (_, change, call, message) => {
  const refuse = () => call(checkedTask({ ...GOOD, ...change }));
  expect(refuse).toThrow(expect.objectContaining({ code: 'BAD_TASK', where: 'task sort' }));
  expect(refuse).toThrow(message);
});

// biome-ignore lint/suspicious/noExplicitAny: the point is to give what the types forbid.
test.each<[any, RegExp]>([
  [undefined, /no name \(a string\)/],
  [null, /no name/],
  [{ ...GOOD, tokenizer: undefined }, /no tokenizer\.vocabSize \(a number\)/],
  [{ ...GOOD, tokenizer: { ...GOOD.tokenizer, vocabSize: '14' } }, /no tokenizer\.vocabSize \(a number\)/],
  [{ ...GOOD, tokenizer: { ...GOOD.tokenizer, encode: undefined } }, /no tokenizer\.encode \(a function\)/],
  ...['draw', 'heldOut', 'prompt', 'example', 'grade'].map((key): [object, RegExp] => [
    { ...GOOD, [key]: undefined },
    new RegExp(`no ${key} \\(a function\\)`),
  ]),
])('a task that lacks a part is refused before it is asked: %#', (task, message) => {
  expect(() => checkedTask(task)).toThrow(expect.objectContaining({ code: 'BAD_TASK' }));
  expect(() => checkedTask(task)).toThrow(message);
});

test('a level that is not there is refused, whatever the task makes of it', () => {
  const task = checkedTask({ ...GOOD, draw: () => PROBLEM });
  for (const level of [-1, 3, 0.5, Number.NaN]) {
    expect(() => task.draw(random(), level)).toThrow(/there is no level/);
  }
  expect(task.draw(random(), 2)).toBe(PROBLEM);
});

test('what is right passes as it is, and a checked task is checked once', () => {
  const task = checkedTask(GOOD);
  expect(checkedTask(task)).toBe(task);
  expect(checkedTask(GOOD)).toBe(task);
  expect(draw(task)).toEqual(draw(GOOD));
  expect(held(task)).toEqual(held(GOOD));
  expect(prompt(task)).toEqual(PROMPT);
  expect(example(task)).toEqual(example(GOOD));
  expect(grade(task)).toEqual(grade(GOOD));
  expect(credit(task)).toBe(credit(GOOD));
  expect(task.tokenizer.decode(PROMPT)).toBe(PROBLEM.expression);
  expect(task.tokenizer.encode(PROBLEM.expression)).toEqual(PROMPT);
});

test('a task of a class keeps its own fields and its private ones', () => {
  class Own {
    readonly name = 'own';
    readonly tokenizer = GOOD.tokenizer;
    readonly levels = GOOD.levels;
    #drawn = 0;
    draw(): TaskProblem {
      this.#drawn += 1;
      return { ...PROBLEM, answer: String(this.#drawn) };
    }
    heldOut = GOOD.heldOut;
    prompt = GOOD.prompt;
    example = GOOD.example;
    grade = GOOD.grade;
  }
  const task = checkedTask(new Own());
  expect([draw(task).answer, draw(task).answer]).toEqual(['1', '2']);
  expect(task.partialCredit).toBeUndefined();
});

test('a task that changes the tokens it grades, or later those it gave, changes nothing', () => {
  const kept = [1, 2, 3];
  const task = checkedTask({
    ...GOOD,
    prompt: () => kept,
    grade(_, completion) {
      (completion as number[]).reverse().pop();
      return { outcome: 'wrong', answer: null };
    },
  });
  const completion = [4, 5, 13];
  task.grade(PROBLEM, completion);
  expect(completion).toEqual([4, 5, 13]);
  const given = task.prompt(PROBLEM);
  kept.push(4);
  expect(given).toEqual([1, 2, 3]);
});
