/** Results are written, read, and inserted as plots and tables. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { curves, differences } from '../../experiments/charts.ts';
import type { Experiment, Trial } from '../../experiments/experiment.ts';
import { filled, markdownTable } from '../../experiments/markdown.ts';
import { readRun, resultPath, savedRuns, saveRun } from '../../experiments/savedRun.ts';
import { savedRun } from './savedRuns.ts';

const experiment: Experiment = {
  name: 'test',
  start: 'start',
  base: { lr: 1e-3 },
  rows: [
    { name: 'group 4', change: {} },
    { name: 'group 8', change: { groupSize: 8 } },
  ],
  seeds: [0, 1],
  evalInterval: 1,
};

test('results are found again by row and seed, as many as there are', () => {
  const folder = mkdtempSync(join(tmpdir(), 'results-'));
  const [, row] = experiment.rows;
  const trial = { experiment, row, seed: 1 } as Trial;
  const path = resultPath(trial, folder);
  expect(path).toBe(join(folder, 'test/group-8/seed-1.json'));
  saveRun(path, savedRun({ seed: 1 }));
  expect([...savedRuns(experiment, folder)]).toEqual([['group 8', [savedRun({ seed: 1 })]]]);
  writeFileSync(path, JSON.stringify({ ...savedRun({}), after: '01x' }));
  expect(() => readRun(path)).toThrow(/seed-1\.json is no saved run: after/);
});

test('a document is filled where it says so, and nowhere else', () => {
  const document = 'a\n<!-- results:one -->\nold\n<!-- end -->\nb\n<!-- results:two --><!-- end -->\n';
  const texts = new Map([
    ['one', markdownTable(['x'], [['$&']])],
    ['two', 'new'],
  ]);
  const expected =
    'a\n<!-- results:one -->\n| x |\n| --- |\n| $& |\n<!-- end -->\nb\n<!-- results:two -->\nnew\n<!-- end -->\n';
  expect(filled(document, texts)).toBe(expected);
  expect(filled(expected, texts)).toBe(expected);
  expect(() => filled(document, new Map([['one', '']]))).toThrow(/no results called two/);
  expect(() => filled('', new Map([['one', '']]))).toThrow(/no place for one/);
});

test('plots show every curve and every row', () => {
  const seeds = [
    [
      [0, 40],
      [10, 60],
    ],
    [
      [0, 42],
      [10, 66],
    ],
  ] as const;
  const plot = curves(
    [
      { name: 'tuned', seeds },
      { name: 'default', seeds: [[[0, 41]]], dashed: true },
    ],
    { axis: '%' },
  );
  const rows = [{ name: 'group 8', interval: { estimate: 1, low: -1, high: 3 }, seeds: [0, 2] }];
  for (const [svg, texts] of [
    [plot, ['tuned', 'default', 'GRPO steps']],
    [differences(rows, 'points'), ['group 8', 'points']],
  ] as const) {
    expect(svg).toMatch(/^<svg/);
    for (const text of texts) expect(svg).toContain(text);
    expect(svg).not.toMatch(/NaN|undefined/);
  }
});
