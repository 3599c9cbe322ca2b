/** The sampler: recorded log-probabilities, the sampled distribution, and independence of a sequence from its batch. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device, DeviceOptions } from '../../src/gpu/device.ts';
import { defaultsOf } from '../../src/kernels/defaults.ts';
import { MIN_TEMPERATURE } from '../../src/model/completions.ts';
import {
  type Completion,
  type SampleOptions,
  Sampler,
  type SamplerOptions,
} from '../../src/model/sampler.ts';
import { scoreTokens } from '../../src/model/score.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import { prompt } from '../../src/tasks/arithmetic/sample.ts';
import { EOS } from '../../src/tasks/arithmetic/tokenizer.ts';
import { noGrad } from '../../src/tensor/index.ts';
import { isInterpreted, openDevice, VARIANTS } from '../device.ts';
import { expectClose } from '../oracle/compare.ts';
import { greedy, keptTokens, samplingProbabilities } from '../oracle/sampler.ts';
import { forward as oracleForward } from '../oracle/transformer.ts';
import { fixtureModel, parameters64, randomCheckpoint, randomModel } from './referenceModels.ts';

/** A prompt's ids, options, and the error. */
type Refusal = [readonly number[], object, RegExp];

/** Eight prompts of different lengths. */
const PROMPTS = [
  '1+2',
  '(-3)*(4-(-51))',
  'max(1,2)',
  '7',
  'prev(12)-next( 3 )',
  'abs(-8)/min(2,99)+1*(3-2)',
  '0',
  '5-5',
].map((expression) => prompt(expression));

/** Compute the log-probabilities of completions by a forward pass without a cache. */
async function rescored(
  model: Transformer,
  prompts: readonly (readonly number[])[],
  completions: readonly Completion[],
  temperature: number,
): Promise<number[]> {
  using _ = model.device.scope();
  const sequences = completions.map(({ prompt: i, tokens, kept }) => ({
    tokens: [...prompts[i], ...tokens],
    from: prompts[i].length,
    kept,
  }));
  return Array.from(await noGrad(() => scoreTokens(model, sequences, { temperature }).logp).data());
}

const recorded = (completions: readonly Completion[]): number[] =>
  completions.flatMap(({ logps }) => Array.from(logps));

/** Kernels of this adapter, those that run everywhere, and those of a GPU, which appends chunks of tokens to narrow models. */
const KERNELS: readonly (DeviceOptions & { readonly variant: string })[] = [
  ...VARIANTS,
  { variant: 'GPU', adapterClass: 'gpu' },
];

