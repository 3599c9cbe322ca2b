/** The replay of completions: what the sampler drew, it would draw again; in parts, and of some of them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { type Replay, replayCompletions } from '../../src/model/replay.ts';
import { type Completion, Sampler } from '../../src/model/sampler.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import { isInterpreted, openDevice } from '../device.ts';
import { expectClose } from '../oracle/compare.ts';
import { randomModel } from './referenceModels.ts';

const NEVER = 57;
const OPTIONS = { maxNewTokens: 60, groupSize: 8, temperature: 1, topK: 40, seed: 3, firstSequenceId: 9 };
const prompts = Array.from({ length: 12 }, (_, i) =>
  Array.from({ length: 1 + i }, (_, t) => (i * 7 + t) % 57),
);

describe.skipIf(isInterpreted)('a replay', () => {
  let device: Device;
  let model: Transformer;
  let completions: Completion[];
  let whole: Replay;
  beforeAll(async () => {
    device = await openDevice();
    model = randomModel(device, { nLayers: 1 });
    const sampler = new Sampler(model, { eos: NEVER });
    completions = await sampler.generate(prompts, OPTIONS);
    sampler.dispose();
    whole = await replayCompletions(model, prompts, completions, OPTIONS);
  });
  afterAll(() => device.destroy());

  test('has a value for each token, in more than one pass', () => {
    const logps = completions.flatMap((one) => [...one.logps]);
    expect(logps.length).toBe(12 * 8 * 60);
    expectClose(whole.logps, logps, { rtol: 0, atol: 1e-4 });
    expect(Math.max(...whole.margins)).toBeLessThan(1e-4);
    expect(Math.max(...whole.filterGaps)).toBeLessThan(1e-4);
  });

  test('of some completions, it has their values', async () => {
    const indices = [3, 40, 95];
    const some = await replayCompletions(model, prompts, completions, OPTIONS, indices);
    for (const name of ['logps', 'margins', 'filterGaps'] as const) {
      const expected = indices.flatMap((i) => [...whole[name].subarray(60 * i, 60 * (i + 1))]);
      expectClose(some[name], expected, { rtol: 0, atol: 1e-5, label: name });
    }
  });

  test('a batch that exceeds the memory limit is replayed in halves', async () => {
    const memoryLimit = 3 * 2 ** 20;
    const limited = await openDevice({ memoryLimit });
    const found = await replayCompletions(
      randomModel(limited, { nLayers: 1 }),
      prompts,
      completions,
      OPTIONS,
    );
    expectClose(found.logps, whole.logps, { rtol: 0, atol: 1e-5 });
    expect(limited.memory().peakBytes).toBeLessThanOrEqual(memoryLimit);
    limited.destroy();
  });

  test('nothing is left of its memory', async () => {
    const before = device.memory().liveBytes;
    await replayCompletions(model, prompts, completions, OPTIONS);
    expect(device.memory().liveBytes).toBe(before);
  });
});
