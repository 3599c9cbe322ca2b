/** The verifier: honest results pass, with every filter and temperature; nothing that a worker could gain by does. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WireSampling } from '../../../src/cluster/protocol/messages.ts';
import { readResult, writeResult } from '../../../src/cluster/protocol/result.ts';
import type { WorkersMode } from '../../../src/cluster/protocol/spec.ts';
import { type ReceivedResult, type Verdict, Verifier } from '../../../src/cluster/trust/verifier.ts';
import type { Device } from '../../../src/gpu/device.ts';
import type { CompletionSampler } from '../../../src/model/completions.ts';
import { replayCompletions } from '../../../src/model/replay.ts';
import { type Completion, Sampler } from '../../../src/model/sampler.ts';
import type { StateDict } from '../../../src/model/stateDict.ts';
import { Transformer } from '../../../src/model/transformer.ts';
import { prompt } from '../../../src/tasks/arithmetic/sample.ts';
import { EOS, VOCAB_SIZE } from '../../../src/tasks/arithmetic/tokenizer.ts';
import { openDevice, randomCases } from '../../device.ts';
import { readFixture } from '../../model/referenceModels.ts';
import { chooseToken, editKept, editLogp, type Machine, type Work } from './lies.ts';

const PROMPTS = ['1+2', '(-3)*(4-(-51))', 'max(1,2)', 'abs(-8)/min(2,99)+1'].map((text) => prompt(text));
const SAMPLING: WireSampling = {
  groupSize: 3,
  maxNewTokens: 24,
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  seed: 7,
  firstSequenceId: 40,
};
const WORKER = { key: 'open', instance: 'one' };
const OWN = 'own-class';
const OTHER = 'other-class';

/** Options of sampling, with and without filters. */
const samplings = fc.record({
  seed: fc.nat(2 ** 32 - 1),
  firstSequenceId: fc.nat(2 ** 32 - 1),
  temperature: fc.constantFrom(0.3, 0.7, 1, 1.5),
  topK: fc.constantFrom(0, 0, 5, 20, VOCAB_SIZE),
  topP: fc.constantFrom(1, 1, 0.5, 0.95),
  minP: fc.constantFrom(0, 0, 0.05),
});
const places = fc.record({ completion: fc.nat(1000), token: fc.nat(1000), id: fc.nat(1000) });

/** Change every weight by `step` up or down, as the first update of Adam does. */
function updated(stateDict: StateDict, step: number, salt: number): StateDict {
  let word = salt;
  const sign = (): number => {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
    return word < 2 ** 31 ? 1 : -1;
  };
  return new Map(
    [...stateDict].map(([name, { shape, data }]) => [
      name,
      { shape, data: Float32Array.from(data, (value) => value + sign() * step) },
    ]),
  );
}