describe.each(KERNELS)('$variant kernels', (options) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice(options);
  });
  afterAll(() => device.destroy());

  describe.each(['tiny', 'moe_tiny'])('%s', (name) => {
    let model: Transformer;
    let sampler: Sampler;
    beforeAll(() => {
      model = fixtureModel(device, `${name}.safetensors`);
      sampler = new Sampler(model, { eos: EOS });
    });
    afterAll(() => {
      sampler.dispose();
      model.dispose();
    });

    test.each([
      ['sampled', { temperature: 1, groupSize: 2 }],
      ['at temperature 0.7', { temperature: 0.7, seed: 5 }],
      ['greedily', { temperature: 0 }],
      ['from the 5 likeliest', { temperature: 1.3, topK: 5 }],
    ] as const)('%s: what the cache gave is what a pass without one gives', async (_, options) => {
      const completions = await sampler.generate(PROMPTS, { maxNewTokens: 48, seed: 1, ...options });
      const found = recorded(completions);
      expect(found.length).toBeGreaterThan(100);
      expectClose(found, await rescored(model, PROMPTS, completions, options.temperature || 1), {
        rtol: 0,
        atol: 1e-4,
      });
    });

    test('a sequence does not depend on its batch', async () => {
      const sampling = { maxNewTokens: 24, temperature: 1, seed: 3 };
      // 40 sequences: more rows than one tile has, and than sequences alone are ever computed with.
      const many = Array.from({ length: 5 }, () => PROMPTS).flat();
      const together = await sampler.generate(many, sampling);
      for (const i of [0, 11, 37]) {
        const [alone] = await sampler.generate([many[i]], { ...sampling, firstSequenceId: i });
        expect(alone).toEqual({ ...together[i], prompt: 0 });
      }
      // Sequences with other ids differ: it is not that they all are the same.
      const texts = new Set([0, 8, 16, 24, 32].map((i) => `${together[i].tokens}`));
      expect(texts.size).toBeGreaterThan(1);
    });
  });

  // 64 is the largest head that a lane holds; above, positions come in blocks of 64.
  test.each([64, 100, 256])('heads of %i: the cache gives what a pass without one gives', async (head) => {
    const model = randomModel(device, { nLayers: 1, nHeads: 2, dModel: 2 * head, dFF: 32 });
    const sampler = new Sampler(model, { eos: 57 }); // an id that is never drawn
    const prompts = [PROMPTS[4], PROMPTS[3]];
    const completions = await sampler.generate(prompts, {
      maxNewTokens: 80,
      temperature: 1,
      seed: 2,
      groupSize: 2,
    });
    expect(recorded(completions).length).toBe(4 * 80);
    const expected = await rescored(model, prompts, completions, 1);
    expectClose(recorded(completions), expected, { rtol: 0, atol: 1e-4 });
    sampler.dispose();
    model.dispose();
  });

  test.each([
    ['grouped key-value heads', { nHeads: 8, nKVHeads: 2 }],
    ['wide heads', { nHeads: 2, nKVHeads: 1, headDim: 72, attentionBias: true }],
  ])('llama, %s: the cache gives what a pass without one gives', async (_, overrides) => {
    const model = randomModel(device, { shape: 'llama', nLayers: 2, dFF: 40, ...overrides });
    const sampler = new Sampler(model, { eos: 57 }); // an id that is never drawn
    const completions = await sampler.generate(PROMPTS, {
      maxNewTokens: 40,
      temperature: 1,
      seed: 2,
      groupSize: 2,
    });
    expect(recorded(completions).length).toBe(2 * PROMPTS.length * 40);
    expectClose(recorded(completions), await rescored(model, PROMPTS, completions, 1), {
      rtol: 0,
      atol: 1e-4,
    });
    sampler.dispose();
    model.dispose();
  });

  test('every draw of the first token follows the softmax, within what was kept', async () => {
    // Logits of about unit size, so that many tokens have a share.
    const shape = { nLayers: 1, dModel: 16, nHeads: 1, dFF: 16 };
    const model = randomModel(device, shape);
    const { config, stateDict } = randomCheckpoint(shape);
    const sampler = new Sampler(model, { eos: EOS });
    const [start] = PROMPTS;
    const [row] = oracleForward(config, parameters64(stateDict), [start]);
    const logits = row.data.slice(-57);
    const draws = 4096;
    for (const options of [
      { temperature: 1 },
      { temperature: 0.7 },
      { temperature: 1, topK: 5 },
      { temperature: 1, topP: 0.8 },
      { temperature: 1.4, topK: 20, topP: 0.7 },
      { temperature: 1, topP: 0.95, minP: 0.3 },
    ]) {
      const completions = await sampler.generate([start], {
        maxNewTokens: 1,
        groupSize: draws,
        seed: 11,
        ...options,
      });
      const expected = samplingProbabilities(logits, options);
      const counts = new Float64Array(57);
      for (const { tokens } of completions) counts[tokens[0]] += 1;
      const label = JSON.stringify(options);
      expect(
        [...counts].filter((count, id) => expected[id] === 0 && count > 0),
        label,
      ).toEqual([]);
      expect(chiSquare(counts, expected, draws), label).toBeLessThan(1);
      // A wrong temperature shows: the test has the power to tell.
      const wrong = samplingProbabilities(logits, { ...options, temperature: options.temperature * 1.2 });
      expect(chiSquare(counts, wrong, draws), `${label}, another temperature`).toBeGreaterThan(1);
    }
    sampler.dispose();
    model.dispose();
  });
});

