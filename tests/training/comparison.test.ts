/** Comparisons of runs against numbers that SciPy gives and hands can check. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accuracyOf, improvementOf } from '../../src/training/accuracy.ts';
import { type ComparedRun, compareRuns, problemDifference } from '../../src/training/comparison.ts';
import { readComparedRun, verdictsOf } from '../../src/training/readComparedRun.ts';
import { listingOf } from '../../src/training/readListing.ts';
import { filesOf, linesOf } from './filesOf.ts';

const close = (value: number): number => expect.closeTo(value, 12);

/** Make a run with a final accuracy of `correct` in 100, the first of them. */
async function run(id: string, options: object, correct?: number): Promise<ComparedRun> {
  const verdicts = Array.from({ length: 100 }, (_, i) => i < (correct ?? 0));
  const listing = await listingOf(
    id,
    filesOf({ 'config.json': { kind: 'grpo', options: { task: 'sorting', ...options } } }),
  );
  if (correct === undefined) return { listing, answers: null };
  const before = verdicts.map((_, i) => i < 50);
  const results = {
    baseline: accuracyOf(before),
    final: accuracyOf(verdicts),
    improvement: improvementOf(before, verdicts),
  };
  return {
    listing: { ...listing, ...results },
    answers: new Map(verdicts.map((right, i) => [`problem ${i}`, right])),
  };
}

describe('groups', () => {
  it('are of runs whose options are the same but for the seed, and what changes no result', async () => {
    const runs = [
      await run('a', { seed: 0, lr: 0.1, out: 'x', grpo: { steps: 5, keepLast: 1 } }, 60),
      await run('b', { seed: 0, lr: 0.2, grpo: { steps: 5 } }, 70),
      await run('c', { seed: 1, lr: 0.1, out: 'y', quiet: true, grpo: { steps: 5, keepLast: 9 } }, 64),
      await run('d', { seed: 0, lr: 0.2, grpo: { steps: 6 } }),
      await run('e', { seed: 0, lr: 0.1, flag: [1] }),
    ];
    const { differing, groups } = compareRuns(runs);
    expect(differing).toEqual(['lr', 'grpo.steps', 'flag']);
    expect(
      groups.map(({ name, options, runs: members }) => [name, options, members.map(({ id }) => id)]),
    ).toEqual([
      ['A', { lr: '0.1', 'grpo.steps': '5', flag: 'not set' }, ['a', 'c']],
      ['B', { lr: '0.2', 'grpo.steps': '5', flag: 'not set' }, ['b']],
      ['C', { lr: '0.2', 'grpo.steps': '6', flag: 'not set' }, ['d']],
      ['D', { lr: '0.1', 'grpo.steps': 'not set', flag: '[1]' }, ['e']],
    ]);
    // Two values 0.60 and 0.64: the mean ± 12.706 · 0.02.
    expect(groups[0]?.final).toEqual({
      mean: close(0.62),
      low: close(0.62 - 12.706204736174694 * 0.02),
      high: close(0.62 + 12.706204736174694 * 0.02),
      runs: 2,
    });
    expect(groups[1]?.improvement).toEqual({ mean: close(0.2), low: null, high: null, runs: 1 });
    expect(groups[2]?.final).toBeNull();
  });

  it('differ in no option that their kind does not have', async () => {
    const pretrained = await run('p', { lr: 0.1, dropout: 0.1 });
    const runs = [
      { ...pretrained, listing: { ...pretrained.listing, kind: 'pretrain' as const } },
      await run('a', { lr: 0.2, klCoef: 0, groupSize: 8 }),
      await run('b', { lr: 0.2, klCoef: 0.1, groupSize: 8 }),
    ];
    const { differing, groups } = compareRuns(runs);
    expect(differing).toEqual(['kind', 'lr', 'klCoef']);
    expect(groups[0]?.options).toEqual({ kind: 'pretrain', lr: '0.1', klCoef: 'not set' });
    expect(groups).toHaveLength(3);
  });

  it('have names from A to Z, and on', async () => {
    const runs = await Promise.all(Array.from({ length: 29 }, (_, lr) => run(String(lr), { lr })));
    expect(
      compareRuns(runs)
        .groups.map(({ name }) => name)
        .slice(24),
    ).toEqual(['Y', 'Z', 'AA', 'AB', 'AC']);
    expect(compareRuns([]).groups).toEqual([]);
  });
});

