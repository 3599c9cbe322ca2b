/** Mini-batches, micro-batches and weights: each completion occurs once, with the right weight. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RandomStream } from '../../src/base/randomStream.ts';
import {
  batchInputs,
  microBatches,
  miniBatches,
  type Trajectory,
  trajectoriesOf,
  type WeightedTrajectory,
  weighted,
} from '../../src/grpo/batches.ts';
import { LOSS_NAMES } from '../../src/grpo/clipping.ts';
import { modelConfig } from '../../src/model/config.ts';
import { ProblemStream } from '../../src/tasks/arithmetic/generator.ts';
import { prompt } from '../../src/tasks/arithmetic/sample.ts';
import { ARITHMETIC } from '../../src/tasks/arithmetic/task.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { expectClose } from '../oracle/compare.ts';
import { seeded } from '../oracle/random.ts';

const random = (item = 0) => new RandomStream({ seed: 1, stream: 3, item });

/** Return trajectories with these numbers of scored tokens after a prompt of four; with `masking`, mask every third. */
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
        for (const [i, batch] of batches.entries()) {
          const tokens = batch.reduce((sum, each) => sum + each.tokens.length, 0);
          expect(batch.length === 1 || tokens <= limit).toBe(true);
          // As few as can be: the next one did not fit.
          const next = batches[i + 1]?.[0];
          if (next) expect(tokens + next.tokens.length).toBeGreaterThan(limit);
        }
      },
    ),
    seeded,
  );
});

