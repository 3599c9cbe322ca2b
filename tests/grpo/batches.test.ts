/** Mini-batches, micro-batches and weights: everything is there once, and counts what it should. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  microBatches,
  miniBatches,
  type Trajectory,
  trajectoriesOf,
  weighted,
} from '../../src/grpo/batches.ts';
import { LOSS_NAMES } from '../../src/grpo/losses.ts';
import { ProblemStream } from '../../src/math/generator.ts';
import { RandomStream } from '../../src/math/randomStream.ts';
import { prompt } from '../../src/math/sample.ts';
import { ARITHMETIC } from '../../src/tasks/arithmetic.ts';
import { expectClose } from '../oracle/compare.ts';
import { seeded } from '../oracle/random.ts';

const random = (item = 0) => new RandomStream({ seed: 1, stream: 3, item });

/** Trajectories with so many scored tokens after a prompt of four, every third one masked if `masking`. */
const trajectories = (lengths: readonly number[], masking = false): Trajectory[] =>
  lengths.map((length, i) => ({
    completion: { prompt: 0, tokens: [], logps: new Float32Array(length), finished: true },
    tokens: new Array<number>(4 + length).fill(i),
    from: 4,
    advantage: i,
    masked: masking && i % 3 === 0,
  }));

describe('mini-batches', () => {
  test('hold every group once, whole, in parts that differ by one at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        fc.nat(100),
        (groups, count, item) => {
          const items = Array.from({ length: groups * 3 }, (_, i) => i);
          const parts = miniBatches(items, { count, groupSize: 3, random: random(item) });
          expect(parts.length).toBe(count);
          expect(parts.flat().sort((a, b) => a - b)).toEqual(items);
          const sizes = parts.map(({ length }) => length / 3);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
          for (const part of parts) {
            for (let i = 0; i < part.length; i += 3) {
              expect(part[i] % 3).toBe(0);
              expect(part.slice(i, i + 3)).toEqual([part[i], part[i] + 1, part[i] + 2]);
            }
          }
        },
      ),
      seeded,
    );
  });

  test('one is everything as it comes; several differ from epoch to epoch', () => {
    const items = Array.from({ length: 30 }, (_, i) => i);
    expect(miniBatches(items, { count: 1, groupSize: 3, random: random() })).toEqual([items]);
    const drawn = (item: number) => miniBatches(items, { count: 2, groupSize: 3, random: random(item) });
    expect(drawn(0)).toEqual(drawn(0));
    expect(drawn(0)).not.toEqual(drawn(1));
  });
});

test('micro-batches hold everything once, by length, within the limit or alone', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 40 })),
      fc.integer({ min: 1, max: 120 }),
      (lengths, limit) => {
        const all = trajectories(lengths);
        const batches = microBatches(all, limit);
        expect(new Set(batches.flat())).toEqual(new Set(all));
        const sizes = batches.flat().map(({ tokens }) => tokens.length);
        expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
        for (const batch of batches) {
          const tokens = batch.reduce((sum, each) => sum + each.tokens.length, 0);
          expect(batch.length === 1 || tokens <= limit).toBe(true);
        }
      },
    ),
    seeded,
  );
});

describe('weights', () => {
  test.each(LOSS_NAMES)('%s: masked sequences count as sequences, and their tokens nothing', (loss) => {
    const found = weighted(trajectories([2, 5, 3, 4, 1], true), { loss, maxGenLen: 8 });
    // 0 and 3 are masked; 9 tokens in 3 sequences of 5.
    expect(found.map(({ advantage }) => advantage)).toEqual([1, 2, 4]);
    const wanted = {
      grpo: [1 / 25, 1 / 15, 1 / 5],
      gspo: [1 / 25, 1 / 15, 1 / 5],
      dr_grpo: [1 / 40, 1 / 40, 1 / 40],
      dapo: [1 / 9, 1 / 9, 1 / 9],
      cispo: [1 / 9, 1 / 9, 1 / 9],
    }[loss];
    expectClose(
      found.map(({ weight }) => weight),
      wanted,
      { rtol: 1e-15, atol: 0 },
    );
  });

  test.each(LOSS_NAMES)(
    '%s: equal completions of equal advantage are one, of their weight together',
    (loss) => {
      fc.assert(
        fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(1))), (drawn) => {
          const all = drawn.map(([length, advantage], i) => ({
            ...trajectories([length])[0],
            completion: { prompt: i, tokens: [], logps: new Float32Array(length), finished: true },
            advantage,
          }));
          const found = weighted(all, { loss, maxGenLen: 8 });
          expect(new Set(found.map(({ tokens, advantage }) => `${tokens} ${advantage}`)).size).toBe(
            found.length,
          );
          // As if each was alone: what each token of each counts does not depend on others being equal to it.
          const apart = weighted(
            all.map((each, i) => ({ ...each, advantage: i })),
            { loss, maxGenLen: 8 },
          );
          for (const { weight, tokens, advantage, copies } of found) {
            const own = all.flatMap((each, i) =>
              each.tokens.length === tokens.length && each.advantage === advantage ? [apart[i].weight] : [],
            );
            expect(copies).toBe(own.length);
            expect(weight).toBeCloseTo(
              own.reduce((sum, each) => sum + each, 0),
              12,
            );
          }
        }),
        seeded,
      );
    },
  );

  test('all masked: nothing is left', () => {
    const masked = trajectories([1, 2]).map((each) => ({ ...each, masked: true }));
    expect(weighted(masked, { loss: 'dapo', maxGenLen: 8 })).toEqual([]);
    expect(microBatches([], 64)).toEqual([]);
  });
});

test('trajectories: prompt and completion, the advantage in the group, masked if truncated and asked for', () => {
  const stream = new ProblemStream({ maxDigits: 1, maxDepth: 1 });
  const problems = [stream.next(), stream.next()];
  const completions = [0, 0, 1, 1].map((index, i) => ({
    prompt: index,
    tokens: [5, 6, 7].slice(0, 1 + (i % 3)),
    logps: new Float32Array(1 + (i % 3)),
    finished: i !== 2,
  }));
  const rollout = { problems, completions, rewards: [1, 0, 0.5, 0.5] };
  const found = trajectoriesOf(
    rollout,
    { groupSize: 2, advantages: 'center', maskTruncated: true },
    ARITHMETIC,
  );
  expect(found.map(({ advantage }) => advantage)).toEqual([0.5, -0.5, 0, 0]);
  expect(found.map(({ masked }) => masked)).toEqual([false, false, true, false]);
  found.forEach(({ tokens, from }, i) => {
    const start = prompt(problems[completions[i].prompt].expression);
    expect(tokens).toEqual([...start, ...completions[i].tokens]);
    expect(from).toBe(start.length);
  });
  const options = { groupSize: 2, advantages: 'group', maskTruncated: false } as const;
  expect(trajectoriesOf(rollout, options, ARITHMETIC).some(({ masked }) => masked)).toBe(false);
  expect(trajectoriesOf(rollout, options, ARITHMETIC)[0].advantage).toBeCloseTo(Math.SQRT1_2, 6);
});
