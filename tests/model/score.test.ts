/** Scores of given tokens against the float64 reference, with their gradients. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { type ScoredSequence, scoredCount, scoreTokens } from '../../src/model/score.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { add, backward, mul, sum, Tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';
import * as oracle from '../oracle/array.ts';
import { expectClose } from '../oracle/compare.ts';
import { entropy as oracleEntropy } from '../oracle/grpo.ts';
import { integers, normals } from '../oracle/random.ts';
import { keptTokens, samplingLogProbs } from '../oracle/sampler.ts';
import { forward as oracleForward } from '../oracle/transformer.ts';
import {
  expectSameGradients,
  gradients,
  gradients64,
  parameters64,
  randomCheckpoint,
} from './referenceModels.ts';

const { config, stateDict } = randomCheckpoint({ nLayers: 1, vocabSize: 40, dModel: 16, nHeads: 1, dFF: 20 });

/** Sequences scored from their second token, from the middle, and only at their last token. */
const SEQUENCES: readonly ScoredSequence[] = [
  [9, 1],
  [14, 6],
  [5, 4],
  [2, 1],
].map(([length, from]) => ({ tokens: integers(length, length, config.vocabSize), from }));

interface Options {
  readonly temperature?: number;
  readonly topK?: number;
}

/** Compute log p and entropy of every scored token by definition. */
function reference(params: ReadonlyMap<string, oracle.Array64>, options: Options) {
  const scores = SEQUENCES.map(({ tokens, from }) => {
    const [logits] = oracleForward(config, params, [tokens]);
    const table = samplingLogProbs(oracle.slice(logits, 0, from - 1, tokens.length - 1), options);
    const chosen = { data: tokens.slice(from), shape: [tokens.length - from, 1] };
    return { logp: oracle.sum(oracle.gather(table, 1, chosen), 1), entropy: oracleEntropy(table) };
  });
  return {
    logp: oracle.cat(
      scores.map(({ logp }) => logp),
      0,
    ),
    entropy: oracle.cat(
      scores.map(({ entropy }) => entropy),
      0,
    ),
  };
}

/** Return the same sequences with their most likely tokens, which a filter keeps, and the sets that it keeps. */
function withKept(topK: number): ScoredSequence[] {
  const params = parameters64(stateDict);
  return SEQUENCES.map(({ tokens, from }) => {
    const words = new Uint32Array(2 * (tokens.length - from));
    const [logits] = oracleForward(config, params, [tokens]);
    for (let t = from; t < tokens.length; t++) {
      const kept = keptTokens(logits.data.subarray((t - 1) * 40, t * 40), { topK });
      kept.forEach((keep, id) => {
        if (keep) words[2 * (t - from) + (id >> 5)] |= 1 << (id & 31);
      });
    }
    return { tokens, from, kept: words };
  });
}

describe('scoreTokens', () => {
  let device: Device;
  let model: Transformer;
  beforeAll(async () => {
    device = await openDevice();
    model = new Transformer(device, config, stateDict);
  });
  afterAll(() => device.destroy());

  test('counts the tokens from `from` on', () => {
    expect(SEQUENCES.map(scoredCount)).toEqual([8, 8, 1, 1]);
  });

  test.each([{}, { temperature: 0.7 }, { temperature: 2.5 }])(
    '%o: log-probabilities, entropies and their gradients',
    async (options) => {
      using _ = device.scope();
      model.parameters.zeroGrad();
      const params = parameters64(stateDict);
      const expected = reference(params, options);
      const { logp, entropy } = scoreTokens(model, SEQUENCES, options);
      expectClose(await logp.data(), expected.logp.data, { rtol: 1e-5, atol: 2e-5, label: 'logp' });
      expectClose(await entropy.data(), expected.entropy.data, { rtol: 1e-5, atol: 2e-5, label: 'entropy' });
      const weights = [normals(1, logp.size), normals(2, logp.size)];
      const [w, v] = weights.map((values) => Tensor.from(device, Float32Array.from(values)));
      backward(add(sum(mul(logp, w)), sum(mul(entropy, v))));
      const weigh = (x: oracle.Array64, i: number): oracle.Array64 =>
        oracle.sum(oracle.mul(x, oracle.array(weights[i])));
      oracle.backward(oracle.add(weigh(expected.logp, 0), weigh(expected.entropy, 1)));
      expectSameGradients(await gradients(model), gradients64(params), { rtol: 1e-4, atol: 2e-5 });
    },
  );

  test('alone and together, a sequence has the same scores', async () => {
    using _ = device.scope();
    const together = Array.from(await scoreTokens(model, SEQUENCES).logp.data());
    const alone: number[] = [];
    for (const sequence of SEQUENCES) alone.push(...(await scoreTokens(model, [sequence]).logp.data()));
    expect(together).toEqual(alone);
  });

  test('in parts, where the logits of all together would exceed a binding, scores are the same', async () => {
    const limits = { maxStorageBufferBindingSize: 65_536 };
    const small = await openDevice({ limits });
    const many = Array.from({ length: 30 }, () => SEQUENCES).flat();
    const scored = many.reduce((sum, sequence) => sum + scoredCount(sequence), 0);
    expect(scored * config.vocabSize * 4).toBeGreaterThan(limits.maxStorageBufferBindingSize);
    using _ = device.scope();
    const expected = scoreTokens(model, many);
    const found = scoreTokens(new Transformer(small, config, stateDict), many);
    for (const name of ['logp', 'entropy'] as const) {
      expectClose(await found[name].data(), await expected[name].data(), { rtol: 1e-5, atol: 1e-6 });
    }
    small.destroy();
  });

  test('kept sets restrict the sequences that have them, and no others', async () => {
    using _ = device.scope();
    const full = reference(parameters64(stateDict), {}).logp.data;
    const restricted = reference(parameters64(stateDict), { topK: 25 }).logp.data;
    const first = withKept(25)[0];
    const { logp } = scoreTokens(model, [first, ...SEQUENCES.slice(1)]);
    const found = await logp.data();
    // What the filter drops has no log-probability: such targets are left out of the comparison.
    const inside = Array.from({ length: 8 }, (_, t) => t).filter((t) => Number.isFinite(restricted[t]));
    expect(inside.length).toBeGreaterThan(3);
    for (const t of inside) expectClose([found[t]], [restricted[t]], { rtol: 1e-5, atol: 2e-5 });
    expect(Math.abs(restricted[inside[0]] - full[inside[0]])).toBeGreaterThan(1e-3);
    expectClose(found.slice(8), full.slice(8), { rtol: 1e-5, atol: 2e-5 });
  });
});