describe('weights', () => {
  test.each(LOSS_NAMES)('%s: masked sequences count as sequences, and their tokens nothing', (loss) => {
    const found = weighted(trajectories([2, 5, 3, 4, 1], true), { loss, maxNewTokens: 8 });
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
          const found = weighted(all, { loss, maxNewTokens: 8 });
          expect(new Set(found.map(({ tokens, advantage }) => `${tokens} ${advantage}`)).size).toBe(
            found.length,
          );
          // As if each was alone: what each token of each counts does not depend on others being equal to it.
          const apart = weighted(
            all.map((each, i) => ({ ...each, advantage: i })),
            { loss, maxNewTokens: 8 },
          );
          for (const { weight, tokens, advantage, copies } of found) {
            const own = all.flatMap((each, i) =>
              each.tokens.length === tokens.length && each.advantage === advantage ? [apart[i].weight] : [],
            );
            expect(copies).toHaveLength(own.length);
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
    expect(weighted(masked, { loss: 'dapo', maxNewTokens: 8 })).toEqual([]);
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

describe('the inputs of a micro-batch', () => {
  const model = { config: modelConfig('tiny', { vocabSize: VOCAB_SIZE }) };
  const WORDS = Math.ceil(model.config.vocabSize / 32);
  /** Return the kept sets of a sampler that keeps only ids 0 and 3, for `length` tokens. */
  const keptOf = (length: number) =>
    Uint32Array.from({ length: length * WORDS }, (_, i) => (i % WORDS === 0 ? 0b1001 : 0));
  const batchOf = (lengths: readonly number[], kept = false): WeightedTrajectory[] =>
    trajectories(lengths).map((each, i) => ({
      ...each,
      completion: {
        ...each.completion,
        logps: Float32Array.from({ length: lengths[i] }, (_, t) => -i - t / 64),
      },
      advantage: i + 0.5,
      weight: 1 / (i + 2),
      copies: [each.completion],
      ...(kept && { kept: keptOf(lengths[i]) }),
    }));
  const numbersOf = (values: unknown): number[] => {
    if (values instanceof Float32Array || values instanceof Uint32Array) return [...values];
    throw new TypeError('these are no numbers');
  };
  const CAP = { importanceSamplingCap: 2 };
  const lengthsOfBatch = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 });

  test.each(LOSS_NAMES)('%s: each scored token has its own values in order, and padding has none', (loss) => {
    fc.assert(
      fc.property(lengthsOfBatch, (lengths) => {
        const inputs = batchInputs(model, batchOf(lengths), { ...CAP, loss, klEstimator: 'k3' });
        const N = numbersOf(inputs.packed.targets).length;
        const tokens = lengths.flatMap((length, i) => Array.from({ length }, (_, t) => ({ i, t, length })));
        const padded = (value: (token: (typeof tokens)[number]) => number, padding = 0) =>
          [...tokens.map(value), ...new Array<number>(N - tokens.length).fill(padding)].map(Math.fround);
        expect(numbersOf(inputs.oldLogp)).toEqual(padded(({ i, t }) => -i - t / 64));
        expect(numbersOf(inputs.advantages)).toEqual(padded(({ i }) => i + 0.5));
        expect(numbersOf(inputs.weights)).toEqual(padded(({ i }) => 1 / (i + 2)));
        expect(inputs.excluded).toBeUndefined();
        if (loss !== 'gspo') {
          expect(inputs.sequences).toBeUndefined();
          return;
        }
        expect(numbersOf(inputs.sequences?.index)).toEqual(padded(({ i }) => i, N - 1));
        expect(numbersOf(inputs.sequences?.share)).toEqual(padded(({ length }) => 1 / length));
      }),
      seeded,
    );
  });

  test.each(LOSS_NAMES)('%s: corrected tokens have their weights, at most the cap', (loss) => {
    const cap = 1.5;
    fc.assert(
      fc.property(lengthsOfBatch, (lengths) => {
        const prox = (i: number, t: number) => Math.fround(-i - t / 64 + (((3 * i + 5 * t) % 7) - 3) / 4);
        const batch = batchOf(lengths).map((trajectory, i) => ({
          ...trajectory,
          proxLogps: Float32Array.from(trajectory.completion.logps, (_, t) => prox(i, t)),
        }));
        const { correction, packed } = batchInputs(model, batch, {
          ...{ loss, klEstimator: 'k3', importanceSamplingCap: cap },
        });
        const N = numbersOf(packed.targets).length;
        const ratios = lengths.flatMap((length, i) => {
          const differences = Array.from({ length }, (_, t) => prox(i, t) - Math.fround(-i - t / 64));
          const mean = differences.reduce((sum, each) => sum + each, 0) / length;
          return differences.map((each) => Math.min(cap, Math.exp(loss === 'gspo' ? mean : each)));
        });
        const padding = new Array<number>(N - ratios.length).fill(0);
        expectClose(numbersOf(correction?.importance), [...ratios, ...padding], { rtol: 1e-6, atol: 0 });
        const wanted = lengths.flatMap((length, i) => Array.from({ length }, (_, t) => prox(i, t)));
        expect(numbersOf(correction?.proxLogp)).toEqual([...wanted, ...padding]);
      }),
      seeded,
    );
    const plain = batchInputs(model, batchOf([2]), { ...CAP, loss, klEstimator: 'k3' });
    expect(plain.correction).toBeUndefined();
  });

  test('sizes are classes: batches of 17 and of 18 scored tokens are one shape, 18', () => {
    const sizes = [
      [9, 8],
      [9, 9],
    ].map(
      (lengths) =>
        numbersOf(batchInputs(model, batchOf(lengths), { ...CAP, loss: 'grpo', klEstimator: 'k3' }).weights)
          .length,
    );
    expect(sizes).toEqual([18, 18]);
  });

  test('the exact KL alone knows what the sampler left out', () => {
    const inputs = (klEstimator: 'exact' | 'k3', kept: boolean) =>
      batchInputs(model, batchOf([2, 1], kept), { ...CAP, loss: 'grpo', klEstimator });
    expect(inputs('k3', true).excluded).toBeUndefined();
    expect(inputs('exact', false).excluded).toBeUndefined();
    const { excluded } = inputs('exact', true);
    const rows = Array.from({ length: 3 }, (_, row) =>
      numbersOf(excluded).slice(row * model.config.vocabSize, (row + 1) * model.config.vocabSize),
    );
    for (const row of rows) {
      expect(row.flatMap((value, id) => (value === 0 ? [id] : []))).toEqual([0, 3]);
    }
  });
});
