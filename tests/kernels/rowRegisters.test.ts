/** Kernels that share rows keep at most 256 private bytes a thread, however long rows are: registers that hold a row, and arrays. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import type { Launch } from '../../src/gpu/kernel.ts';
import { chosenVariant } from '../../src/gpu/variants.ts';
import { layerNormBackwardFamily, layerNormForwardFamily } from '../../src/kernels/layerNorm/index.ts';
import {
  logSoftmaxGatherBackwardFamily,
  logSoftmaxGatherFamily,
} from '../../src/kernels/logSoftmaxGather/index.ts';
import { sampleFamily } from '../../src/kernels/sampling/index.ts';
import { replayFamily } from '../../src/kernels/sampling/replay.ts';
import { softmaxBackwardFamily, softmaxForwardFamily } from '../../src/kernels/softmax/index.ts';
import { openDevice } from '../device.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ adapterClass: 'gpu' });
});
afterAll(() => device.destroy());

/** Return the bytes of the numbered variables of the entry point: they hold a row's elements, a vec4 each. */
function heldBytes({ kernel }: Launch): number {
  const main = kernel.wgsl.slice(kernel.wgsl.indexOf('fn main'));
  expect(main, kernel.name).not.toMatch(/\bvar \w+(: | = )array</);
  const names = [...main.matchAll(/\b(?:let|var) ([A-Za-z]+\d+)\b/g)].map(([, name]) => name ?? '');
  // Those of 4 bytes: the place of an element, and if it exists.
  const words = names.filter((name) => /^(has|at)\d/.test(name));
  // Sums over all rows replace the lane's own.
  const vectors = [...new Set(names.filter((name) => !/^(has|at|all)/.test(name)))];
  // Without a row in registers, one total after another has those of its nested blocks.
  const isHeld = !main.includes('let share = ');
  const prefixes = new Set(vectors.map((name) => /^[a-z]+/i.exec(name.replace(/Of\d+$/, ''))?.[0] ?? name));
  const perTotal = [...prefixes].map((prefix) => vectors.filter((name) => name.startsWith(prefix)).length);
  return 16 * (isHeld ? vectors.length : Math.max(0, ...perTotal)) + 4 * words.length;
}

test('at every width', () => {
  using _ = device.scope();
  const view = device.allocate(16);
  for (const width of [1, 3, 4, 57, 60, 64, 256, 1000, 1024, 2048, 2052, 50_000, 50_001]) {
    const d = 4 * Math.ceil(width / 4);
    const layer = { x: view, weight: view, bias: view, stats: view, centred: true, R: 100, d };
    const gradients = { ...layer, dy: view, residual: view, dx: view, weights: true, parts: view };
    const logits = { logits: view, ids: view, kept: view, entropy: view, lse: view, R: 100, V: width };
    const size = { outer: 100, length: width, inner: 1, logarithm: false };
    const sample = {
      views: { logits: view, rows: view, settings: view, slots: view, samples: view, ids: view, kept: view },
      size: { M: 8, V: width, maxNewTokens: 4, eos: 0 },
    };
    const replay = {
      views: { logits: view, tokens: view, places: view, settings: view, kept: view, checks: view },
      size: { N: 8, V: width },
    };
    const gather = { ...logits, inverseTemperature: 1 };
    const plans = [
      [layerNormForwardFamily, { ...layer, y: view, eps: 1e-5 }],
      [layerNormBackwardFamily, gradients],
      [softmaxForwardFamily, { views: { x: view, y: view }, size }],
      [softmaxBackwardFamily, { views: { y: view, dy: view, dx: view }, size }],
      [logSoftmaxGatherFamily, { ...gather, logp: view }],
      [logSoftmaxGatherBackwardFamily, { ...gather, dLogp: view, dEntropy: view, dLogits: view }],
      [sampleFamily, sample],
      [replayFamily, replay],
    ] as const;
    for (const [family, options] of plans) {
      const variant = chosenVariant(device, family as typeof layerNormForwardFamily, options as never);
      expect(variant.name, `${family.name} of ${width}`).toMatch(/^row/);
      const launch = variant.plan(device, options as never);
      expect(heldBytes(launch), `${launch.kernel.name} of ${width}`).toBeLessThanOrEqual(256);
    }
  }
});
