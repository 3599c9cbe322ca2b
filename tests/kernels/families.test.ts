/** Every family of kernels is tuned, and each class of adapters has a default for the shapes of all models. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { countingAdapter, plainGpu } from '../../bench/countingAdapter.ts';
import { ADAPTER_CLASSES, type AdapterClass } from '../../src/gpu/adapterClass.ts';
import { Device } from '../../src/gpu/device.ts';
import type { AnyTuningCase } from '../../src/gpu/tuning.ts';
import type { Family } from '../../src/gpu/variants.ts';
import { MODEL_SIZES, type ModelSize, modelConfig } from '../../src/model/config.ts';
import { TUNING_ROWS } from '../../src/model/tuneFor.ts';
import { tuningCases } from '../../src/model/workload.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';

const KERNELS = fileURLToPath(new URL('../../src/kernels/', import.meta.url));

const isFamily = (value: unknown): value is Family<never> =>
  typeof value === 'object' && value !== null && 'variants' in value && 'prefer' in value;

/** Return all families that modules of kernels export. */
async function exportedFamilies(): Promise<Family<never>[]> {
  const families = new Set<Family<never>>();
  for (const path of readdirSync(KERNELS, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts')) continue;
    const exported: object = await import(`${KERNELS}${path}`);
    for (const value of Object.values(exported)) if (isFamily(value)) families.add(value);
  }
  return [...families];
}

const SIZES = Object.keys(MODEL_SIZES) as ModelSize[];
const casesOf = (size: ModelSize): AnyTuningCase[] =>
  [{}, { numExperts: 4, activeExperts: 2 }].flatMap((experts) =>
    tuningCases(modelConfig(size, { vocabSize: VOCAB_SIZE, ...experts }), TUNING_ROWS),
  );

/** Families that the tuner leaves alone, with the reason. */
const IN_PARTS =
  'a pass leaves as many totals as its variant makes parts, so that results of a pass cannot be compared';
const UNTUNED: Readonly<Record<string, string>> = { reduce: IN_PARTS, squares: IN_PARTS };

test('every family with more than one variant is tuned', async () => {
  const tuned = new Set(SIZES.flatMap(casesOf).map(({ family }) => family.name));
  const families = (await exportedFamilies()).filter(({ variants }) => variants.length > 1);
  expect(families.length).toBeGreaterThan(5);
  const forgotten = families.map(({ name }) => name).filter((name) => !tuned.has(name) && !(name in UNTUNED));
  expect(forgotten).toEqual([]);
});

/** Open a device of a class that computes nothing, with WebGPU's default limits. */
const idleDevice = (adapterClass: AdapterClass, lanes: number): Promise<Device> =>
  Device.open(countingAdapter(plainGpu(lanes)).adapter, { adapterClass });

describe.each(ADAPTER_CLASSES)('the defaults of the class %s', (adapterClass) => {
  test.each([32, 16, 8, 0])('name a variant for all models, with subgroups of %i lanes', async (lanes) => {
    const device = await idleDevice(adapterClass, lanes);
    for (const size of SIZES) {
      for (const { family, make } of casesOf(size)) {
        using _ = device.scope();
        const options = make(device);
        const what = `${family.name} ${family.shapeClass(options)}`;
        const preferred = family.prefer(device, options);
        const variants = family.variants.map((variant) => variant.name);
        expect(variants, what).toContain(preferred);
        // Where the preferred variant does not fit, the portable one runs, and has to.
        const fits = (name: string) =>
          family.variants.find((variant) => variant.name === name)?.fits(device, options);
        expect(fits(preferred) || fits(family.portable), what).toBe(true);
        if (adapterClass !== 'cpu') expect(preferred, what).not.toMatch(/broadcast/);
      }
    }
    device.destroy();
  });
});