/** Pearson's statistic over its 99.9 % point (Wilson & Hilferty's approximation); cells below 5 are one. */
function chiSquare(counts: Float64Array, shares: Float64Array, draws: number): number {
  const cells: { count: number; expected: number }[] = [];
  const rest = { count: 0, expected: 0 };
  counts.forEach((count, id) => {
    const expected = shares[id] * draws;
    if (expected >= 5) cells.push({ count, expected });
    else {
      rest.count += count;
      rest.expected += expected;
    }
  });
  if (rest.expected > 0) cells.push(rest);
  const statistic = cells.reduce((sum, { count, expected }) => sum + (count - expected) ** 2 / expected, 0);
  const freedom = cells.length - 1;
  const spread = 2 / (9 * freedom);
  return statistic / (freedom * (1 - spread + 3.09 * Math.sqrt(spread)) ** 3);
}

// On the interpreter the tests above run the same kernels.
describe.skipIf(isInterpreted)('the sampler', () => {
  let device: Device;
  let model: Transformer;
  beforeAll(async () => {
    device = await openDevice();
    model = fixtureModel(device, 'tiny.safetensors');
  });
  afterAll(() => device.destroy());

  async function generate(
    prompts: readonly (readonly number[])[],
    options: SampleOptions,
    of: Transformer = model,
  ): Promise<Completion[]> {
    const sampler = new Sampler(of, { eos: EOS });
    const completions = await sampler.generate(prompts, options);
    sampler.dispose();
    return completions;
  }

  /** Return a model that gives <eos> this logit after any token. */
  function eager(logit: number): Transformer {
    const { config, stateDict } = randomCheckpoint({ nLayers: 1 });
    const weights = new Map(stateDict);
    const bias = new Float32Array(57);
    bias[EOS] = logit;
    weights.set('out_proj.bias', { shape: [57], data: bias });
    const made = randomModel(device, { nLayers: 1 });
    expect(config).toEqual(made.config);
    made.load(weights);
    return made;
  }

  test.each([
    ['the coldest', { temperature: MIN_TEMPERATURE }],
    ['the least topP', { temperature: 1, topP: 1e-45 }],
    ['topK 1', { temperature: 1, topK: 1 }],
    ['minP 1', { temperature: 1, minP: 1 }],
    ['the whole vocabulary', { temperature: 1, topK: 57 }],
  ] as const)('%s: finite log-probabilities, of tokens that are not impossible', async (_, options) => {
    const completions = await generate(PROMPTS, { maxNewTokens: 24, groupSize: 8, seed: 3, ...options });
    const found = recorded(completions);
    expect(found.length).toBeGreaterThan(100);
    // The noise of a token is at most 19.5 above that of another one.
    for (const logp of found) expect(logp > -24 && logp <= 1e-6, `${logp}`).toBe(true);
    if (!('topK' in options && options.topK === 57)) {
      const best = await generate(PROMPTS, { maxNewTokens: 24, temperature: 0, seed: 3 });
      for (const { prompt: i, tokens } of completions) expect(tokens).toEqual(best[i].tokens);
    }
  });

  test('permuted prompts give permuted completions, if every sequence keeps its id', async () => {
    const options = { maxNewTokens: 20, temperature: 1, seed: 9 };
    const forwards = await generate(PROMPTS, options);
    const sampler = new Sampler(model, { eos: EOS });
    for (const i of [7, 2, 5]) {
      // Batches whose first id is the sequence's own, with other prompts behind it.
      const others = [PROMPTS[i], ...PROMPTS.slice(0, 3).reverse()];
      const [found] = await sampler.generate(others, { ...options, firstSequenceId: i });
      expect(found).toEqual({ ...forwards[i], prompt: 0 });
    }
    sampler.dispose();
  });

  test('the second token follows the softmax given the first', async () => {
    const small = randomModel(device, { nLayers: 1, dModel: 16, nHeads: 1, dFF: 16 });
    const { config, stateDict } = randomCheckpoint({ nLayers: 1, dModel: 16, nHeads: 1, dFF: 16 });
    const options = { maxNewTokens: 2, groupSize: 4096, temperature: 1, topK: 4, seed: 2 };
    const completions = await generate([PROMPTS[0]], options, small);
    const counts = new Map<number, Float64Array>();
    for (const { tokens } of completions) {
      if (tokens.length < 2) continue;
      const row = counts.get(tokens[0]) ?? new Float64Array(57);
      counts.set(tokens[0], row);
      row[tokens[1]] += 1;
    }
    const firsts = [...counts].filter(([, row]) => row.reduce((a, b) => a + b, 0) > 300);
    expect(firsts.length).toBeGreaterThan(1);
    for (const [first, row] of firsts) {
      const [output] = oracleForward(config, parameters64(stateDict), [[...PROMPTS[0], first]]);
      const shares = samplingProbabilities(output.data.slice(-57), options);
      expect(
        chiSquare(
          row,
          shares,
          row.reduce((a, b) => a + b, 0),
        ),
      ).toBeLessThan(1);
    }
    small.dispose();
  });

  test('greedy takes the argmax of the float64 reference at every token', async () => {
    const { config } = model;
    const params = parameters64(await model.stateDict());
    const prompts = PROMPTS.slice(0, 4);
    for (const { prompt: i, tokens } of await generate(prompts, {
      maxNewTokens: 24,
      temperature: 0,
      seed: 1,
    })) {
      const [logits] = oracleForward(config, params, [[...prompts[i], ...tokens]]);
      const wanted = tokens.map((_, t) => {
        const at = (prompts[i].length + t - 1) * 57;
        return greedy(logits.data.subarray(at, at + 57));
      });
      expect(tokens).toEqual(wanted);
    }
  });

  test('a low temperature is nearly greedy, a high one is not', async () => {
    const options = { maxNewTokens: 16, seed: 4 };
    const best = await generate(PROMPTS, { ...options, temperature: 0 });
    const texts = (completions: readonly Completion[]): string[] =>
      completions.map(({ tokens }) => `${tokens}`);
    expect(texts(await generate(PROMPTS, { ...options, temperature: 0.001 }))).toEqual(texts(best));
    expect(texts(await generate(PROMPTS, { ...options, temperature: 2 }))).not.toEqual(texts(best));
  });

  test.each([
    { topK: 5 },
    { topP: 0.8 },
    { topK: 12, topP: 0.6, temperature: 1.5 },
    { topK: 1 },
    { minP: 0.2 },
    { minP: 1 },
    { topK: 12, topP: 0.9, minP: 0.05, temperature: 1.5 },
  ])(
    '%o: the kept sets are the reference’s, and the trainer’s log-probabilities the recorded ones',
    async (filter) => {
      const { config } = model;
      const params = parameters64(await model.stateDict());
      const options = { maxNewTokens: 12, temperature: 1, seed: 6, ...filter };
      const prompts = PROMPTS.slice(0, 4);
      const completions = await generate(prompts, options);
      for (const { prompt: i, tokens, kept, logps } of completions) {
        const [logits] = oracleForward(config, params, [[...prompts[i], ...tokens]]);
        tokens.forEach((token, t) => {
          const at = (prompts[i].length + t - 1) * 57;
          const row = logits.data.subarray(at, at + 57);
          const mask = Array.from(
            { length: 57 },
            (_, v) => ((kept?.[2 * t + (v >> 5)] ?? 0) >>> (v & 31)) & 1,
          );
          expect(mask).toEqual(Array.from(keptTokens(row, options)));
          const logp = Math.log(samplingProbabilities(row, options)[token]);
          expectClose([logps[t]], [logp], { rtol: 0, atol: 1e-4 });
        });
      }
      const found = await rescored(model, prompts, completions, options.temperature);
      expectClose(recorded(completions), found, { rtol: 0, atol: 1e-4 });
    },
  );

  test('without filters no sets are recorded', async () => {
    const [completion] = await generate([PROMPTS[0]], { maxNewTokens: 2, temperature: 1, seed: 0 });
    expect(completion.kept).toBeUndefined();
  });

  test('the same seed gives the same bits, another seed and another group member others', async () => {
    const options = { maxNewTokens: 20, temperature: 1, groupSize: 4, seed: 8 };
    const first = await generate(PROMPTS, options);
    expect(await generate(PROMPTS, options)).toEqual(first);
    expect(await generate(PROMPTS, { ...options, seed: 9 })).not.toEqual(first);
    expect(first.map(({ prompt: i }) => i)).toEqual(PROMPTS.flatMap((_, i) => [i, i, i, i]));
    expect(new Set(first.slice(0, 4).map(({ tokens }) => `${tokens}`)).size).toBeGreaterThan(1);
  });

  test('one sampler serves batches of every size and length, as a fresh one would', async () => {
    const sampler = new Sampler(model, { eos: EOS });
    for (const options of [
      { maxNewTokens: 5, groupSize: 1 },
      { maxNewTokens: 33, groupSize: 3 },
      { maxNewTokens: 1, groupSize: 2 },
      { maxNewTokens: 17, groupSize: 1, topK: 3 },
      { maxNewTokens: 5, groupSize: 1, topP: 0.9, temperature: 0.5 },
      { maxNewTokens: 5, groupSize: 1, minP: 0.1 },
      { maxNewTokens: 5, groupSize: 1 },
    ]) {
      const all = { temperature: 1, seed: 2, ...options };
      const prompts = PROMPTS.slice(0, 1 + (all.maxNewTokens % 7));
      const completions = await sampler.generate(prompts, all);
      expect(completions.length).toBe(prompts.length * all.groupSize);
      expect(Math.max(...completions.map(({ tokens }) => tokens.length))).toBeLessThanOrEqual(
        all.maxNewTokens,
      );
      expect(completions).toEqual(await generate(prompts, all));
    }
    expect(await sampler.generate([], { maxNewTokens: 5, temperature: 1, seed: 0 })).toEqual([]);
    sampler.dispose();
  });

  test('a cache that cannot fit is refused with what to do, and leaves the sampler as it was', async () => {
    const sampler = new Sampler(model, { eos: EOS });
    const options = { maxNewTokens: 3, temperature: 1, seed: 1 };
    const first = await sampler.generate(PROMPTS, options);
    const huge = sampler.generate(PROMPTS, { ...options, maxNewTokens: 2 ** 27 });
    await expect(huge).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      where: 'sampler',
      fix: 'generate shorter sequences',
    });
    expect(await sampler.generate(PROMPTS, options)).toEqual(first);
    sampler.dispose();
  });

  test('an end at exactly the last token that there is room for is an end', async () => {
    const quick = eager(1.5);
    const options = { groupSize: 16, temperature: 1, seed: 5 };
    const long = await generate(PROMPTS.slice(0, 2), { ...options, maxNewTokens: 40 }, quick);
    const lengths = new Set(long.filter(({ finished }) => finished).map(({ tokens }) => tokens.length));
    expect(lengths.size).toBeGreaterThan(3);
    for (const maxNewTokens of lengths) {
      const cut = await generate(PROMPTS.slice(0, 2), { ...options, maxNewTokens }, quick);
      cut.forEach(({ tokens, finished }, i) => {
        const whole = long[i]?.tokens ?? [];
        expect(tokens).toEqual(whole.slice(0, maxNewTokens));
        expect(finished, `${tokens.length} tokens of ${maxNewTokens}`).toBe(
          whole.length <= maxNewTokens && whole.at(-1) === EOS,
        );
      });
      expect(cut.some(({ tokens, finished }) => finished && tokens.length === maxNewTokens)).toBe(true);
    }
    quick.dispose();
  });

  test.each([
    ['by what its caches need', 12],
    ['and that again in halves, where the passes need more', 4],
  ])('a batch that exceeds the memory limit is cut %s, to the same bits', async (_, mebibytes) => {
    const memoryLimit = mebibytes * 2 ** 20;
    const wide = { dModel: 64, nHeads: 4, dFF: 256, nLayers: 4 };
    const prompts = [...PROMPTS, ...PROMPTS, ...PROMPTS];
    const options = { maxNewTokens: 40, temperature: 1, seed: 1, groupSize: 3, topK: 9 };
    const limited = await openDevice({ memoryLimit });
    const sampler = new Sampler(randomModel(limited, wide), { eos: EOS });
    const expected = await generate(prompts, options, randomModel(device, wide));
    for (const _again of [1, 2]) expect(await sampler.generate(prompts, options)).toEqual(expected);
    expect(limited.memory().peakBytes).toBeLessThanOrEqual(memoryLimit);
    limited.destroy();
  });

  test('a memory limit that a single sequence exceeds is said', async () => {
    const small = await openDevice({ memoryLimit: 2 ** 20 });
    const sampler = new Sampler(randomModel(small, { dModel: 64, nHeads: 4, dFF: 128, nLayers: 1 }), {
      eos: EOS,
    });
    await expect(
      sampler.generate(PROMPTS, { maxNewTokens: 2000, temperature: 1, seed: 1 }),
    ).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      where: 'sampler',
      fix: 'generate shorter sequences, or raise the memory limit',
    });
    small.destroy();
  });

  test('a batch whose cache exceeds a binding is generated in parts, to the same bits', async () => {
    const quick = eager(2.5);
    const sampler = new Sampler(quick, { eos: EOS });
    // 8 MiB of keys for each sequence: WebGPU promises no more than 128 MiB.
    const options = { maxNewTokens: 2 ** 16, groupSize: 5, temperature: 1, seed: 1 };
    const completions = await sampler.generate(PROMPTS.slice(0, 4), options);
    expect(completions).toEqual(
      await generate(PROMPTS.slice(0, 4), { ...options, maxNewTokens: 400 }, quick),
    );
    sampler.dispose();
    quick.dispose();
  });

  test('it samples from the weights as they are now', async () => {
    const own = eager(-30);
    const sampler = new Sampler(own, { eos: EOS });
    const options = { maxNewTokens: 20, temperature: 1, seed: 2 };
    expect((await sampler.generate(PROMPTS, options)).every(({ finished }) => !finished)).toBe(true);
    const other = eager(3);
    own.load(await other.stateDict());
    expect(await sampler.generate(PROMPTS, options)).toEqual(await generate(PROMPTS, options, other));
    sampler.dispose();
    for (const each of [own, other]) each.dispose();
  });

  test('nothing comes after <eos>, and nothing is computed when all are finished', async () => {
    const quick = eager(2.5);
    const endless = eager(-30);
    const sampler = new Sampler(quick, { eos: EOS });
    const counted = async (of: Sampler, maxNewTokens: number): Promise<[Completion[], number]> => {
      const before = device.counters().dispatches;
      const completions = await of.generate(PROMPTS, { maxNewTokens, groupSize: 2, temperature: 1, seed: 1 });
      return [completions, device.counters().dispatches - before];
    };
    const slow = new Sampler(endless, { eos: EOS });
    await counted(slow, 1); // derives what is kept of the weights
    await counted(sampler, 1);
    const [, prefill] = await counted(slow, 1);
    const [unfinished, chunk] = await counted(slow, 17);
    expect(unfinished.every(({ tokens, finished }) => tokens.length === 17 && !finished)).toBe(true);
    const [completions, spent] = await counted(sampler, 1000);
    const lengths = completions.map(({ tokens }) => tokens.length);
    const longest = Math.max(...lengths);
    expect(Math.min(...lengths)).toBeLessThan(longest);
    expect(longest).toBeGreaterThan(2);
    expect(longest).toBeLessThan(200);
    for (const { tokens, finished, logps } of completions) {
      expect(finished).toBe(true);
      expect(tokens.indexOf(EOS)).toBe(tokens.length - 1);
      expect(logps.length).toBe(tokens.length);
    }
    // Steps come in chunks of 16 tokens: as many as the longest needs, and one where it is enqueued before the last state is read.
    const chunks = Math.ceil((longest - 1) / 16) + (defaultsOf(device).chunksAhead ? 1 : 0);
    expect(spent).toBeLessThanOrEqual(prefill + chunks * (chunk - prefill));
    for (const each of [sampler, slow]) each.dispose();
    for (const each of [quick, endless]) each.dispose();
  });

  test('a completion whose end is its last possible token is finished; with one token less it is cut off', async () => {
    const easy = fixtureModel(device, 'tiny_easy.pt');
    const sampler = new Sampler(easy, { eos: EOS });
    const options = { temperature: 0, seed: 0 };
    const prompts = PROMPTS.slice(0, 1);
    const [whole] = await sampler.generate(prompts, { ...options, maxNewTokens: 64 });
    const length = whole?.tokens.length ?? 0;
    expect(whole).toMatchObject({ finished: true });
    expect(length).toBeLessThan(64);
    expect(whole?.tokens.indexOf(EOS)).toBe(length - 1);
    const [exact] = await sampler.generate(prompts, { ...options, maxNewTokens: length });
    expect(exact).toEqual(whole);
    const [cut] = await sampler.generate(prompts, { ...options, maxNewTokens: length - 1 });
    expect(cut).toMatchObject({ finished: false, tokens: whole?.tokens.slice(0, -1) });
    sampler.dispose();
    easy.dispose();
  });

  test('calls take turns, after one that failed too', async () => {
    const sampler = new Sampler(model, { eos: EOS });
    const options = { maxNewTokens: 40, temperature: 1, seed: 1 };
    const parts = [PROMPTS.slice(0, 2), PROMPTS.slice(2, 7), PROMPTS.slice(7)];
    const alone: Completion[][] = [];
    for (const part of parts) alone.push(await sampler.generate(part, options));
    const tooLong = sampler.generate(PROMPTS, { ...options, maxNewTokens: 2 ** 27 }).catch(() => 'failed');
    expect(await Promise.all(parts.map((part) => sampler.generate(part, options)))).toEqual(alone);
    expect(await tooLong).toBe('failed');
    sampler.dispose();
  });

  test.each<Refusal>([
    [[], {}, /prompt 1 is empty/],
    [[57], {}, /prompt 1 is empty or has ids that are not below 57/],
    [[1.5], {}, /prompt 1/],
    [[1], { maxNewTokens: 0 }, /maxNewTokens is 0/],
    [[1], { groupSize: 0 }, /groupSize is 0/],
    [[1], { temperature: -1 }, /temperature is -1/],
    [[1], { topK: 0.5 }, /topK is 0.5/],
    [[1], { topP: 0 }, /topP is 0/],
    [[1], { minP: 1.5 }, /minP is 1.5/],
    [[1], { groupSize: 2 ** 40 }, /2 prompts in groups of 1099511627776 are more than 2\^32 completions/],
    [[1], { topK: 58 }, /topK is 58, but the vocabulary has 57 tokens/],
    ...[1e-40, 1e-38, 9e-7, Number.NaN, Number.POSITIVE_INFINITY].map(
      (temperature): Refusal => [[1], { temperature }, /temperature is .*at least 0\.000001, or 0 to decode/],
    ),
    ...[2 ** 32, Number.NaN, -1, 1.5].map(
      (seed): Refusal => [[1], { seed }, /the seed is .*0 to 4294967295/],
    ),
    [[1], { firstSequenceId: -1 }, /firstSequenceId is -1/],
    [[1], { firstSequenceId: 0.5 }, /firstSequenceId is 0.5/],
    [[1], { topP: '0.5' }, /topP is "0\.5", not a number/],
    [[1], { minP: '0.1' }, /minP is "0\.1", not a number/],
    [[1], { minP: null }, /minP is null, not a number/],
    [[1], { topK: '5' }, /topK is "5"/],
    [[1], { top_k: 5 }, /there is no option 'top_k'.*write 'topK'/],
    [[1], { maxTokens: 5 }, /there is no option 'maxTokens'.*did you mean 'maxNewTokens'/],
  ])('what means nothing is refused: %j, %j', async (ids, odd, message) => {
    const sampler = new Sampler(model, { eos: EOS });
    const options = { maxNewTokens: 4, temperature: 1, seed: 1, ...odd };
    await expect(sampler.generate([[1], ids], options)).rejects.toThrow(message);
  });

  test('prompts that are no lists, and an end that is no id, are refused', async () => {
    const sampler = new Sampler(model, { eos: EOS });
    const options = { maxNewTokens: 4, temperature: 1, seed: 1 };
    // biome-ignore lint/suspicious/noExplicitAny: the point is to give what the types forbid.
    for (const odd of [[1, 2], ['12'], 'ab', undefined, [null]] as any[]) {
      await expect(sampler.generate(odd, options)).rejects.toThrow(/not a list of lists of ids/);
    }
    for (const eos of [-1, 0.5, Number.NaN, 2 ** 32]) {
      expect(() => new Sampler(model, { eos })).toThrow(/eos is .*not a token id/);
    }
    // Plain JavaScript can leave it out.
    const none: object = {};
    expect(() => new Sampler(model, none as SamplerOptions)).toThrow(
      /eos is undefined.* null for completions/,
    );
  });

  test('without an end, completions end at the length limit', async () => {
    const options = { maxNewTokens: 20, temperature: 0, seed: 1 };
    const ended = new Sampler(model, { eos: EOS });
    const [token = 0] = (await ended.generate([[5, 6]], options))[0]?.tokens ?? [];
    const atOnce = new Sampler(model, { eos: token });
    expect(await atOnce.generate([[5, 6]], options)).toMatchObject([{ tokens: [token], finished: true }]);
    const endless = new Sampler(model, { eos: null });
    const [completion] = await endless.generate([[5, 6]], options);
    expect([completion?.tokens[0], completion?.tokens.length, completion?.finished]).toEqual([
      token,
      20,
      false,
    ]);
    for (const each of [ended, atOnce, endless]) each.dispose();
  });

  test('a call sees prompts and options as they were, which may be typed arrays', async () => {
    const sampler = new Sampler(model, { eos: EOS });
    const expected = await sampler.generate([[5, 6]], { maxNewTokens: 4, temperature: 1, seed: 1 });
    const [prompt, options] = [Uint32Array.of(5, 6), { maxNewTokens: 4, temperature: 1, seed: 1 }];
    const pending = sampler.generate([prompt as unknown as number[]], options);
    prompt.fill(60);
    options.maxNewTokens = 9;
    expect(await pending).toEqual(expected);
  });

  test('the numbers of sequences stay apart where they exceed 32 bits', async () => {
    const options = { maxNewTokens: 6, groupSize: 4, temperature: 1, seed: 1 };
    const sampler = new Sampler(model, { eos: EOS });
    const expected = await sampler.generate([[5, 6]], { ...options, firstSequenceId: 2 ** 32 - 1 });
    const found = await sampler.generate([[5, 6]], { ...options, firstSequenceId: 2 ** 53 - 1 });
    expect(found).toEqual(expected);
  });

  test('memory stays as it is from one call to the next, and dispose gives all of it back', async () => {
    const options = { maxNewTokens: 20, groupSize: 3, temperature: 1, topK: 9 };
    await generate(PROMPTS, { ...options, seed: 0 });
    const before = device.memory().liveBytes;
    const sampler = new Sampler(model, { eos: EOS });
    await sampler.generate(PROMPTS, { ...options, seed: 1 });
    const warm = device.memory();
    expect(warm.liveBytes).toBeGreaterThan(before);
    for (const seed of [2, 3, 4]) {
      await sampler.generate(PROMPTS.slice(seed), { ...options, seed });
      await sampler.generate(PROMPTS, { ...options, seed });
    }
    const { liveBytes, liveBuffers } = device.memory();
    // A smaller batch needs a step of its own, recorded once.
    expect({ liveBytes, liveBuffers }).toEqual(await afterAnother(sampler, options));
    sampler.dispose();
    expect(device.memory().liveBytes).toBe(before);
  });

  async function afterAnother(sampler: Sampler, options: Omit<SampleOptions, 'seed'>) {
    for (const seed of [5, 6, 7]) await sampler.generate(PROMPTS.slice(seed % 3), { ...options, seed });
    const { liveBytes, liveBuffers } = device.memory();
    return { liveBytes, liveBuffers };
  }
});