describe('differences over seeds', () => {
  it('are of pairs where seeds match', async () => {
    const first = await Promise.all(
      [61, 58, 64, 60].map((correct, seed) => run('', { seed, lr: 1 }, correct)),
    );
    const second = await Promise.all(
      [66, 60, 69, 66].map((correct, seed) => run('', { seed, lr: 2 }, correct)),
    );
    const [comparison] = compareRuns([...first, ...second]).comparisons;
    // scipy.stats.ttest_rel
    expect(comparison?.overSeeds).toEqual({
      paired: true,
      runs: 4,
      estimate: close(0.045),
      low: close(0.017439206534443828),
      high: close(0.07256079346555619),
      p: close(0.013846832988859045),
      correctedP: close(0.013846832988859045),
    });
    // Of 400 answers 18 are right in the second only; per problem a share of 4.
    expect(comparison?.onProblems).toMatchObject({
      problems: 100,
      estimate: close(0.045),
      mcnemarP: null,
      correctedP: null,
    });
  });

  it('are of all runs where seeds do not match', async () => {
    const first = await Promise.all([61, 58, 64].map((correct, seed) => run('', { seed, lr: 1 }, correct)));
    const second = await Promise.all(
      [66, 60, 69, 72].map((correct, seed) => run('', { seed: seed + 10, lr: 2 }, correct)),
    );
    // scipy.stats.ttest_ind(equal_var=False)
    expect(compareRuns([...first, ...second]).comparisons[0]?.overSeeds).toMatchObject({
      paired: false,
      runs: 7,
      estimate: close(0.0575),
      p: close(0.1238620478677266),
    });
  });

  it('are corrected for all comparisons', async () => {
    const finals = [
      [60, 61, 63],
      [66, 68, 68],
      [61, 60, 62],
    ];
    const runs = await Promise.all(
      finals.flatMap((group, lr) => group.map((correct, seed) => run('', { seed, lr }, correct))),
    );
    const tests = compareRuns(runs).comparisons.map(({ overSeeds }) => overSeeds);
    const sorted = tests.flatMap((test) => test ?? []).toSorted((a, b) => a.p - b.p);
    expect(sorted).toHaveLength(3);
    expect(sorted[0]?.correctedP).toBeCloseTo(3 * (sorted[0]?.p ?? 0), 12);
    expect(sorted[2]?.correctedP).toBeCloseTo(Math.max(sorted[2]?.p ?? 0, 2 * (sorted[1]?.p ?? 0)), 12);
  });

  it('are missing with fewer than two runs', async () => {
    const runs = [
      await run('', { seed: 0, lr: 1 }, 50),
      await run('', { seed: 1, lr: 2 }, 60),
      await run('', { seed: 2, lr: 2 }),
    ];
    expect(compareRuns(runs).comparisons[0]?.overSeeds).toBeNull();
  });
});

describe('differences on the same problems', () => {
  const single = (answers: Readonly<Record<string, boolean>>, from: ComparedRun): ComparedRun => ({
    ...from,
    answers: new Map(Object.entries(answers)),
  });

  it('of two runs are the improvement of one over the other', async () => {
    const from = await run('', {});
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 30 }),
        (pairs) => {
          const [first, second] = [0, 1].map((at) => pairs.map((pair) => pair[at] === true));
          const answers = (verdicts: readonly boolean[] = []) =>
            single(Object.fromEntries(verdicts.map((right, i) => [`p${i}`, right])), from);
          const { difference, low, high, mcnemarP } = improvementOf(first ?? [], second ?? []);
          expect(problemDifference([answers(first)], [answers(second)])).toEqual({
            problems: pairs.length,
            estimate: difference,
            low,
            high,
            mcnemarP,
          });
        },
      ),
    );
  });

  it('leave out problems that not all have, and are missing without any', async () => {
    const from = await run('', {});
    const a = single({ one: true, two: false, three: true }, from);
    const b = single({ two: true, three: true, four: false }, from);
    expect(problemDifference([a], [b])).toMatchObject({ problems: 2, estimate: 0.5 });
    expect(problemDifference([a], [single({ five: true }, from)])).toBeNull();
    expect(problemDifference([a], [from])).toBeNull();
    expect(problemDifference([], [a])).toBeNull();
  });

  it('of groups are of the shares of their runs', async () => {
    const from = await run('', {});
    const first = [single({ x: true, y: false }, from), single({ x: false, y: false }, from)];
    const second = [single({ x: true, y: true }, from)];
    // (1 − ½ + 1 − 0) / 2
    expect(problemDifference(first, second)).toMatchObject({ problems: 2, estimate: 0.75, mcnemarP: null });
  });
});

describe('a run that is read', () => {
  const answer = (expression: string, verdict: string) => ({
    expression,
    completion: '',
    answer: null,
    expected: '1',
    verdict,
  });
  it('has the verdicts of its final answers, of repeated problems each', () => {
    const bytes = new TextEncoder().encode(
      linesOf([answer('a', 'correct'), answer('b', 'wrong'), answer('a', 'wrong')]),
    );
    expect([...verdictsOf(bytes).values()]).toEqual([true, false, false]);
  });

  it('has no answers while there is no final accuracy', async () => {
    const files = filesOf({
      'config.json': { kind: 'grpo', options: {} },
      'final_completions.jsonl': linesOf([answer('a', 'correct')]),
    });
    expect((await readComparedRun('a', files)).answers).toBeNull();
  });
});
