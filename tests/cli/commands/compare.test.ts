/** `compare`: the table of groups and tests, and the runs that it is given. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accuracyOf, improvementOf } from '../../../src/training/accuracy.ts';
import { configWith, RunDirectories, rowsTo } from '../../dashboard/runDirectories.ts';
import { run } from '../inProcess.ts';
import '../../../src/cli/commands/compare.ts';

let runs: RunDirectories;
beforeEach(() => {
  runs = new RunDirectories();
});
afterEach(() => runs[Symbol.dispose]());

/** Write a finished run with the first `correct` of 20 answers right. */
function finished(name: string, options: object, correct: number): string {
  const before = Array.from({ length: 20 }, (_, i) => i < 8);
  const after = before.map((_, i) => i < correct);
  const rows = after.map((right, i) => ({
    expression: `${i}`,
    completion: '',
    answer: null,
    expected: '1',
    verdict: right ? 'correct' : 'wrong',
  }));
  return runs.write(name, {
    'config.json': configWith(options),
    'metrics.jsonl': rowsTo(3),
    'summary.json': {
      interrupted: false,
      baseline: accuracyOf(before),
      final: accuracyOf(after),
      improvement: improvementOf(before, after),
      phases: { grpo: { steps: 3 } },
    },
    'final_completions.jsonl': rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
  });
}

describe('compare', () => {
  it('prints groups, runs and tests', async () => {
    const first = finished('a', { lr: 0.1 }, 10);
    const second = finished('b', { lr: 0.2 }, 16);
    const { code, stdout, stderr } = await run('compare', first, second);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^2 groups of 2 runs, which differ in lr:$/m);
    expect(stdout).toMatch(/^A +0\.1 +1 +50\.00 +\+10\.00$/m);
    expect(stdout).toMatch(/^B +0\.2 +1 +80\.00 +\+40\.00$/m);
    expect(stdout).toMatch(/a +A +0 +finished, step 3 of 3 +50\.00% \(10\/20\)$/m);
    // 6 of 6 discordant problems: 2 / 2⁶.
    expect(stdout).toMatch(
      /^B − A: \+30\.00 points \(.* to .*\), on the same 20 problems, McNemar p = 0\.031$/m,
    );
  });

  it('takes directories of runs, each run once, and prints one document with --json', async () => {
    for (const seed of [0, 1, 2]) {
      finished(`x/a${seed}`, { seed, lr: 0.1 }, 8 + seed);
      finished(`x/b${seed}`, { seed, lr: 0.2 }, 12 + 2 * seed);
    }
    const { code, stdout } = await run('compare', runs.root, join(runs.root, 'x/a0'), '--json');
    expect(code).toBe(0);
    const { groups, comparisons } = JSON.parse(stdout);
    expect(groups.map((group: { runs: readonly object[] }) => group.runs.length)).toEqual([3, 3]);
    expect(comparisons).toMatchObject([{ first: 'A', second: 'B', overSeeds: { paired: true, runs: 3 } }]);
    // The interval over problems of a group says nothing about other seeds either.
    expect((await run('compare', runs.root)).stdout).toMatch(
      /^Differences on the same problems are of these models/m,
    );
  });

  it('leaves out a run that cannot be read, and says why', async () => {
    const good = finished('good', {}, 10);
    const torn = runs.run('torn');
    writeFileSync(join(torn, 'config.json'), '{');
    const { code, stdout, stderr } = await run('compare', good, torn);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^warning: .*torn is left out\. config\.json is not JSON\. Put a copy of the file back\.$/m,
    );
    expect(stdout).toContain('1 group of 1 run:');
  });

  it('refuses runs none of which can be read', async () => {
    const torn = runs.run('torn');
    writeFileSync(join(torn, 'config.json'), '[]');
    const { code, stdout, stderr } = await run('compare', torn, '--json');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^warning: .*torn is left out\./m);
    expect(stderr).toMatch(/^error: none of the runs can be read — /m);
  });

  it('says that runs of other problems are not compared, and nothing of corrections that were not made', async () => {
    const made = ['a', 'b', 'c'].map((name, i) => finished(name, { lr: i + 1, task: name }, 10));
    for (const [i, path] of made.entries()) {
      const row = { expression: `${100 + i}`, completion: '', answer: null, expected: '1', verdict: 'wrong' };
      writeFileSync(join(path, 'final_completions.jsonl'), `${JSON.stringify(row)}\n`);
    }
    const { code, stdout } = await run('compare', ...made);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^B − A: not compared: final answers to the same problems are missing$/m);
    expect(stdout).not.toContain('Holm');
  });

  it.each([
    [[], /missing required argument 'runs'/],
    [['no/such/run'], /no\/such\/run: there is no such directory — give the directory of a run/],
    [['package.json'], /package\.json: it is no directory — give the directory of a run/],
    [['docs'], /docs: there is no run — give the directory of a run, or one with runs below it/],
    [[''], /an operand is empty/],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await run('compare', ...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
