/** Held-out problems before and after. */
import fc from 'fast-check';
import type { CompletionRow } from 'mathformer/training';
import { describe, expect, test } from 'vitest';
import {
  comparison,
  countsByKind,
  flipCounts,
  kindsOf,
  paired,
} from '../../../../app/src/run/problems/flips.ts';

const rowOf = (expression: string, isRight: boolean): CompletionRow => ({
  expression,
  completion: 'x',
  answer: null,
  expected: '1',
  verdict: isRight ? 'correct' : 'wrong',
});
const rowsOf = (verdicts: readonly boolean[]) => verdicts.map((right, i) => rowOf(`problem ${i}`, right));
const verdictPairs = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 1 });

describe('paired', () => {
  test('a worked example of the four flips', () => {
    const before = rowsOf([false, true, true, false]);
    const after = rowsOf([true, false, true, false]);
    const problems = paired(before, after);
    expect(problems.map(({ flip }) => flip)).toEqual([
      'to right',
      'to wrong',
      'stayed right',
      'stayed wrong',
    ]);
    expect(comparison(problems)).toMatchObject({ onlyFirst: 1, onlySecond: 1, difference: 0, mcnemarP: 1 });
  });

  test('the order of the second evaluation does not matter, and problems of one alone are left out', () => {
    fc.assert(
      fc.property(verdictPairs, (pairs) => {
        const before = [...rowsOf(pairs.map(([first]) => first)), rowOf('before alone', true)];
        const after = [rowOf('after alone', true), ...rowsOf(pairs.map(([, second]) => second)).reverse()];
        const problems = paired(before, after);
        expect(problems).toHaveLength(pairs.length);
        const counts = flipCounts(problems);
        expect(counts['to right']).toBe(pairs.filter(([first, second]) => !first && second).length);
        expect(counts['stayed right']).toBe(pairs.filter(([first, second]) => first && second).length);
        expect(comparison(problems)?.onlySecond).toBe(counts['to right']);
      }),
    );
  });

  test('a problem that occurs twice is paired in order', () => {
    const before = [rowOf('1', true), rowOf('1', false)];
    const after = [rowOf('1', true), rowOf('1', true)];
    expect(paired(before, after).map(({ flip }) => flip)).toEqual(['stayed right', 'to right']);
  });

  test('without problems there is no comparison', () => {
    expect(comparison(paired([], rowsOf([true])))).toBeUndefined();
  });
});

describe('kinds of problems', () => {
  test('are the fields with 2 to 12 short values; each groups all problems that have it', () => {
    const lines = [
      { id: 0, expression: 'problem 0', answer: '1', depth: 2, operators: ['+', '-'] },
      { id: 1, expression: 'problem 1', answer: '1', depth: 10, operators: ['+', '-'] },
      { id: 2, expression: 'problem 2', answer: '1', depth: 2, operators: ['+'], note: { far: 'too long' } },
      'no object',
      { answer: 'no expression' },
    ];
    const problems = paired(rowsOf([true, false, false]), rowsOf([true, true, false]));
    const counted = countsByKind(problems, kindsOf(lines));
    expect(counted.map(({ name, values }) => [name, values.map(({ value }) => value)])).toEqual([
      ['depth', ['2', '10']],
      ['operators', ['+', '+ -']],
    ]);
    expect(counted[0]?.values[0]?.counts).toMatchObject({ 'stayed right': 1, 'stayed wrong': 1 });
  });

  test('of which every problem has its own do not group', () => {
    const lines = Array.from({ length: 20 }, (_, i) => ({ expression: `problem ${i}`, number: i }));
    const verdicts = lines.map(() => true);
    expect(countsByKind(paired(rowsOf(verdicts), rowsOf(verdicts)), kindsOf(lines))).toEqual([]);
  });
});