describe.each(['tiny', 'moe_tiny'])('%s', (name) => {
  const { config, stateDict } = readFixture(`${name}.safetensors`);
  let device: Device;
  let machine: Machine;
  beforeAll(async () => {
    device = await openDevice();
    const model = new Transformer(device, config, stateDict);
    machine = { model, sampler: new Sampler(model, { eos: EOS }), eos: EOS };
  });
  afterAll(() => device.destroy());

  async function honest(options: Partial<WireSampling> = {}): Promise<Work> {
    const sampling = { ...SAMPLING, ...options };
    return {
      prompts: PROMPTS,
      sampling,
      completions: await machine.sampler.generate(PROMPTS, sampling),
    };
  }

  /** Check completions that claim to be those of an item. */
  function check(
    { prompts, sampling, completions }: Work,
    {
      class: machineClass = OWN,
      ...options
    }: { class?: string; mode?: WorkersMode; spotChecks?: number } = {},
    changed: Partial<ReceivedResult> = {},
  ): Promise<Verdict> {
    const verifier = new Verifier({
      class: OWN,
      mode: 'any',
      matmulPrecision: 'highest',
      spotChecks: 0,
      ...options,
    });
    const item = { prompts, sampling };
    return verifier.check({ ...machine, item, completions, worker: WORKER, class: machineClass, ...changed });
  }

  test('a result that is computed again holds up no other', async () => {
    const { prompts, sampling, completions } = await honest();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const verifier = new Verifier({
      ...{ class: OWN, mode: 'same-class', matmulPrecision: 'highest', spotChecks: 0 },
    });
    const result = { ...machine, item: { prompts, sampling }, completions, worker: WORKER, class: OWN };
    const sampler = {
      generate: async () => {
        await held;
        return [...completions];
      },
      dispose: () => {},
    };
    let isOver = false;
    const first = verifier.check({ ...result, sampler, isDisputed: true }).finally(() => {
      isOver = true;
    });
    expect(await verifier.check(result)).not.toHaveProperty('own');
    expect(isOver).toBe(false);
    release();
    expect(await first).toMatchObject({ own: completions });
  });

  /** Expect that completions are refused by their form, or by the verifier as a lie. */
  async function expectLie(work: Work, found: readonly Completion[], machineClass = OWN): Promise<void> {
    const { prompts, sampling } = work;
    let completions: Completion[];
    try {
      const item = { prompts: prompts.map((ids) => [...ids]), sampling };
      completions = readResult(writeResult(found), item, { vocabSize: VOCAB_SIZE, eos: EOS });
    } catch (error) {
      expect(error).toMatchObject({ code: 'BAD_MESSAGE' });
      return;
    }
    const verdict = await check({ prompts, sampling, completions }, { class: machineClass });
    expect(verdict.problem).toEqual(expect.any(String));
    // One odd completion may be an accident of another kind of machine, once.
    if (machineClass === OWN) expect(verdict.isLie).toBe(true);
  }

  test('honest results pass, of this class and of another, greedy ones too', async () => {
    await fc.assert(
      fc.asyncProperty(
        samplings,
        fc.boolean(),
        fc.constantFrom(OWN, OTHER),
        async (options, isGreedy, machineClass) => {
          const work = await honest(isGreedy ? { ...options, temperature: 0 } : options);
          const verdict = await check(work, { class: machineClass });
          expect(verdict.problem).toBeUndefined();
          expect(verdict.figures.flippedTokens).toBe(0);
          const tokens = work.completions.reduce((sum, one) => sum + one.tokens.length, 0);
          expect(verdict.figures.tokens).toBe(tokens);
          // Nothing was computed again: replay alone let it pass.
          expect(verdict.own).toBeUndefined();
        },
      ),
      { numRuns: randomCases(20) },
    );
  });

  test('a chosen token is found, also if the rest is honest and all log-probabilities are true', async () => {
    await fc.assert(
      fc.asyncProperty(samplings, places, async (options, place) => {
        const work = await honest(options);
        await expectLie(work, await chooseToken(machine, work, place));
      }),
      { numRuns: randomCases(20) },
    );
  });

  test('of another class, a chosen token is found where it is not within rounding', async () => {
    await fc.assert(
      fc.asyncProperty(samplings, places, async (options, place) => {
        const work = await honest(options);
        const completions = await chooseToken(machine, work, place);
        const { margins } = await replayCompletions(machine.model, PROMPTS, completions, work.sampling);
        fc.pre(Math.max(...margins) > 0.05 / Math.min(1, options.temperature));
        await expectLie(work, completions, OTHER);
      }),
      { numRuns: randomCases(10) },
    );
  });

  test('a dropped end is found: one that is left out, or drawn too early', async () => {
    const work = await honest({ maxNewTokens: 64 });
    const ended = work.completions.findIndex(({ finished }) => finished);
    const { tokens = [] } = work.completions[ended] ?? {};
    expect(tokens.at(-1)).toBe(EOS);
    // Anything but <eos>, and on to the end.
    await expectLie(
      work,
      await chooseToken(machine, work, { completion: ended, token: tokens.length - 1, id: 5 }),
    );
    const early = { completion: ended, token: 1, id: (EOS - (tokens[1] ?? 0) - 1 + VOCAB_SIZE) % VOCAB_SIZE };
    const cut = await chooseToken(machine, work, early);
    expect(cut[ended]).toMatchObject({ finished: true, tokens: [tokens[0], EOS] });
    await expectLie(work, cut);
  });

  test('an edited log-probability is found', async () => {
    await fc.assert(
      fc.asyncProperty(samplings, places, fc.constantFrom(1, 3, 100), async (options, place, factor) => {
        const work = await honest(options);
        const tolerance = 5e-5 / Math.min(1, options.temperature);
        await expectLie(work, editLogp(work, place, factor * (tolerance + 1e-4)));
      }),
      { numRuns: randomCases(15) },
    );
  });

  test('the sampling of others is found: temperature, seed, sequences, prompts, filters', async () => {
    const lies: [string, Partial<WireSampling>, Partial<WireSampling>][] = [
      ['a higher temperature', {}, { temperature: 1.1 }],
      ['a lower temperature', { temperature: 0.7 }, { temperature: 0.65 }],
      ['greedy', {}, { temperature: 0 }],
      ['sampled instead of greedy', { temperature: 0 }, { temperature: 1 }],
      ['another seed', {}, { seed: 8 }],
      ['other sequences', {}, { firstSequenceId: 41 }],
      ['no top-k', { topK: 5 }, { topK: VOCAB_SIZE }],
      ['a larger top-k', { topK: 5 }, { topK: 6 }],
      ['a smaller top-k', { topK: 5 }, { topK: 4 }],
      ['no top-p', { topP: 0.9 }, { topP: 1, minP: 1e-30 }],
      ['a larger top-p', { topP: 0.8 }, { topP: 0.95 }],
      ['a smaller top-p', { topP: 0.95 }, { topP: 0.8 }],
      ['top-p of all ids', { temperature: 1.5, topK: 4, topP: 0.95 }, { topK: 0 }],
      ['no min-p', { minP: 0.1 }, { minP: 1e-30 }],
      ['a smaller min-p', { minP: 0.1 }, { minP: 0.05 }],
      ['a larger min-p', { minP: 0.01 }, { minP: 0.1 }],
    ];
    for (const [what, asked, done] of lies) {
      const work = await honest(asked);
      const other = await honest({ ...asked, ...done });
      expect(other.completions, what).not.toEqual(work.completions);
      for (const machineClass of [OWN, OTHER]) {
        const verdict = await check({ ...work, completions: other.completions }, { class: machineClass });
        expect(verdict.problem, `${what}, ${machineClass}`).toEqual(expect.any(String));
      }
    }
    const work = await honest();
    const prompts = PROMPTS.toReversed();
    const completions = await machine.sampler.generate(prompts, work.sampling);
    await expectLie(work, completions);
    await expectLie(work, completions, OTHER);
  });

  test('ids that the filters do not keep, and ids that they do, are found', async () => {
    const filters = fc.constantFrom(
      { topK: 5 },
      { topP: 0.9 },
      { minP: 0.05 },
      { topK: 9, topP: 0.8, minP: 0.02 },
    );
    await fc.assert(
      fc.asyncProperty(filters, places, async (options, place) => {
        const work = await honest(options);
        await expectLie(work, editKept(work, place, VOCAB_SIZE));
      }),
      { numRuns: randomCases(20) },
    );
  });

  test('weights that are one update older are found, at a learning rate of 1e-5', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2 ** 32 - 1), fc.constantFrom(0, 0.7, 1, 1.5), async (salt, temperature) => {
        const work = await honest({ temperature, seed: salt });
        const old = new Transformer(device, config, updated(stateDict, 1e-5, salt));
        const sampler = new Sampler(old, { eos: EOS });
        const completions = await sampler.generate(PROMPTS, work.sampling);
        sampler.dispose();
        old.dispose();
        await expectLie(work, completions);
      }),
      { numRuns: randomCases(10) },
    );
  });

  test('what is less than rounding is found by a check that computes the item again, and only by that', async () => {
    const work = await honest();
    const lie = editLogp(work, { completion: 4, token: 2, id: 0 }, 1e-5);
    const unchecked = await check({ ...work, completions: lie });
    expect(unchecked.problem).toBeUndefined();
    const verdict = await check({ ...work, completions: lie }, { spotChecks: 1 });
    expect(verdict).toMatchObject({
      problem: 'the trainer computed it again, and completion 4 has other log-probabilities',
      isLie: true,
      own: work.completions,
    });
    expect(await check(work, { spotChecks: 1 })).toMatchObject({ own: work.completions });
  });

  /** Return a sampler of the trainer that remembers the numbers of completions it was asked for. */
  function counted() {
    const sizes: number[] = [];
    const sampler: CompletionSampler = {
      generate: (prompts, options) => {
        sizes.push(prompts.length * (options.groupSize ?? 1));
        return machine.sampler.generate(prompts, options);
      },
      dispose: () => {},
    };
    return { sizes, sampler };
  }

  test('a spot check computes random groups again, as many as the share says, and finds a lie in them', async () => {
    const work = await honest();
    const { groupSize } = work.sampling;
    let draws = 0;
    const verifier = new Verifier({
      ...{ class: OWN, mode: 'same-class', matmulPrecision: 'highest', spotChecks: 0.06 },
      random: () => (0.37 + draws++ * 0.61803) % 1,
    });
    const { sizes, sampler } = counted();
    const item = { prompts: work.prompts, sampling: work.sampling };
    const result = { ...machine, sampler, item, worker: WORKER, class: OWN };
    const completions = editLogp(work, { completion: 4, token: 2, id: 0 }, 1e-5);
    const verdicts: Verdict[] = [];
    for (let i = 0; i < 100; i++) verdicts.push(await verifier.check({ ...result, completions }));
    expect(new Set(sizes)).toEqual(new Set([groupSize]));
    const expected = 100 * PROMPTS.length * 0.06;
    expect(sizes.length).toBeGreaterThan(expected / 2);
    expect(sizes.length).toBeLessThan(expected * 2);
    const lies = verdicts.filter(({ isLie }) => isLie);
    expect(lies.length).toBeGreaterThan(1);
    expect(lies.length).toBeLessThan(sizes.length);
    for (const { problem, own } of lies) {
      expect(problem).toBe('the trainer computed it again, and completion 4 has other log-probabilities');
      expect(own).toBeUndefined();
    }
  });

  test('an edit in a group that is not computed again makes no tolerance larger', async () => {
    const work = await honest();
    const { sizes, sampler } = counted();
    const verifier = new Verifier({
      ...{ class: OWN, mode: 'same-class', matmulPrecision: 'highest', spotChecks: 0.25 },
      // The first group of each result.
      random: () => 0,
    });
    const item = { prompts: work.prompts, sampling: work.sampling };
    const result = { ...machine, sampler, item, worker: WORKER, class: OWN };
    const last = { completion: work.completions.length - 1, token: 0, id: 0 };
    const check = (step: number): Promise<Verdict> =>
      verifier.check({ ...result, completions: editLogp(work, last, step) });
    expect((await check(1.5e-5)).problem).toBeUndefined();
    expect(sizes).toEqual([work.sampling.groupSize]);
    // Each within six times the one before.
    for (const step of [7e-5, 3.5e-4, 1.7e-3]) expect((await check(step)).isLie).toBe(true);
  });

  test('where all are of one class, no other tolerance can be claimed', async () => {
    const work = await honest();
    const lie = editLogp(work, { completion: 2, token: 1, id: 0 }, 1e-3);
    expect((await check({ ...work, completions: lie }, { class: OTHER })).problem).toBeUndefined();
    const verdict = await check({ ...work, completions: lie }, { class: OTHER, mode: 'same-class' });
    expect(verdict.isLie).toBe(true);
  });

  test('of a worker whose first results are honest, a quarter of the completions is replayed, at secret places', async () => {
    const draws: number[] = [];
    const random = (): number => {
      draws.push(0.99 - (draws.length % 7) / 7);
      return draws.at(-1) ?? 0;
    };
    const verifier = new Verifier({
      class: OWN,
      mode: 'any',
      matmulPrecision: 'highest',
      spotChecks: 0,
      random,
    });
    const { prompts, sampling, completions } = await honest();
    const result = { ...machine, item: { prompts, sampling }, completions, worker: WORKER, class: OWN };
    const tokensOf = (some: readonly Completion[]): number =>
      some.reduce((sum, { tokens }) => sum + tokens.length, 0);
    for (let i = 0; i < 16; i++) {
      expect((await verifier.check(result)).figures.tokens).toBe(tokensOf(completions));
    }
    const lie = editLogp({ prompts, sampling, completions }, { completion: 5, token: 0, id: 0 }, 1);
    const verdicts: Verdict[] = [];
    for (let i = 0; i < 24; i++) verdicts.push(await verifier.check({ ...result, completions: lie }));
    const found = verdicts.filter(({ isLie }) => isLie).length;
    expect(found).toBeGreaterThan(0);
    expect(found).toBeLessThan(24);
    const lengths = completions.map(({ tokens }) => tokens.length).sort((a, b) => a - b);
    for (const { figures } of verdicts) {
      expect(figures.tokens).toBeGreaterThanOrEqual(lengths.slice(0, 3).reduce((sum, n) => sum + n, 0));
      expect(figures.tokens).toBeLessThanOrEqual(lengths.slice(-3).reduce((sum, n) => sum + n, 0));
    }
    // Another worker begins anew.
    const stranger = { key: 'open', instance: 'two' };
    const verdict = await verifier.check({ ...result, completions: lie, worker: stranger });
    expect(verdict.isLie).toBe(true);
  });

  test('an odd completion of another class is not taken, but only several are a lie', async () => {
    const verifier = new Verifier({ class: OWN, mode: 'any', matmulPrecision: 'highest', spotChecks: 0 });
    const { prompts, sampling, completions } = await honest();
    const lie = editLogp({ prompts, sampling, completions }, { completion: 5, token: 0, id: 0 }, 1);
    const checked = (some: readonly Completion[], worker = WORKER): Promise<Verdict> =>
      verifier.check({
        ...machine,
        item: { prompts, sampling },
        completions: some,
        worker,
        class: OTHER,
      });
    const verdicts: Verdict[] = [];
    for (let i = 0; i < 3; i++) verdicts.push(await checked(lie));
    expect(verdicts).toMatchObject([{ isLie: false }, { isLie: false }, { isLie: true }]);
    for (const { problem } of verdicts) expect(problem).toMatch(/token 0 of completion 5 is off by 1.0e\+0/);
    const second = editLogp({ prompts, sampling, completions: lie }, { completion: 3, token: 1, id: 0 }, 1);
    expect(await checked(second, { key: 'open', instance: 'two' })).toMatchObject({ isLie: true });
  });

  test('the best of many samples is found', async () => {
    const work = await honest();
    const tries = await Promise.all([7, 8, 9, 10].map((seed) => honest({ seed })));
    const shortest = work.completions.map((one, i) =>
      tries.reduce((best, { completions }) => {
        const other = completions[i];
        return other && other.tokens.length < best.tokens.length ? other : best;
      }, one),
    );
    expect(shortest).not.toEqual(work.completions);
    await expectLie(work, shortest);
    await expectLie(work, shortest, OTHER);
  });
});
