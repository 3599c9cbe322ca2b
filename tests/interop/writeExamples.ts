/**
 * `writeExamples.ts DIR`: write the data that huggingFace.py compares with transformers. For each model NAME, DIR/NAME/export
 * is a Hugging Face directory, and DIR/NAME/logits.json holds token ids with their logits. DIR/texts.json holds texts with
 * their token ids.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RandomStream } from '../../src/base/randomStream.ts';
import { writeHuggingFace } from '../../src/formats/huggingFace/index.ts';
import type { ModelOverrides } from '../../src/model/config.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { writeDirectoryAtomically } from '../../src/runs/atomicDirectory.ts';
import { drawProblem, resolveGeneratorOptions } from '../../src/tasks/arithmetic/generator.ts';
import { sample } from '../../src/tasks/arithmetic/sample.ts';
import { ARITHMETIC } from '../../src/tasks/arithmetic/task.ts';
import { decode, encode, VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { noGrad, Packing, Tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';
import { randomCheckpoint } from '../model/referenceModels.ts';

const MODELS: Readonly<Record<string, Partial<ModelOverrides>>> = {
  mpt: { shape: 'mpt', dModel: 64, nHeads: 2, dFF: 256, nLayers: 2 },
  six_heads: { shape: 'mpt', dModel: 48, nHeads: 6, dFF: 192, nLayers: 2 },
  untied_and_scaled: { shape: 'mpt', tieEmbeddings: false, scaleEmbedding: true },
  tied_and_scaled: { shape: 'mpt', scaleEmbedding: true },
};
const LENGTHS = [1, 7, 64, 300];
const EXPRESSIONS = 400;

const [directory = 'interop'] = process.argv.slice(2);
mkdirSync(directory, { recursive: true });

const problems = resolveGeneratorOptions({ maxDigits: 4, maxDepth: 3 });
const texts = Array.from({ length: EXPRESSIONS }, (_, item) => {
  const problem = drawProblem(problems, 'training', new RandomStream({ seed: 1, stream: 1, item }));
  const { tokens } = sample(problem, { little: item % 2 === 1, scratchpad: item % 4 < 3 });
  return decode(tokens);
});
// Every token beside every other one, and nothing at all.
const pairs = Array.from({ length: VOCAB_SIZE ** 2 }, (_, i) => [i % VOCAB_SIZE, Math.floor(i / VOCAB_SIZE)]);
const all = [...texts, decode(pairs.flat()), ...pairs.slice(0, 300).map(decode), ''];
writeFileSync(
  join(directory, 'texts.json'),
  JSON.stringify(all.map((text) => ({ text, ids: encode(text) }))),
);

const device = await openDevice();
for (const [name, overrides] of Object.entries(MODELS)) {
  const checkpoint = { ...randomCheckpoint(overrides), metadata: new Map<string, string>() };
  mkdirSync(join(directory, name), { recursive: true });
  writeDirectoryAtomically(join(directory, name, 'export'), writeHuggingFace(checkpoint, ARITHMETIC));
  const model = new Transformer(device, checkpoint.config, checkpoint.stateDict);
  const random = new RandomStream({ seed: 2, stream: 2, item: 0 });
  const cases: { readonly tokens: number[]; readonly logits: number[][] }[] = [];
  for (const length of LENGTHS) {
    const tokens = Array.from({ length }, () => random.integerBelow(VOCAB_SIZE));
    const input = Tensor.from(device, Uint32Array.from(tokens));
    const values = [...(await noGrad(() => model.forward(input, new Packing([length]))).data())];
    const logits = tokens.map((_, t) => values.slice(t * VOCAB_SIZE, (t + 1) * VOCAB_SIZE));
    cases.push({ tokens, logits });
  }
  writeFileSync(join(directory, name, 'logits.json'), JSON.stringify(cases));
  model.dispose();
}
device.destroy();
