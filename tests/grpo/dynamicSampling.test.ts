/** Groups of equal rewards are dropped and replaced, in at most three refills. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { areEqual } from '../../src/grpo/advantages.ts';
import { MAX_REFILLS, sampleUnequal } from '../../src/grpo/dynamicSampling.ts';
import { groupsOf, joined, type Rollout, sampled } from '../../src/grpo/rollout.ts';
import type { Completion } from '../../src/model/sampler.ts';
import { ProblemStream } from '../../src/tasks/arithmetic/generator.ts';
import { seeded } from '../oracle/random.ts';

const GROUP = 3;
const stream = new ProblemStream({ maxDigits: 1, maxDepth: 1 });
const problems = Array.from({ length: 64 }, () => stream.next());

/** A source of groups. `unequal` tells for each problem if its rewards differ. */
class Source {
  readonly asked: number[] = [];
  #next = 0;

  constructor(readonly unequal: (problem: number) => boolean) {}

  sample = async (count: number): Promise<Rollout> => {
    this.asked.push(count);
    const first = this.#next;
    this.#next += count;
    const groups = Array.from({ length: count }, (_, i) => first + i);
    const each = <Value>(of: (group: number, i: number, member: number) => Value): Value[] =>
      groups.flatMap((group, i) => [0, 1, 2].map((member) => of(group, i, member)));
    return {
      problems: groups.map((group) => problems[group % 64]),
      completions: each((group, i, member) => ({
        prompt: i,
        tokens: [group, member],
        logps: new Float32Array(2),
        finished: true,
      })),
      rewards: each((group, _, member) => (this.unequal(group) && member === 1 ? 1 : 0)),
    };
  };
}

/** Return for each completion its group, as written in its tokens, and its problem. */
const origins = ({ problems: own, completions }: Rollout) =>
  completions.map(({ prompt, tokens }) => ({ group: tokens[0], problem: own[prompt] }));

describe('sampleUnequal', () => {
  test('all unequal: one rollout, as it is', async () => {
    const source = new Source(() => true);
    const rollout = await sampleUnequal(4, GROUP, source.sample);
    expect(source.asked).toEqual([4]);
    expect({ ...rollout, dropped: undefined }).toEqual({
      ...(await new Source(() => true).sample(4)),
      dropped: undefined,
    });
    expect(rollout.dropped?.rewards).toEqual([]);
  });

  test('what is missing is sampled again; what was dropped is kept apart', async () => {
    const source = new Source((group) => group % 2 === 1);
    const rollout = await sampleUnequal(4, GROUP, source.sample);
    // Half of them are unequal: twice what is missing, and a quarter more.
    expect(source.asked).toEqual([4, 5]);
    expect(origins(rollout).map(({ group }) => group)).toEqual([1, 3, 5, 7].flatMap((i) => [i, i, i]));
    expect(rollout.problems).toEqual([1, 3, 5, 7].map((i) => problems[i]));
    expect(rollout.dropped?.problems).toEqual([0, 2, 4, 6, 8].map((i) => problems[i]));
  });

  test('what is unequal beyond what was asked for is dropped', async () => {
    const source = new Source((group) => group !== 0);
    const rollout = await sampleUnequal(8, GROUP, source.sample);
    expect(source.asked).toEqual([8, 2]);
    expect(rollout.problems).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((i) => problems[i]));
    expect(rollout.dropped?.problems).toEqual([0, 9].map((i) => problems[i]));
  });

  test('none unequal: nothing is left of four times as many groups', async () => {
    const source = new Source(() => false);
    const rollout = await sampleUnequal(2, GROUP, source.sample);
    expect(source.asked).toEqual([2, 5, 1]);
    expect(MAX_REFILLS).toBe(3);
    expect(rollout).toMatchObject({ problems: [], completions: [], rewards: [] });
    expect(sampled(rollout).completions.length).toBe(8 * GROUP);
  });

  test('outcomes are compared, where there are some, not rewards', async () => {
    const source = new Source(() => true);
    const sample = async (count: number): Promise<Rollout> => {
      const rollout = await source.sample(count);
      const right = ({ tokens: [group, member] }: Completion): number =>
        group === 0 ? 0 : group === 1 ? 1 : (member ?? 0) % 2;
      return { ...rollout, outcomes: rollout.completions.map(right) };
    };
    const rollout = await sampleUnequal(2, GROUP, sample, 1);
    expect(source.asked).toEqual([2, 2]);
    expect(rollout.problems).toEqual([problems[2], problems[3]]);
    expect(rollout.outcomes).toEqual([0, 1, 0, 0, 1, 0]);
    expect(rollout.dropped?.problems).toEqual([problems[0], problems[1]]);
  });

  test.each([0, 1, 5])('%i refills, if none is enough', async (maxRefills) => {
    const source = new Source(() => false);
    await sampleUnequal(2, GROUP, source.sample, maxRefills);
    expect(source.asked.length).toBeLessThanOrEqual(1 + maxRefills);
    expect(source.asked.reduce((a, b) => a + b, 0)).toBe(2 * (1 + maxRefills));
  });

  test('every group comes once, with its problem; those to learn from are the first unequal ones', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.boolean(), { minLength: 64, maxLength: 64 }),
        async (count, unequal) => {
          const source = new Source((group) => unequal[group % 64]);
          const rollout = await sampleUnequal(count, GROUP, source.sample);
          const all = sampled(rollout);
          const total = source.asked.reduce((a, b) => a + b, 0);
          expect(all.completions.length).toBe(total * GROUP);
          expect(new Set(origins(all).map(({ group }) => group)).size).toBe(total);
          for (const { group, problem } of origins(all)) expect(problem).toBe(problems[group]);
          expect(groupsOf(rollout, GROUP).some(({ rewards }) => areEqual(rewards))).toBe(false);
          expect(rollout.problems.length).toBeLessThanOrEqual(count);
          expect(source.asked.length).toBeLessThanOrEqual(1 + MAX_REFILLS);
          expect(total).toBeLessThanOrEqual((1 + MAX_REFILLS) * count);
          const given = Array.from({ length: total }, (_, group) => group).filter((group) => unequal[group]);
          const first = given.slice(0, count).flatMap((group) => [group, group, group]);
          expect(origins(rollout).map(({ group }) => group)).toEqual(first);
          const full = rollout.problems.length === count;
          if (source.asked.length <= MAX_REFILLS)
            expect(full || total === (1 + MAX_REFILLS) * count).toBe(true);
        },
      ),
      seeded,
    );
  });
});

test('groups of a rollout, joined, are the rollout', async () => {
  const rollout = await new Source((group) => group > 1).sample(5);
  expect(joined(groupsOf(rollout, GROUP))).toEqual(rollout);
});
