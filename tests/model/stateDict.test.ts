/** Initial weights: those of a seed never change, so that a run can be repeated. Bounds are tested with the model. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { modelConfig } from '../../src/model/config.ts';
import { initialStateDict } from '../../src/model/stateDict.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';

test('those of tiny from seed 0 are these', () => {
  const stateDict = initialStateDict(modelConfig('tiny', { vocabSize: VOCAB_SIZE }), 0);
  const hash = createHash('sha256');
  for (const [name, { shape, data }] of stateDict) {
    hash.update(`${name} ${shape.join('x')}\n`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  const first = Array.from(stateDict.get('tok_emb.weight')?.data.slice(0, 2) ?? []);
  expect(first).toEqual([0.0035089764278382063, -0.011395835317671299]);
  expect(hash.digest('hex')).toBe('6c3da2f2fbf51a4b81a7f2ddc116aa30ff6813396eda432dd736852dd04f47cc');
});
