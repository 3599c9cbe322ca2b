/** The held-out problems of an evaluation. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEvaluationSet } from '../../src/tasks/arithmetic/evaluationSet.ts';
import { ARITHMETIC, arithmetic } from '../../src/tasks/arithmetic/task.ts';
import { sorting } from '../../src/tasks/sorting.ts';
import type { Task, TaskProblem } from '../../src/tasks/task.ts';
import { heldOut, heldOutOfRun } from '../../src/training/heldOut.ts';

const EASY = arithmetic({ maxDigits: 1, maxDepth: 2, operators: '+,-' });
/** A task with only ten problems. */
const SMALL = sorting({ maxDigits: 1 });
/** A task that draws no random numbers, so that a thousand problems take no time. */
const COUNTING: Task = {
  ...SMALL,
  heldOut: (size) =>
    Array.from({ length: size }, (_, i) => ({ expression: `sort ${i} =`, answer: String(i) })),
};
const kept = (rows: readonly unknown[]) => ({
  text: rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
  path: 'evaluation.jsonl',
});
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

  it('takes what there is where a task has fewer', () => {
    const all = heldOut(SMALL, 1000);
    expect(all).toEqual(SMALL.heldOut(1000));
    expect(all.length).toBeLessThan(10);
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
    expect(heldOutOfRun(rich, 100, kept(rows))).toEqual([{ ...rows[0], seen: 1n }, rows[1]]);
  });

  it('keeps the order and numbers of arithmetic, which earlier versions took from the beginning', () => {
    const rows = EASY.heldOut(5);
    expect(heldOutOfRun(EASY, 5, kept(rows))).toEqual(rows);
    expect(heldOut(EASY, 5)).not.toEqual(rows);
  });

  it('has problems made by the task beyond the first thousand, where more were asked for', () => {
    const rich: Task = {
      ...COUNTING,
      heldOut: (size) => COUNTING.heldOut(size).map((each) => ({ ...each, seen: 1n })),
    };
    const [last] = COUNTING.heldOut(1200).slice(-1);
    expect(heldOutOfRun(rich, 1200, kept([last]))).toEqual([{ ...last, seen: 1n }]);
  });

  it('are those of the task where a run has none yet', () => {
    expect(heldOutOfRun(EASY, 5, undefined)).toEqual(heldOut(EASY, 5));
  });
});
