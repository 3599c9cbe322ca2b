/** A device that tunes itself for a model: when it does, and what it keeps. */
import { expect, test, vi } from 'vitest';
import { isSoftware, isWebAssembly } from '../../src/gpu/adapterClass.ts';
import { openTuned } from '../../src/gpu/autoTuning.ts';
import type { KernelChoices } from '../../src/gpu/kernelChoices.ts';
import { openAdapter } from '../../src/gpu/node.ts';
import { modelConfig } from '../../src/model/config.ts';
import { tuneFor } from '../../src/model/tuneFor.ts';
import { tuningCases } from '../../src/model/workload.ts';
import { isInterpreted } from '../device.ts';

// Products have many variants, which take long to compile.
vi.mock('../../src/model/workload.ts', async (original) => {
  const { tuningCases: all } = await original<typeof import('../../src/model/workload.ts')>();
  return {
    tuningCases: (...given: Parameters<typeof all>) =>
      all(...given).filter(({ family }) => /softmax|sample/.test(family.name)),
  };
});

const MODEL = modelConfig('tiny', { vocabSize: 8, dModel: 16, nHeads: 2, dFF: 32, nLayers: 1 });
const ROWS = { training: 64, decoding: 8 };

async function opened(options: Parameters<typeof openTuned>[1], before: KernelChoices = {}) {
  const { MATHFORMER_ADAPTER: name } = process.env;
  const { adapter } = await openAdapter(name === undefined ? {} : { name });
  let kept = before;
  const device = await openTuned(adapter, options, {
    read: async () => kept,
    add: async (choices) => {
      kept = { ...kept, ...choices };
    },
  });
  return { device, kept: () => kept };
}

test.skipIf(isInterpreted)('a model is tuned once, and its choices are used at once and kept', async () => {
  const { device, kept } = await opened({ tune: 'always' });
  const done: number[] = [];
  const results = await tuneFor(device, MODEL, { rows: ROWS, progress: (count) => done.push(count) });
  const cases = tuningCases(MODEL, ROWS);
  expect(done).toEqual(cases.map((_, i) => i + 1));
  expect(Object.keys(kept()).sort()).toEqual(results.map(({ key }) => key).sort());
  for (const { key, chosen, source } of results)
    expect(device.choices[key]).toEqual({ variant: chosen, source });
  expect(await tuneFor(device, MODEL, { rows: ROWS })).toEqual([]);
  device.destroy();
  const later = await opened({ tune: 'always' }, kept());
  expect(later.device.choices).toMatchObject(kept());
  expect(await tuneFor(later.device, MODEL, { rows: ROWS })).toEqual([]);
  later.device.destroy();
});

test('not tuned: without the option, on no GPU with `auto`, and with the choices of an earlier run', async () => {
  const kernelChoices = { 'double any': 'slow' };
  for (const options of [{}, { tune: 'auto' }, { tune: 'always', kernelChoices }] as const) {
    const { device, kept } = await opened(options, { 'triple any': 'slow' });
    const isGpu = !isSoftware(device.info) && !isWebAssembly(device.info);
    if (isGpu && 'tune' in options && options.tune === 'auto') continue;
    expect(device.choices).not.toHaveProperty(['triple any']);
    expect(await tuneFor(device, MODEL, { rows: ROWS })).toEqual([]);
    expect(kept()).toEqual({ 'triple any': 'slow' });
    device.destroy();
  }
});
