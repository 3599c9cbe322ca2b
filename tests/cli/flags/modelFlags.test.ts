/** The models that the model's flags make, and the checkpoints that contradict them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkTask, loadModel, newModel, openModel } from '../../../src/cli/flags/modelFlags.ts';
import { writeSafetensors } from '../../../src/formats/index.ts';
import { MODEL_SHAPES, MODEL_SIZES, modelConfig, shapeOf } from '../../../src/model/config.ts';
import { initialStateDict } from '../../../src/model/stateDict.ts';
import { saveCheckpoint } from '../../../src/runs/checkpointFile.ts';
import { ARITHMETIC } from '../../../src/tasks/arithmetic/task.ts';
import { VOCAB_SIZE } from '../../../src/tasks/arithmetic/tokenizer.ts';
import { sorting } from '../../../src/tasks/sorting.ts';

const TINY = 'tests/fixtures/checkpoints/tiny.safetensors';
/** Four experts, two of them active. */
const EXPERTS = 'tests/fixtures/checkpoints/moe_tiny.safetensors';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-modelFlags-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function refusal(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

it('makes a model of the shape that is asked for, the original one if none is', () => {
  expect(newModel({ modelsize: 'tiny' }, 0, ARITHMETIC).config).toMatchObject(MODEL_SHAPES.mathformer);
  const { config, stateDict } = newModel({ modelsize: 'tiny', shape: 'mpt' }, 0, ARITHMETIC);
  expect(config).toMatchObject(MODEL_SHAPES.mpt);
  expect([...stateDict.keys()].filter((name) => name.endsWith('.bias'))).toEqual([]);
});

it('makes a llama, which has no experts', () => {
  const { config, stateDict } = newModel({ modelsize: 'tiny', shape: 'llama' }, 0, ARITHMETIC);
  expect(config).toMatchObject({
    architecture: 'llama',
    nHeads: 2,
    nKVHeads: 2,
    headDim: 16,
    ropeTheta: 10_000,
  });
  expect(stateDict.has('model.layers.1.mlp.gate_proj.weight')).toBe(true);
  const experts = { shape: 'llama', numExperts: 2, activeExperts: 1 } as const;
  expect(() => newModel(experts, 0, ARITHMETIC)).toThrow(
    /--shape llama has no experts; leave out --num_experts/,
  );
});

it('refuses a checkpoint of another shape', () => {
  expect(loadModel(TINY, { shape: 'mathformer' }, ARITHMETIC).config).toMatchObject({ bias: true });
  expect(() => loadModel(TINY, { shape: 'mpt' }, ARITHMETIC)).toThrow(
    /--shape mpt is not .* checkpoint \(mathformer\)/,
  );
});

describe('newModel', () => {
  it('makes a small dense one for the task, unless flags say another', () => {
    expect(newModel({}, 0, ARITHMETIC).config).toMatchObject({
      ...MODEL_SIZES.small,
      numExperts: 0,
      activeExperts: 0,
      vocabSize: 57,
    });
    expect(newModel({ modelsize: 'tiny' }, 0, sorting()).config.vocabSize).toBe(14);
    const { config, metadata } = newModel(
      { modelsize: 'tiny', numExperts: 4, activeExperts: 4 },
      0,
      ARITHMETIC,
    );
    expect(config).toMatchObject({ numExperts: 4, activeExperts: 4 });
    expect(metadata.size).toBe(0);
  });

  it('begins with other weights for every seed, and the same for the same', () => {
    const weights = (seed: number) => newModel({ modelsize: 'tiny' }, seed, ARITHMETIC).stateDict;
    expect(weights(1)).toEqual(weights(1));
    expect(weights(1)).not.toEqual(weights(2));
  });

  it.each([
    [{ numExperts: 4 }, '--num_experts 4 needs --active_experts', 'give --active_experts from 1 to 4'],
    [{ numExperts: 1, activeExperts: 0 }, '--num_experts 1 needs', 'give --active_experts from 1 to 1'],
    [
      { numExperts: 4, activeExperts: 5 },
      '--active_experts 5 is above --num_experts 4',
      'give --active_experts from 1 to 4',
    ],
    [{ activeExperts: 2 }, '--active_experts 2 is above --num_experts 0', 'give --num_experts too'],
  ])('refuses %j', (flags, message, fix) => {
    expect(refusal(() => newModel({ modelsize: 'tiny', ...flags }, 0, ARITHMETIC))).toMatchObject({
      ...{ code: 'BAD_OPTION', where: '--active_experts', fix },
      message: expect.stringContaining(message),
    });
  });
});

describe('openModel', () => {
  it('takes flags that agree with the checkpoint', () => {
    expect(openModel(TINY, { modelsize: 'tiny', shape: 'mathformer', numExperts: 0 }).config.nLayers).toBe(2);
    expect(openModel(EXPERTS, {}).config).toMatchObject({ numExperts: 4, activeExperts: 2 });
    expect(openModel(EXPERTS, { numExperts: 4, activeExperts: 2 }).config).toMatchObject({ numExperts: 4 });
    expect(openModel(EXPERTS, { numExperts: 4 }).config).toMatchObject({ activeExperts: 2 });
  });

  it.each([
    [
      TINY,
      { modelsize: 'small' },
      '--modelsize',
      '--modelsize small is not the size of the checkpoint (2 layers, ',
      'leave it out or give --modelsize tiny',
    ],
    [
      TINY,
      { shape: 'mpt' },
      '--shape',
      '--shape mpt is not the shape of the checkpoint (mathformer)',
      'leave it out: a trained model keeps its shape',
    ],
    [
      TINY,
      { numExperts: 4 },
      '--num_experts',
      '--num_experts is 4, but the checkpoint has 0',
      'leave out --num_experts',
    ],
    [
      EXPERTS,
      { numExperts: 2 },
      '--num_experts',
      '--num_experts is 2, but the checkpoint has 4',
      'leave out --num_experts',
    ],
    [
      EXPERTS,
      { activeExperts: 1 },
      '--active_experts',
      '--active_experts is 1, but the checkpoint has 2',
      'leave out --active_experts',
    ],
    [
      EXPERTS,
      { numExperts: 1, activeExperts: 2 },
      '--active_experts',
      '--active_experts 2 is above --num_experts 1',
      'give --active_experts from 1 to 1',
    ],
  ] as const)('of %s refuses %j', (path, flags, where, message, fix) => {
    expect(refusal(() => openModel(path, flags))).toMatchObject({
      ...{ code: 'BAD_OPTION', where, fix },
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ['dModel', { dModel: 64 }],
    ['nHeads', { nHeads: 4 }],
    ['dFF', { dFF: 64 }],
    ['nLayers', { nLayers: 1 }],
  ])('knows no size by its name that differs in %s', (name, other) => {
    const path = join(directory, `${name}.safetensors`);
    const config = modelConfig('tiny', { vocabSize: VOCAB_SIZE, ...other });
    saveCheckpoint(path, { ...newModel({ modelsize: 'tiny' }, 0, ARITHMETIC), ...sized(config) });
    expect(refusal(() => openModel(path, { modelsize: 'tiny' }))).toMatchObject({
      ...{ where: '--modelsize', fix: 'leave it out' },
    });
  });

  it('says which flags tell what a bare file of weights does not', () => {
    const bareFile = (name: string, flags: Parameters<typeof newModel>[0]): string => {
      const { stateDict } = newModel({ modelsize: 'tiny', ...flags }, 0, ARITHMETIC);
      const bare = [...stateDict].filter(([key]) => !key.endsWith('alibi_slopes'));
      const tensors = new Map(
        bare.map(([key, { shape, data }]) => [key, { dtype: 'F32' as const, shape: [...shape], data }]),
      );
      writeFileSync(join(directory, name), writeSafetensors({ tensors, metadata: new Map() }));
      return join(directory, name);
    };
    const path = bareFile('bare.safetensors', {});
    expect(refusal(() => openModel(path, {}))).toMatchObject({
      ...{ code: 'CONFIG_UNKNOWN', fix: 'give --modelsize, and of a mixture of experts --active_experts' },
      cause: { code: 'CONFIG_UNKNOWN' },
    });
    expect(openModel(path, { modelsize: 'tiny' }).config).toMatchObject({ nHeads: MODEL_SIZES.tiny.nHeads });
    const experts = bareFile('experts.safetensors', { numExperts: 4, activeExperts: 2 });
    expect(refusal(() => openModel(experts, { modelsize: 'tiny' }))).toMatchObject({
      code: 'CONFIG_UNKNOWN',
    });
    expect(openModel(experts, { modelsize: 'tiny', activeExperts: 3 }).config).toMatchObject({
      ...{ numExperts: 4, activeExperts: 3 },
    });
    expect(refusal(() => openModel('package.json', {}))).toMatchObject({
      fix: expect.not.stringContaining('--modelsize'),
    });
  });
});

function sized(config: ReturnType<typeof modelConfig>) {
  return { config, stateDict: initialStateDict(config, 0) };
}

describe('shapeOf', () => {
  const { mathformer, mpt } = MODEL_SHAPES;

  it('names the two shapes, and no other', () => {
    const config = modelConfig('tiny', { vocabSize: VOCAB_SIZE });
    expect(shapeOf({ ...config, ...mathformer })).toBe('mathformer');
    expect(shapeOf({ ...config, ...mpt })).toBe('mpt');
    for (const flag of ['bias', 'finalNorm', 'tieEmbeddings', 'scaleEmbedding'] as const) {
      expect(shapeOf({ ...config, ...mathformer, [flag]: !mathformer[flag] })).toBeUndefined();
    }
  });

  it('is llama with and without biases', () => {
    for (const attentionBias of [false, true]) {
      const llama = modelConfig('tiny', { vocabSize: VOCAB_SIZE, shape: 'llama', attentionBias });
      expect(shapeOf(llama)).toBe('llama');
    }
  });
});

describe('checkTask', () => {
  it('refuses a model of another vocabulary', () => {
    const checkpoint = newModel({ modelsize: 'tiny' }, 0, ARITHMETIC);
    expect(() => checkTask('a.pt', newModel({ modelsize: 'tiny' }, 0, sorting()), sorting())).not.toThrow();
    expect(refusal(() => checkTask('a.pt', checkpoint, sorting()))).toMatchObject({
      where: '--checkpoint',
      message: expect.stringContaining("a.pt: its vocabulary has 57 tokens, the task's has 14"),
      fix: expect.stringContaining('another --task'),
    });
    expect(refusal(() => loadModel(TINY, {}, sorting()))).toMatchObject({
      where: '--checkpoint',
    });
  });
});
