/** A rollout's chunks of tokens: the next one is enqueued before this one's state is read, with the same completions. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { type Completion, type SampleOptions, Sampler } from '../../src/model/sampler.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import { openDevice } from '../device.ts';
import { randomModel } from './referenceModels.ts';

/** An id that ends about every twentieth completion at each token. */
const END = 7;
const PROMPTS = [[1, 2, 3], [4], [5, 6, 5, 6, 5, 6, 5], [8, 9]];
const OPTIONS: SampleOptions = { maxNewTokens: 70, groupSize: 5, temperature: 1.5, seed: 11 };

/** For each read of a generation, the number of dispatches that were enqueued while it was waited for. */
async function generated(
  device: Device,
  sampler: Sampler,
  options: SampleOptions,
): Promise<{ readonly completions: Completion[]; readonly ahead: number[] }> {
  const read = device.read.bind(device);
  const ahead: number[] = [];
  device.read = async (view) => {
    const at = ahead.push(0) - 1;
    const before = device.counters().dispatches;
    const bytes = await read(view);
    ahead[at] = device.counters().dispatches - before;
    return bytes;
  };
  const completions = await sampler.generate(PROMPTS, options);
  device.read = read;
  return { completions, ahead };
}

describe('chunks', () => {
  let devices: readonly Device[];
  let models: readonly Transformer[];
  beforeAll(async () => {
    devices = [await openDevice({ adapterClass: 'gpu' }), await openDevice()];
    models = devices.map((device) => randomModel(device, {}));
  });
  afterAll(() => {
    for (const device of devices) device.destroy();
  });

  test('a GPU has the next chunk before the state of this one is read; an adapter on the CPU waits', async () => {
    const lengths: number[][] = [];
    for (const [i, device] of devices.entries()) {
      const sampler = new Sampler(models[i] as Transformer, { eos: END });
      const { completions, ahead } = await generated(device, sampler, OPTIONS);
      // 69 tokens after the first one are five chunks. The results take one read more.
      expect(ahead.length).toBeLessThanOrEqual(6);
      expect(ahead.at(-1)).toBe(0);
      if (i === 0) expect(Math.min(...ahead.slice(0, -1))).toBeGreaterThan(0);
      else expect(Math.max(...ahead)).toBe(0);
      lengths.push(completions.map(({ tokens }) => tokens.length));
      // Some end in each chunk, so that later ones have fewer rows.
      expect(
        new Set(completions.map(({ tokens }) => Math.ceil((tokens.length - 1) / 16))).size,
      ).toBeGreaterThan(2);
      sampler.dispose();
    }
    expect(lengths[0]).toEqual(lengths[1]);
  });

  test('a completion has the same bits alone and in a batch', async () => {
    for (const model of models) {
      const sampler = new Sampler(model, { eos: END });
      const together = await sampler.generate(PROMPTS, { ...OPTIONS, topK: 9 });
      for (const i of [0, 7, 13, 19]) {
        const options = { ...OPTIONS, topK: 9, groupSize: 1, firstSequenceId: i };
        const [alone] = await sampler.generate([PROMPTS[Math.floor(i / 5)] as number[]], options);
        expect(alone).toEqual({ ...together[i], prompt: 0 });
      }
      sampler.dispose();
    }
  });

  test('a generation that fails leaves the sampler as it was', async () => {
    const [device] = devices as [Device];
    const sampler = new Sampler(models[0] as Transformer, { eos: END });
    const expected = await sampler.generate(PROMPTS, OPTIONS);
    const read = device.read.bind(device);
    device.read = () => Promise.reject(new Error('no read'));
    await expect(sampler.generate(PROMPTS, OPTIONS)).rejects.toThrow('no read');
    device.read = read;
    expect(await sampler.generate(PROMPTS, OPTIONS)).toEqual(expected);
    sampler.dispose();
  });
});
