/** Every variant of the sampler's kernel against float64: the token of the largest noisy logit, what filters keep, and the state. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { philox4x32Into } from '../../src/base/philox.ts';
import type { Device } from '../../src/gpu/device.ts';
import { launchPlan } from '../../src/gpu/variants.ts';
import { NO_ROW } from '../../src/kernels/rows.ts';
import { encodeSettings, type SamplingSettings, sampleFamily } from '../../src/kernels/sampling/index.ts';
import { isInterpreted, largeTest, openDevice, randomCases, variantsToTest } from '../device.ts';
import { normals, seeded } from '../oracle/random.ts';
import { keptTokens } from '../oracle/sampler.ts';
import { floats, readFloats, readWords, words } from './views.ts';

const STREAM = 0x5a3b;
const MAX_NEW_TOKENS = 3;
const EOS = 1;

interface Problem {
  readonly V: number;
  readonly settings: SamplingSettings & { readonly minP: number };
  readonly filtered: boolean;
  /** True for logits of a few values only, so that many are equal. */
  readonly ties: boolean;
}

/** Rows: slot 3; none; slot 0; slot 1, which is finished; slot 2, whose last token this is. */
const ROWS = [3, NO_ROW, 0, 1, 2];
const SLOTS = [
  [4, 0, 0, 9],
  [7, 1, 1, 9],
  [5, MAX_NEW_TOKENS - 1, 0, 9],
  [200, 1, 0, 9],
];

function noiseOf(V: number, position: number, sequenceId: number, seed: number): Float64Array {
  const block = new Uint32Array(4);
  return Float64Array.from({ length: V }, (_, v) => {
    if (v % 4 === 0) philox4x32Into(block, v / 4, position, sequenceId, STREAM, seed, 0);
    const u = (((block[v % 4] ?? 0) >>> 9) + 0.5) / 2 ** 23;
    return -Math.log(-Math.log(u));
  });
}

let device: Device;
beforeAll(async () => {
  device = await openDevice({ adapterClass: 'gpu' });
});
afterAll(() => device.destroy());

/** Return which ids are kept, or undefined if rounding decides. */
function keptOf(logits: Float64Array, { settings, filtered }: Problem): Float64Array | undefined {
  if (!filtered) return new Float64Array(logits.length).fill(1);
  const temperature = settings.temperature || 1;
  const { topK, topP, minP } = settings;
  const at = (factor: number) =>
    keptTokens(logits, {
      ...{ temperature, topK },
      topP: topP < 1 ? Math.min(topP * factor, 1 - 1e-9) : 1,
      minP: minP * factor,
    });
  const [lower, kept, upper] = [at(1 - 1e-5), at(1), at(1 + 1e-5)];
  const decided = kept.every((keep, v) => keep === lower[v] && keep === upper[v]);
  return decided ? kept : undefined;
}

const problems = fc.record({
  V: fc.oneof(fc.integer({ min: 1, max: 140 }), fc.constantFrom(1, 57, 60, 64, 600)),
  settings: fc.record({
    temperature: fc.constantFrom(0, 0.7, 1, 1.5),
    topK: fc.constantFrom(0, 1, 3, 20, 1000),
    topP: fc.constantFrom(1, 0.9, 0.5, 0.01, 1e-40),
    minP: fc.constantFrom(0, 0.05, 0.5),
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
  }),
  ...{ filtered: fc.boolean(), ties: fc.boolean() },
});

