/** Text tables: columns as wide as their widest cell. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columns } from '../../src/cli/columns.ts';
import { samplesTable } from '../../src/cli/samplesTable.ts';

test('text on the left, numbers on the right, no spaces at the end', () => {
  const rows = [
    ['name', 'n', 'note'],
    ['a', '100', ''],
    ['longer', '7', 'x'],
  ];
  expect(columns(rows)).toEqual(['name      n  note', 'a       100', 'longer    7     x']);
  expect(columns(rows, 3)).toEqual(['name    n    note', 'a       100', 'longer  7    x']);
  expect(columns([])).toEqual([]);
});

test('every cell of a column begins, or ends, where the others do', () => {
  const cell = fc.stringMatching(/^[a-z]{1,9}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 6 }), (rows) => {
      const [first, second] = [0, 1].map((i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
      for (const [i, line] of columns(rows).entries()) {
        const [left = '', right = ''] = rows[i] ?? [];
        expect(line).toBe(`${left.padEnd(first ?? 0)}  ${right.padStart(second ?? 0)}`);
      }
    }),
  );
});

test('samples: what was asked, answered, expected and earned', () => {
  const row = {
    ...{ prompt: '1+2', completion: '3', answer: '3', expected: '3' },
    ...{ reward: 1, advantage: 0.86603, truncated: false },
  };
  const long = '9'.repeat(33);
  const lines = samplesTable([
    row,
    {
      ...row,
      prompt: long,
      answer: null,
      expected: long.slice(1),
      reward: 0,
      advantage: -0.5,
      truncated: true,
    },
  ]);
  const cells = lines.map((line) => line.trim().split(/ {2,}/));
  expect(cells).toEqual([
    ['prompt', 'answer', 'expected', 'reward', 'advantage', 'truncated'],
    ['1+2', '3', '3', '1.000', '0.866', 'no'],
    // Cut after 31 characters; 32 fit.
    [`${'9'.repeat(31)}…`, '(none)', '9'.repeat(32), '0.000', '-0.500', 'yes'],
  ]);
  for (const line of lines) expect(line).toMatch(/^ {2}\S/);
});
