/**
 * Padding a batch to size classes, as the trainers do for recordings, changes no bit: padding adds zeros at the end of every
 * sum, and sums over rows are split at fixed rows.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { packSequences, type ScoredSequence, scorePacked } from '../../src/model/score.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import { add, backward, loadBalance, mul, sum, Tensor } from '../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../device.ts';
import { gradients, randomModel } from '../model/referenceModels.ts';
import { integers, normals } from '../oracle/random.ts';

const V = 57;
const WORDS = 2;

interface Case {
  readonly lengths: readonly number[];
  /** True if tokens were sampled from only a part of the vocabulary. */
  readonly filtered: boolean;
  readonly seed: number;
}

function sequencesOf({ lengths, filtered, seed }: Case): ScoredSequence[] {
  return lengths.map((length, i) => {
    const tokens = integers(seed + i, length, V);
    const from = 1 + (((seed + i) * 7) % (length - 1));
    if (!filtered) return { tokens, from };
    const kept = Uint32Array.from(integers(seed + i + 500, WORDS * (length - from), 2 ** 32));
    for (const [t, token] of tokens.slice(from).entries())
      kept[WORDS * t + (token >> 5)] |= 1 << (token & 31);
    return { tokens, from, kept };
  });
}

/** Return the bits of sequences' scores, and of the gradients of their weighted sum. */
async function scoresOf(model: Transformer, sequences: readonly ScoredSequence[], padded: boolean) {
  const { device } = model;
  using _ = device.scope();
  const { arrays, rows, scored } = packSequences(model, sequences, { padded });
  const { tokens, tiles, rows: index, inverse, targets, kept } = arrays;
  const upload = (values: Uint32Array<ArrayBuffer>): Tensor => Tensor.from(device, values);
  const packed = {
    tokens: upload(tokens),
    tiles: upload(tiles),
    rows: upload(index),
    inverse: upload(inverse),
    targets: upload(targets),
    kept: kept && upload(kept),
  };
  const balances: Tensor[] = [];
  model.parameters.zeroGrad();
  const { logp, entropy } = scorePacked(model, packed, {
    temperature: 0.8,
    dropout: { p: 0.1, seed: 5, step: 3 },
    onRouting: (logits, routing) => balances.push(loadBalance(logits, routing, rows)),
  });
  const weighted = [logp, entropy].map((scores, i) => {
    const weights = new Float32Array(scores.size);
    weights.set(normals(i, scored));
    return sum(mul(scores, Tensor.from(device, weights)));
  });
  const objective = [...weighted, ...balances].reduce(add);
  backward(objective);
  const bits = async (x: Tensor): Promise<Uint32Array> => bitsOf(await x.data()).slice(0, scored);
  return {
    size: tokens.length,
    scores: { logp: await bits(logp), entropy: await bits(entropy), objective: await bits(objective) },
    gradients: new Map([...(await gradients(model))].map(([name, values]) => [name, bitsOf(values)])),
  };
}

const bitsOf = (values: ArrayLike<number>): Uint32Array => new Uint32Array(Float32Array.from(values).buffer);

const cases = fc.record({
  lengths: fc.array(fc.integer({ min: 2, max: 90 }), { minLength: 1, maxLength: 12 }),
  filtered: fc.boolean(),
  seed: fc.nat(1000),
});

/** 1,083 rows in 1,152, summed in three parts, and 2,089 in 2,304. */
const LARGE = [19, 36].map((count) => ({
  lengths: Array.from({ length: count }, (_, i) => 30 + ((i * 37) % 61)),
  filtered: false,
  seed: count,
}));

describe.each(VARIANTS)('$variant kernels', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test.each([
    ['dense', {}],
    ['mixture of experts', { numExperts: 4, activeExperts: 2 }],
  ])('%s: scores and gradients have the same bits, padded or not', async (_, overrides) => {
    const model = randomModel(device, overrides);
    let padding = 0;
    const property = fc.asyncProperty(cases, async (each) => {
      const sequences = sequencesOf(each);
      const plain = await scoresOf(model, sequences, false);
      const padded = await scoresOf(model, sequences, true);
      padding += padded.size - plain.size;
      expect(padded.scores).toEqual(plain.scores);
      for (const [name, expected] of plain.gradients)
        expect(padded.gradients.get(name), name).toEqual(expected);
      expect(plain.gradients.get('tok_emb.weight')?.some((bits) => bits !== 0)).toBe(true);
    });
    await fc.assert(property, { numRuns: 8, examples: LARGE.map((each) => [each]) });
    expect(padding).toBeGreaterThan(100);
    model.dispose();
  });
});
