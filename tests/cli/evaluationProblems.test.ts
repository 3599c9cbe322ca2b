/** Evaluation sets in files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BadOptionError } from '../../src/base/options.ts';
import { problemsOf, shortage } from '../../src/cli/evaluationProblems.ts';
import { arithmetic } from '../../src/tasks/arithmetic/task.ts';
import { countdown } from '../../src/tasks/countdown/task.ts';
import { sorting } from '../../src/tasks/sorting.ts';

const directory = mkdtempSync(join(tmpdir(), 'mathformer-heldOut-'));
afterAll(() => rmSync(directory, { recursive: true }));

const EASY = arithmetic({ maxDigits: 1, maxDepth: 2, operators: '+,-' });
const SMALL = sorting({ maxDigits: 1 });

it('shortage says how many problems there are where more were asked for', () => {
  const all = SMALL.heldOut(1000);
  expect(shortage(all, 1000)).toEqual([`There are only ${all.length} such held-out problems: taking all`]);
  expect(shortage(all, all.length)).toEqual([]);
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

  it.each([
    [SMALL, '1+2', /problem 2: no token begins "\+2"/],
    [countdown(), '1+2', /problem 2: countdown: "1\+2" is no problem/],
    [countdown(), 'make 0 from 3 3:', /problem 2: countdown: "make 0 from 3 3:" is no problem/],
  ])('refuses a problem of another task than $name', (task, expression, message) => {
    const rows = [...task.heldOut(1), { expression, answer: '3' }];
    writeFileSync(path, rows.map((row) => JSON.stringify(row)).join('\n'));
    expect(() => problemsOf(path, task)).toThrow(message);
    expect(() => problemsOf(path, task)).toThrow(BadOptionError);
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
