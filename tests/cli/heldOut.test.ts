/** Which problems models are judged by. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { EVALUATION_FILE, heldOut, heldOutOfRun, problemsOf, shortage } from '../../src/cli/heldOut.ts';
import { parseEvaluationSet } from '../../src/tasks/arithmetic/evaluationSet.ts';
import { ARITHMETIC, arithmetic } from '../../src/tasks/arithmetic/task.ts';
import { sorting } from '../../src/tasks/sorting.ts';
import type { Task, TaskProblem } from '../../src/tasks/task.ts';

const directory = mkdtempSync(join(tmpdir(), 'mathformer-heldOut-'));
afterAll(() => rmSync(directory, { recursive: true }));

const EASY = arithmetic({ maxDigits: 1, maxDepth: 2, operators: '+,-' });
/** Ends after ten problems. */
const SMALL = sorting({ maxDigits: 1 });
/** Draws nothing at random, so that its thousand problems cost nothing. */
const COUNTING: Task = {
  ...SMALL,
  heldOut: (size) =>
    Array.from({ length: size }, (_, i) => ({ expression: `sort ${i} =`, answer: String(i) })),
};
const expressions = (problems: readonly TaskProblem[]) => problems.map(({ expression }) => expression);

describe('heldOut', () => {
  it('takes the first ones where a thousand or more are asked for', () => {
    expect(heldOut(EASY, 1000)).toEqual(EASY.heldOut(1000));
    expect(heldOut(ARITHMETIC, 1003)).toEqual(ARITHMETIC.heldOut(1003));
  });

  it('takes a part of the first thousand where fewer are, which a larger part contains, in their order', () => {
    const whole = expressions(COUNTING.heldOut(1000));
    const size = fc.integer({ min: 1, max: 1000 });
    fc.assert(
      fc.property(size, size, (a, b) => {
        const [small, large] = [Math.min(a, b), Math.max(a, b)].map((each) =>
          expressions(heldOut(COUNTING, each)),
        );
        expect(small).toHaveLength(Math.min(a, b));
        expect(large).toEqual(whole.filter((each) => large?.includes(each)));
        expect(large).toEqual(expect.arrayContaining(small ?? []));
      }),
      { numRuns: 20 },
    );
  });

  it('takes a part from everywhere, not from the beginning', () => {
    const places = heldOut(COUNTING, 100).map(({ answer }) => Number(answer));
    // Uniform on 0 … 999: a mean of 499.5, with a standard error of 27 without replacement.
    const mean = places.reduce((sum, place) => sum + place, 0) / places.length;
    expect(Math.abs(mean - 499.5)).toBeLessThan(3 * 27.4);
    expect(places.filter((place) => place < 100).length).toBeLessThan(25);
  });

  it('has problems of every depth in the shares of the whole', () => {
    const deep = (problems: readonly TaskProblem[]) =>
      problems.filter((problem) => 'depth' in problem && problem.depth === 2).length / problems.length;
    // Three standard errors of a share of a hundred out of a thousand.
    expect(Math.abs(deep(heldOut(EASY, 100)) - deep(EASY.heldOut(1000)))).toBeLessThan(0.15);
  });

  it('is an evaluation set of its own, whatever the part', () => {
    const rows = heldOut(EASY, 7);
    expect(parseEvaluationSet(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))).toEqual(rows);
  });

  it('takes what there is where a task has fewer, and says how many', () => {
    const all = heldOut(SMALL, 1000);
    expect(all).toEqual(SMALL.heldOut(1000));
    expect(all.length).toBeLessThan(10);
    expect(shortage(all, 1000)).toEqual([`There are only ${all.length} such held-out problems: taking all`]);
    expect(shortage(all, all.length)).toEqual([]);
  });

  it('refuses a task without any', () => {
    const none = { ...SMALL, heldOut: () => [] };
    expect(() => heldOut(none, 10)).toThrow(
      expect.objectContaining({
        where: '--eval_size',
        message: expect.stringContaining('the task sort has no held-out problems'),
        fix: expect.stringContaining('allow more problems'),
      }),
    );
  });
});

describe('heldOutOfRun', () => {
  it('keeps to the problems of the run, made by the task where it still makes them', () => {
    const rich: Task = {
      ...COUNTING,
      heldOut: (size) => COUNTING.heldOut(size).map((each) => ({ ...each, seen: 1n })),
    };
    const rows = [COUNTING.heldOut(3)[2], { expression: 'sort 9 9 =', answer: '9 9', more: [1] }];
    writeFileSync(join(directory, EVALUATION_FILE), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    expect(heldOutOfRun(rich, 100, directory)).toEqual([{ ...rows[0], seen: 1n }, rows[1]]);
  });

  it('keeps the order and numbers of arithmetic, which earlier versions took from the beginning', () => {
    const rows = EASY.heldOut(5);
    writeFileSync(join(directory, EVALUATION_FILE), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    expect(heldOutOfRun(EASY, 5, directory)).toEqual(rows);
    expect(heldOut(EASY, 5)).not.toEqual(rows);
  });

  it('has problems made by the task beyond the first thousand, where more were asked for', () => {
    const rich: Task = {
      ...COUNTING,
      heldOut: (size) => COUNTING.heldOut(size).map((each) => ({ ...each, seen: 1n })),
    };
    const [last] = COUNTING.heldOut(1200).slice(-1);
    writeFileSync(join(directory, EVALUATION_FILE), `${JSON.stringify(last)}\n`);
    expect(heldOutOfRun(rich, 1200, directory)).toEqual([{ ...last, seen: 1n }]);
  });

  it('are those of the task where a run has none yet', () => {
    expect(heldOutOfRun(EASY, 5, join(directory, 'none'))).toEqual(heldOut(EASY, 5));
    expect(heldOutOfRun(EASY, 5, undefined)).toEqual(heldOut(EASY, 5));
  });
});

describe('problemsOf', () => {
  const path = join(directory, 'problems.jsonl');
  const good = '{"expression": "sort 2 1 =", "answer": "1 2", "more": [1]}';

  it('reads every row with all it says, and passes over empty lines', () => {
    writeFileSync(path, `${good}\n  \n${good}`);
    const row = { expression: 'sort 2 1 =', answer: '1 2', more: [1] };
    expect(problemsOf(path, SMALL)).toEqual([row, row]);
  });

  it.each([
    ['', 1],
    ['\n \n', 1],
    ['{', 1],
    [`${good}\n{"expression": 3, "answer": "1 2"}`, 2],
    [`${good}\n${good}\n{"expression": "sort 2 1 =", "answer": 12}\n{`, 3],
    ['{"answer": "1 2"}', 1],
    ['null', 1],
  ])('refuses %j, naming line %d', (text, line) => {
    writeFileSync(path, text);
    expect(() => problemsOf(path, SMALL)).toThrow(
      expect.objectContaining({
        where: '--eval_set',
        message: expect.stringContaining(`${path}, line ${line}: there is no {"expression"`),
        fix: expect.stringContaining('evaluation.jsonl of a run'),
      }),
    );
  });

  it('checks those of arithmetic as such', () => {
    writeFileSync(path, good);
    expect(() => problemsOf(path, EASY)).toThrow(expect.objectContaining({ name: 'EvaluationSetError' }));
    const rows = EASY.heldOut(3);
    writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    expect(problemsOf(path, EASY)).toEqual(rows);
    expect(() => problemsOf(join(directory, 'missing'), EASY)).toThrow(
      expect.objectContaining({ code: 'FILE_NOT_FOUND' }),
    );
  });
});
