/** The tuner's cases include every kernel with variants that a model dispatches: others would never be tuned. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { choiceKey } from '../../src/gpu/variants.ts';
import { modelConfig } from '../../src/model/config.ts';
import { Sampler } from '../../src/model/sampler.ts';
import { scoreTokens } from '../../src/model/score.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { tuningCases } from '../../src/model/workload.ts';
import { EOS, VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { backward, sum } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

/** Families with more than one variant for an adapter. */
const TUNED = [
  'attention backward key value',
  'attention backward query',
  'attention forward',
  'decode attention',
  'layerNorm',
  'layerNorm backward',
  'logSoftmaxGather',
  'logSoftmaxGather backward',
  'matmul',
  'matmulOuter',
  'replay samples',
  'sample',
  'softmax',
  'softmax backward',
];

/** Those of a mixture of experts beside them. */
const OF_EXPERTS = [
  'moe balance',
  'moe balance backward',
  'moe balance count',
  'moe prefix',
  'moe route',
  'moe weight gradient',
];

/** Keys without the number of rows, which depends on the batch. */
const withoutRows = (key: string): string => key.replace(/ [MR]\d+(?= no slopes$|$)|\d+ (?:rows|chunks)/, '');

test.each([
  ['dense', modelConfig('tiny', { vocabSize: VOCAB_SIZE })],
  ['mixture of experts', modelConfig('tiny', { vocabSize: VOCAB_SIZE, numExperts: 4, activeExperts: 2 })],
  ['llama', modelConfig('tiny', { shape: 'llama', vocabSize: 64, nKVHeads: 1 })],
  ['mpt', modelConfig('tiny', { shape: 'mpt', vocabSize: 64 })],
])('%s', async (name, config) => {
  using _scope = device.scope();
  device.chosen.clear();
  const model = Transformer.create(device, config, 0);
  backward(sum(scoreTokens(model, [{ tokens: [1, 2, 3, 4, 5, 6], from: 1 }]).logp));
  const sampler = new Sampler(model, { eos: EOS });
  await sampler.generate([[1, 2, 3]], { groupSize: 2, maxNewTokens: 3, temperature: 1, seed: 0 });
  sampler.dispose();
  const tuned = tuningCases(config, { training: 64, decoding: 2 });
  const cases = new Set(tuned.map(({ family, make }) => withoutRows(choiceKey(family, make(device)))));
  const families = [...new Set(tuned.map(({ family }) => family.name))];
  const expected = [...TUNED, ...(name === 'mixture of experts' ? OF_EXPERTS : [])];
  expect(families.sort()).toEqual(expected.sort());
  const launched = [...device.chosen.keys()]
    .filter((key) => families.some((name) => key.startsWith(`${name} `)))
    .map(withoutRows);
  expect(launched.length).toBeGreaterThan(8);
  for (const key of launched) expect(cases).toContain(key);
});
