/** What the flags of the model make, and which checkpoints they refuse. */
import { expect, it } from 'vitest';
import { loadModel, newModel } from '../../../src/cli/flags/modelFlags.ts';
import { MODEL_SHAPES } from '../../../src/model/config.ts';

const TINY = 'tests/fixtures/checkpoints/tiny.safetensors';

it('makes a model of the shape that is asked for, the original one if none is', () => {
  expect(newModel({ modelsize: 'tiny' }, 0).config).toMatchObject(MODEL_SHAPES.mathformer);
  const { config, stateDict } = newModel({ modelsize: 'tiny', shape: 'mpt' }, 0);
  expect(config).toMatchObject(MODEL_SHAPES.mpt);
  expect([...stateDict.keys()].filter((name) => name.endsWith('.bias'))).toEqual([]);
});

it('refuses a checkpoint of another shape', () => {
  expect(loadModel(TINY, { shape: 'mathformer' }).config.bias).toBe(true);
  expect(() => loadModel(TINY, { shape: 'mpt' })).toThrow(/--shape mpt is not .* checkpoint \(mathformer\)/);
});
