/** Every variant that an adapter takes compiles for the shapes of all models: compilers of WGSL differ in what they refuse. */
import { expect, test } from 'vitest';
import type { Kernel } from '../../src/gpu/kernel.ts';
import { MODEL_SIZES, type ModelSize, modelConfig } from '../../src/model/config.ts';
import { tuningCases } from '../../src/model/workload.ts';
import { openDevice } from '../device.ts';

/** Few rows: the kernels are those of many. */
const ROWS = { training: 64, decoding: 16 };
const MIXTURE = { numExperts: 4, activeExperts: 2 };

test.each(Object.keys(MODEL_SIZES) as ModelSize[])('%s, dense and a mixture of experts', async (size) => {
  const device = await openDevice();
  const configs = [{}, MIXTURE].map((experts) => modelConfig(size, { vocabSize: 57, ...experts }));
  const compiled = new Set<Kernel>();
  for (const { family, make } of configs.flatMap((config) => tuningCases(config, ROWS))) {
    using _ = device.scope();
    const options = make(device);
    for (const variant of family.variants.filter(({ fits }) => fits(device, options))) {
      const { kernel } = variant.plan(device, options);
      if (!compiled.has(kernel))
        expect(await device.compile(kernel), `${family.name}: ${variant.name}`).toBeUndefined();
      compiled.add(kernel);
    }
  }
  expect(compiled.size).toBeGreaterThan(100);
  device.destroy();
});