describe.each(variantsToTest(sampleFamily.variants))('$name', (variant) => {
  async function check(problem: Problem, seed: number): Promise<void> {
    using _ = device.scope();
    const { V, settings, filtered, ties } = problem;
    const perRow = Math.ceil(V / 32);
    const M = ROWS.length;
    const logits = normals(seed, M * V, 0, 3).map((x) => (ties ? Math.round(x) : x));
    const encoded = device.allocate(32);
    device.upload(encoded, encodeSettings(settings));
    const ids = words(device, new Uint32Array(M).fill(77));
    const samples = words(device, new Uint32Array(SLOTS.length * MAX_NEW_TOKENS * 2));
    const kept = words(device, new Uint32Array(SLOTS.length * MAX_NEW_TOKENS * perRow));
    const slots = words(device, Uint32Array.from(SLOTS.flat()));
    const views = {
      rows: words(device, Uint32Array.from(ROWS.flatMap((slot, row) => [slot, row, 100 + row, 0]))),
      ...{ logits: floats(device, logits), settings: encoded, slots, samples, ids },
      kept: filtered ? kept : undefined,
    };
    const options = { views, size: { M, V, maxNewTokens: MAX_NEW_TOKENS, eos: EOS } };
    if (!variant.fits(device, options)) return;
    launchPlan(device, variant.plan(device, options));
    const found = {
      ids: await readWords(device, ids, M),
      slots: await readWords(device, slots, SLOTS.length * 4),
      tokens: await readWords(device, samples, SLOTS.length * MAX_NEW_TOKENS * 2),
      logps: await readFloats(device, samples, SLOTS.length * MAX_NEW_TOKENS * 2),
      kept: await readWords(device, kept, SLOTS.length * MAX_NEW_TOKENS * perRow),
    };
    for (const [row, slot] of ROWS.entries()) {
      const [position = 0, generated = 0, finished, token = 0] = SLOTS[slot] ?? [0, 0, 1];
      const state = [...found.slots.subarray(4 * slot, 4 * slot + 4)];
      if (finished === 1) {
        expect(found.ids[row]).toBe(77);
        if (slot !== NO_ROW) expect(state).toEqual([position, generated, 1, token]);
        continue;
      }
      const own = Float64Array.from(logits.subarray(row * V, (row + 1) * V));
      const keep = keptOf(own, problem);
      if (!keep) continue;
      const z = own.map((x) => x / (settings.temperature || 1));
      const noise = noiseOf(V, position + 1, 100 + row, settings.seed);
      const noisy = z.map((x, v) =>
        keep[v] ? x + (settings.temperature === 0 ? 0 : (noise[v] ?? 0)) : -1e30,
      );
      const largest = Math.max(...noisy);
      const out = slot * MAX_NEW_TOKENS + generated;
      const pick = found.tokens[2 * out] ?? V;
      expect(noisy[pick], `row ${row}`).toBeGreaterThan(largest - 1e-4);
      if (settings.temperature === 0) expect(pick).toBe(noisy.indexOf(largest));
      const mass = z.reduce((sum, x, v) => sum + (keep[v] ? Math.exp(x) : 0), 0);
      expect(found.logps[2 * out + 1]).toBeCloseTo((z[pick] ?? 0) - Math.log(mass), 4);
      expect(found.ids[row]).toBe(pick);
      const ends = pick === EOS || generated + 1 === MAX_NEW_TOKENS;
      expect(state).toEqual([position + 1, generated + 1, Number(ends), pick]);
      if (!filtered) continue;
      const bits = Float64Array.from(
        own,
        (_x, v) => ((found.kept[out * perRow + (v >>> 5)] ?? 0) >>> (v & 31)) & 1,
      );
      expect([...bits], `kept ids of row ${row}`).toEqual([...keep]);
    }
  }

  test('draws as float64 does', async () => {
    const numRuns = randomCases(isInterpreted ? 25 : 15);
    await fc.assert(fc.asyncProperty(problems, fc.nat(), check), { ...seeded, numRuns });
  });

  test('filters among equals', async () => {
    const settings = { temperature: 1, topK: 9, topP: 0.8, minP: 0, seed: 3 };
    await check({ V: 60, settings, filtered: true, ties: true }, 1);
    await check({ V: 131, settings: { ...settings, topK: 0 }, filtered: true, ties: true }, 2);
  });

  test('of logits that are all NaN, it draws an id that exists', async () => {
    using _ = device.scope();
    const V = 5;
    const encoded = device.allocate(32);
    device.upload(encoded, encodeSettings({ temperature: 1, topK: 0, topP: 1, seed: 1 }));
    const ids = words(device, Uint32Array.of(77));
    const views = {
      logits: floats(device, new Float32Array(V).fill(Number.NaN)),
      rows: words(device, Uint32Array.of(0, 0, 0, 0)),
      settings: encoded,
      slots: words(device, new Uint32Array(4)),
      samples: words(device, 2 * MAX_NEW_TOKENS),
      ids,
    };
    const options = { views, size: { M: 1, V, maxNewTokens: MAX_NEW_TOKENS, eos: EOS } };
    if (!variant.fits(device, options)) return;
    launchPlan(device, variant.plan(device, options));
    expect((await readWords(device, ids, 1))[0]).toBeLessThan(V);
  });

  // The others hold a row, or rank its ids.
  largeTest('50,001 ids', async () => {
    if (!variant.name.startsWith('row')) return;
    const settings = { temperature: 1, topK: 2000, topP: 0.9, minP: 0, seed: 3 };
    await check({ V: 50_001, settings, filtered: true, ties: false }, 1);
    await check({ V: 50_001, settings, filtered: false, ties: false }, 1);
  });
});
