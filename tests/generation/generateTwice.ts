/**
 * `generateTwice.ts PROCESSES`: generate a little, then much, and print a line each time. Only the generating processes keep
 * this process from exiting.
 */

import { ParallelSampler } from '../../src/generation/index.ts';
import { prompt } from '../../src/tasks/arithmetic/sample.ts';
import { EOS } from '../../src/tasks/arithmetic/tokenizer.ts';
import { openDevice } from '../device.ts';
import { fixtureModel } from '../model/referenceModels.ts';

const device = await openDevice();
const processes = Number(process.argv[2]);
const sampler = new ParallelSampler(fixtureModel(device, 'tiny.safetensors'), { eos: EOS, processes });
for (const [groupSize, maxNewTokens] of [
  [1, 4],
  [64, 250],
] as const) {
  const options = { groupSize, maxNewTokens, temperature: 1, seed: 0 };
  const completions = await sampler.generate([prompt('1+2'), prompt('3')], options);
  console.log(`${completions.length} completions`);
}
