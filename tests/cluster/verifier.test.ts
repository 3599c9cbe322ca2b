/** The verifier: honest results pass, with every filter and temperature; nothing that a worker could gain by does. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WireSampling } from '../../src/cluster/messages.ts';
import { type ReceivedResult, type Verdict, Verifier } from '../../src/cluster/verifier.ts';
import type { Device } from '../../src/gpu/device.ts';
import { type Completion, Sampler } from '../../src/model/sampler.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { prompt } from '../../src/tasks/arithmetic/sample.ts';
import { EOS, VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { openDevice, randomCases } from '../device.ts';
import { readFixture } from '../model/referenceModels.ts';

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

/** Options of sampling, with and without filters. */
const samplings = fc.record({
  seed: fc.nat(2 ** 32 - 1),
  firstSequenceId: fc.nat(2 ** 32 - 1),
  temperature: fc.constantFrom(0, 0.3, 0.7, 1, 1.5),
  topK: fc.constantFrom(0, 0, 5, 20, VOCAB_SIZE),
  topP: fc.constantFrom(1, 1, 0.5, 0.95),
  minP: fc.constantFrom(0, 0, 0.05),
});

describe.each(['tiny', 'moe_tiny'])('%s', (name) => {
  let device: Device;
  let model: Transformer;
  let sampler: Sampler;
  beforeAll(async () => {
    device = await openDevice();
    const { config, stateDict } = readFixture(`${name}.safetensors`);
    model = new Transformer(device, config, stateDict);
    sampler = new Sampler(model, { eos: EOS });
  });
  afterAll(() => device.destroy());

  /** Check completions that claim to be those of PROMPTS. */
  function check(
    completions: readonly Completion[],
    sampling: WireSampling,
    { class: machine = OWN, ...options }: { class?: string; spotChecks?: number } = {},
    changed: Partial<ReceivedResult> = {},
  ): Promise<Verdict> {
    const verifier = new Verifier({ class: OWN, matmulPrecision: 'highest', spotChecks: 0, ...options });
    const item = { prompts: PROMPTS, sampling };
    return verifier.check({ model, sampler, item, completions, worker: WORKER, class: machine, ...changed });
  }

  test('honest results pass, of this class and of another', async () => {
    await fc.assert(
      fc.asyncProperty(samplings, fc.constantFrom(OWN, 'other'), async (options, machine) => {
        const sampling = { ...SAMPLING, ...options };
        const completions = await sampler.generate(PROMPTS, sampling);
        const verdict = await check(completions, sampling, { class: machine });
        expect(verdict).toMatchObject({ figures: { flippedTokens: 0 } });
        expect(verdict.problem).toBeUndefined();
        // Nothing was computed again: replay alone let it pass.
        expect(verdict.own).toBeUndefined();
      }),
      { numRuns: randomCases(20) },
    );
  });
});
