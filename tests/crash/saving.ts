/** Save checkpoints without a pause to a directory, and print a line for each. Run directly by node. */

import { modelConfig } from '../../src/model/config.ts';
import { initialStateDict } from '../../src/model/stateDict.ts';
import { Checkpoints } from '../../src/runs/checkpoints.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';

const [directory = ''] = process.argv.slice(2);
const config = modelConfig('tiny', { vocabSize: VOCAB_SIZE, nLayers: 1 });
const checkpoints = new Checkpoints(directory);
const first = (checkpoints.entries.at(-1)?.step ?? 0) + 1;
for (let step = first; ; step++) {
  const model = { config, stateDict: initialStateDict(config, step), metadata: new Map<string, string>() };
  const moments = { shape: [5000], data: new Float32Array(5000).fill(step) };
  // The reference changes now and then, as a synced one does.
  const reference = initialStateDict(config, Math.floor(step / 7));
  const state = { progress: { step }, optimizer: new Map([['exp_avg', moments]]), reference };
  checkpoints.save(
    { model, state, session: { step } },
    { name: `step${step}`, step, temporary: step % 3 === 0, keepLast: 4 },
  );
  if (step % 5 === 0) checkpoints.offer(`step${step}`, Math.sin(step));
  process.stdout.write(`saved ${step}\n`);
}
