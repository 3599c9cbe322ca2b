/** The trainer's own share of a job, among workers that are given. */
import { afterAll, expect, test } from 'vitest';
import { Job, type SamplingCall } from '../../../src/cluster/trainer/job.ts';
import { type Surroundings, workAlong } from '../../../src/cluster/trainer/ownShare.ts';
import { splitCall } from '../../../src/cluster/trainer/workItems.ts';
import type { Completion } from '../../../src/model/completions.ts';
import { modelConfig } from '../../../src/model/config.ts';
import { Transformer } from '../../../src/model/transformer.ts';
import { openDevice } from '../../device.ts';

const device = await openDevice();
afterAll(() => device.destroy());

const sampling = {
  ...{ groupSize: 1, maxNewTokens: 4, temperature: 1, topK: 0, topP: 1, minP: 0, seed: 0 },
  firstSequenceId: 0,
};
const completion: Completion = { prompt: 0, tokens: [1, 2], logps: Float32Array.of(-1, -1), finished: true };
/** Split prompts into items of one completion. */
const singles = (prompts: readonly number[][]) =>
  splitCall(prompts, sampling, {
    ...{ maxPayload: 2 ** 20, vocabSize: 10 },
    shares: { own: 0, workers: 1, trainer: 1, least: 1, most: 1 },
  });
const WORKER = { key: 'open', instance: 'worker' };

test('an item that a worker finished before the trainer did is no item of the trainer', async () => {
  const prompts = [[5], [6], [7]];
  const worked: { items: number; completions: number }[] = [];
  const call: SamplingCall = {
    ...{ prompts, sampling },
    model: Transformer.create(device, modelConfig('tiny', { vocabSize: 10 }), 0),
    local: {
      generate: async (asked) => {
        const [first] = job.items;
        if (first?.state === 'ours') job.settle(first, [completion], WORKER);
        return asked.map((_, prompt) => ({ ...completion, prompt }));
      },
      dispose: () => {},
    },
  };
  const job = new Job(0, call, singles(prompts));
  const surroundings: Surroundings = {
    workers: () => 0,
    ownShare: () => 1,
    ownSequences: () => undefined,
    ownLeast: () => 1,
    expectedMs: () => undefined,
    delivered: async () => undefined,
    putAgain: () => {},
    withdraw: () => {},
    worked: (items, completions) =>
      void worked.push({ items: items.length, completions: completions.length }),
  };
  await workAlong(job, surroundings);
  expect(worked).toEqual([{ items: 2, completions: 3 }]);
  expect(job.items.map(({ by }) => by)).toEqual([WORKER, null, null]);
});

test('the last items of many are given out twice when they are late, once each, and made when they are overdue', async () => {
  const prompts = Array.from({ length: 40 }, () => [5]);
  const call: SamplingCall = {
    ...{ prompts, sampling },
    model: Transformer.create(device, modelConfig('tiny', { vocabSize: 10 }), 0),
    local: {
      generate: async (asked) => asked.map((_, prompt) => ({ ...completion, prompt })),
      dispose: () => {},
    },
  };
  const job = new Job(0, call, singles(prompts));
  for (const item of job.items) {
    item.number = item.index + 1;
    if (item.index !== 7 && item.index !== 9) job.settle(item, [completion], WORKER);
  }
  const again: { id: string; after: number }[] = [];
  const started = performance.now();
  await workAlong(job, {
    workers: () => 1,
    ownShare: () => 1,
    ownSequences: () => undefined,
    ownLeast: () => 1,
    expectedMs: () => () => 300,
    delivered: async () => 40,
    putAgain: (item) => {
      item.putAgain++;
      again.push({ id: item.id, after: performance.now() - started });
    },
    withdraw: () => {},
    worked: () => {},
  });
  expect(again.map(({ id }) => id)).toEqual(['0-7', '0-9']);
  for (const { after } of again) expect(after).toBeGreaterThan(300);
  expect(job.items.filter(({ by }) => by === null).map(({ index }) => index)).toEqual([7, 9]);
});

test('a job without all completions of its call fails, and gives no part of them', () => {
  const prompts = [[5], [6]];
  const call = { prompts, sampling } as unknown as SamplingCall;
  const [first, ...others] = singles(prompts);
  const job = new Job(0, call, first ? [first] : []);
  expect(others).toHaveLength(1);
  for (const item of job.items) job.settle(item, [completion], WORKER);
  expect(() => job.completions()).toThrow('job 0 has 1 completions, not 2');
});
