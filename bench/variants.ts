/** Comparisons of the variants of each kernel family, on the shapes of training and decoding. */
import type { Device } from '../src/gpu/device.ts';
import type { AnyTuningCase } from '../src/gpu/tuning.ts';
import { choiceKey, launchPlan } from '../src/gpu/variants.ts';
import { attentionCases, outerCase, productCase } from '../src/kernels/tuningCases.ts';
import { type Comparison, onDevice } from './comparison.ts';

const TOKENS = 8192;

const CASES: readonly AnyTuningCase[] = [
  productCase({ M: TOKENS, N: 256, K: 64, bias: true, gelu: true }),
  productCase({ M: TOKENS, N: 256, K: 256, bias: true }),
  productCase({ M: 128, N: 256, K: 64, bias: true }),
  productCase({ M: 512, N: 512, K: 512 }),
  outerCase({ R: TOKENS, M: 256, N: 64 }),
  ...attentionCases(TOKENS, { heads: 4, headDim: 16, alibi: true }),
];

/** Return one comparison for each family and shape, without the variants that the adapter refuses. */
export async function variantComparisons(
  device: Device,
  cases: readonly AnyTuningCase[] = CASES,
): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const { family, make } of cases) {
    const options = make(device);
    const contenders = [];
    for (const variant of family.variants) {
      if (!variant.fits(device, options)) continue;
      const plan = variant.plan(device, options);
      if ((await device.compile(plan.kernel)) !== undefined) continue;
      contenders.push({ name: variant.name, run: onDevice(device, () => launchPlan(device, plan)) });
    }
    comparisons.push({ name: `variants ${choiceKey(family, options)}`, contenders });
  }
  return comparisons;
}
