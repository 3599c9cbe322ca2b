/**
 * Makes the checkpoints that the Lab begins with: `npm run app:checkpoint`. They are trained on the adapter `wasm`, so that every
 * machine makes the same bytes. `npm run app:checkpoint -- sums` makes one of them.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openDevice } from '../src/index.node.ts';
import { initialStateDict, modelConfig } from '../src/model/index.ts';
import { MemoryStore, machineOf, type Recipe, recipeTask, trainAs } from '../src/training/index.ts';

const PRETRAINING = {
  ...{ batchSize: 32, numExamples: 8192, lr: 1e-2, scheduler: 'none', dropout: 0, seed: 0 },
  ...{ scratchpadProbability: 1, stepEval: true, saveInterval: 0 },
};

/** Options of the supervised training of each checkpoint: stopped where the model is right about four times in ten. */
const OPTIONS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  sums: {
    ...{ task: 'arithmetic', maxDigits: 1, maxDepth: 1, operators: ['+'] },
    ...{ ...PRETRAINING, littleProbability: 0, steps: 5 },
  },
  sort: { ...{ task: 'sort', maxDigits: 3 }, ...PRETRAINING, numExamples: 2048, steps: 5 },
  countdown: {
    ...{ task: 'countdown', numbers: 2, maxNumber: 20, operators: ['+', '-'] },
    ...{ ...PRETRAINING, steps: 5, numExamples: 2048 },
  },
};

/** Names of the checkpoints. */
export const CHECKPOINT_NAMES = Object.keys(OPTIONS);

/** Train a checkpoint, and return the bytes of its file. @param tell is given the accuracy after each pass. */
export async function madeCheckpoint(
  name: string,
  tell: (accuracy: number) => void = () => undefined,
): Promise<Uint8Array> {
  const recipe: Recipe = { kind: 'pretrain', options: OPTIONS[name] ?? {} };
  const { tokenizer } = await recipeTask(recipe);
  const config = modelConfig('tiny', { vocabSize: tokenizer.vocabSize, dropout: 0 });
  const store = new MemoryStore();
  const { checkpoint } = await trainAs(
    recipe,
    { model: () => ({ config, stateDict: initialStateDict(config, 0), metadata: new Map() }) },
    {
      store,
      openMachine: async () => machineOf(await openDevice({ adapter: 'wasm' })),
      on: (event) => {
        if (event.type === 'evaluation') tell(event.accuracy.accuracy);
      },
    },
  );
  const bytes = store.files.read(checkpoint?.replace(`${store.path('')}/`, '') ?? '');
  if (bytes) return bytes;
  throw new Error(`the training of ${name} saved no checkpoint`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const directory = new URL('public/checkpoints/', import.meta.url);
  mkdirSync(directory, { recursive: true });
  const [, , ...asked] = process.argv;
  for (const name of asked.length > 0 ? asked : CHECKPOINT_NAMES) {
    const accuracies: string[] = [];
    const bytes = await madeCheckpoint(name, (accuracy) =>
      accuracies.push(`${(100 * accuracy).toFixed(1)} %`),
    );
    writeFileSync(new URL(`${name}.safetensors`, directory), bytes);
    console.log(`${name}.safetensors: ${bytes.length} bytes; after each pass ${accuracies.join(', ')}`);
  }
}
