/** The replay of draws, against float64: log-probabilities, margins under the noise, and the ids that filters keep. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { philox4x32Into } from '../../src/base/philox.ts';
import type { Device } from '../../src/gpu/device.ts';
import { launchPlan } from '../../src/gpu/variants.ts';
import { encodeSettings, IMPOSSIBLE, type SamplingSettings } from '../../src/kernels/sampling/index.ts';
import { replayFamily } from '../../src/kernels/sampling/replay.ts';
import { openDevice, randomCases, variantsToTest } from '../device.ts';
import { normals } from '../oracle/random.ts';
import { keptTokens } from '../oracle/sampler.ts';

interface Row {
  readonly logits: Float32Array;
  readonly token: number;
  readonly position: number;
  readonly sequenceId: number;
  readonly kept?: Uint32Array;
}

interface Checks {
  readonly logp: number;
  readonly margin: number;
  readonly filterGap: number;
}

const STREAM = 0x5a3b;

/** Return the noise of V ids. */
function noiseOf(V: number, { position, sequenceId }: Row, seed: number): number[] {
  const words = new Uint32Array(4);
  return Array.from({ length: V }, (_, v) => {
    philox4x32Into(words, Math.floor(v / 4), position, sequenceId, STREAM, seed, 0);
    const u = (((words[v % 4] ?? 0) >>> 9) + 0.5) / 2 ** 23;
    return -Math.log(-Math.log(u));
  });
}

/** Return the log-probability and margin of a row in float64. */
function expected(
  row: Row,
  { temperature, seed }: SamplingSettings,
  isKept: (v: number) => boolean,
): Omit<Checks, 'filterGap'> {
  const z = Array.from(row.logits, (logit) => logit / (temperature || 1));
  const noise = temperature === 0 ? z.map(() => 0) : noiseOf(z.length, row, seed);
  const ids = z.map((_, v) => v).filter(isKept);
  const at = (v: number): number => z[v] ?? Number.NaN;
  const mass = ids.reduce((sum, v) => sum + Math.exp(at(v)), 0);
  const noisy = (v: number): number => at(v) + (noise[v] ?? Number.NaN);
  return {
    logp: at(row.token) - Math.log(mass),
    margin: Math.max(...ids.map(noisy)) - noisy(row.token),
  };
}

const maskOf = (V: number, isKept: (v: number) => boolean): Uint32Array => {
  const words = new Uint32Array(Math.ceil(V / 32));
  for (let v = 0; v < V; v++) {
    const word = v >>> 5;
    if (isKept(v)) words[word] = ((words[word] ?? 0) | (1 << (v & 31))) >>> 0;
  }
  return words;
};

let device: Device;
beforeAll(async () => {
  device = await openDevice({ adapterClass: 'gpu' });
});
afterAll(() => device.destroy());

async function replay(V: number, rows: readonly Row[], settings: SamplingSettings): Promise<Checks[]> {
  using _ = device.scope();
  const upload = (words: Uint32Array | Float32Array | Uint8Array) => {
    const view = device.allocate(words.byteLength);
    device.upload(view, words.slice());
    return view;
  };
  const filtered = rows.some(({ kept }) => kept);
  const N = rows.length;
  const checks = device.allocate(N * 16);
  const views = {
    logits: upload(Float32Array.from(rows.flatMap(({ logits }) => [...logits]))),
    tokens: upload(Uint32Array.from(rows, ({ token }) => token)),
    places: upload(Uint32Array.from(rows.flatMap(({ position, sequenceId }) => [position, sequenceId]))),
    settings: upload(encodeSettings(settings)),
    kept: filtered ? upload(Uint32Array.from(rows.flatMap(({ kept = [] }) => [...kept]))) : undefined,
    checks,
  };
  // All variants agree: their sums differ in the order, and a search in a rounding.
  const found: Checks[][] = [];
  const fitting = replayFamily.variants.filter(({ fits }) => fits(device, { views, size: { N, V } }));
  const tested = variantsToTest(fitting);
  for (const variant of tested.length > 0 ? tested : fitting) {
    device.clear(checks);
    launchPlan(device, variant.plan(device, { views, size: { N, V } }));
    const values = new Float32Array(await device.read(checks));
    const rowsOf = rows.map((_row, i) => {
      const [logp = 0, margin = 0, filterGap = 0] = values.subarray(4 * i);
      return { logp, margin, filterGap };
    });
    for (const [i, one] of rowsOf.entries()) {
      for (const name of ['logp', 'margin', 'filterGap'] as const) {
        const [own, other] = [one[name], found[0]?.[i]?.[name] ?? one[name]];
        if (Object.is(own, other)) continue;
        expect(Math.abs(own - other), `${variant.name}: ${name} of row ${i}`).toBeLessThanOrEqual(
          1e-4 + 1e-5 * Math.abs(other),
        );
      }
    }
    found.push(rowsOf);
  }
  // The last one, so that each run tests another variant than the portable one, too.
  return found.at(-1) ?? [];
}

const sizes = fc.constantFrom(1, 3, 16, 57, 130);
const row = (V: number, seed: number, i: number): Row => ({
  logits: Float32Array.from(normals(seed + i, V, 0, 3)),
  token: (seed + i * 7) % V,
  position: 1 + i * 1000,
  sequenceId: (seed * 31 + i) >>> 0,
});

test('log-probabilities and margins of any token', async () => {
  const temperatures = fc.constantFrom(0, 0.3, 1, 1.7);
  await fc.assert(
    fc.asyncProperty(
      sizes,
      fc.nat(1000),
      temperatures,
      fc.nat(2 ** 32 - 1),
      async (V, salt, temperature, seed) => {
        const rows = Array.from({ length: 5 }, (_, i) => row(V, salt, i));
        const settings = { temperature, topK: 0, topP: 1, seed };
        const found = await replay(V, rows, settings);
        for (const [i, each] of rows.entries()) {
          const { logp, margin } = expected(each, settings, () => true);
          expect(found[i]?.logp).toBeCloseTo(logp, 3);
          expect(found[i]?.margin).toBeCloseTo(margin, 3);
          expect(found[i]?.filterGap).toBe(0);
        }
      },
    ),
    { numRuns: randomCases(30) },
  );
});

const filters = fc.record({
  topK: fc.constantFrom(0, 1, 4, 20, 57),
  topP: fc.constantFrom(1, 0.99, 0.9, 0.3, 1e-9),
  minP: fc.constantFrom(0, 0.5, 0.02, 1e-6),
  temperature: fc.constantFrom(0.5, 1, 2),
});

test('the ids that the filters keep have no gap, and other ids have one', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(16, 57, 130),
      fc.nat(1000),
      filters,
      fc.nat(200),
      async (V, salt, options, odd) => {
        const settings = { ...options, topK: Math.min(options.topK, V), seed: salt };
        const rows = Array.from({ length: 4 }, (_, i) => {
          const plain = row(V, salt, i);
          const kept = keptTokens(plain.logits, options);
          // Not at a border: a little more or less keeps the same.
          for (const factor of [0.999, 1.001]) {
            const topP = Math.min(1, options.topP * factor);
            const near = keptTokens(plain.logits, { ...options, topP, minP: options.minP * factor });
            fc.pre(String(near) === String(kept));
          }
          const token = kept.indexOf(1);
          // An id more, or one less; the token stays.
          const other = (token + 1 + (odd % (V - 1))) % V;
          const isKept = (v: number): boolean => kept[v] === 1;
          const isOdd = (v: number): boolean => (v === other ? !isKept(v) : isKept(v));
          return { ...plain, token, isKept, isOdd };
        });
        const right = await replay(
          V,
          rows.map((each) => ({ ...each, kept: maskOf(V, each.isKept) })),
          settings,
        );
        const wrong = await replay(
          V,
          rows.map((each) => ({ ...each, kept: maskOf(V, each.isOdd) })),
          settings,
        );
        for (const [i, each] of rows.entries()) {
          const { logp, margin } = expected(each, settings, each.isKept);
          expect(right[i]?.filterGap).toBeLessThan(2e-5);
          expect(right[i]?.logp).toBeCloseTo(logp, 3);
          expect(right[i]?.margin).toBeCloseTo(margin, 3);
          expect(wrong[i]?.filterGap).toBeGreaterThan(1e-4);
        }
      },
    ),
    { numRuns: randomCases(60) },
  );
});

describe('by hand', () => {
  const logits = Float32Array.from([0, -1, -2, -3, -4]);
  const gapOf = async (kept: readonly number[], settings: Partial<SamplingSettings>): Promise<number> => {
    const mask = maskOf(5, (v) => kept.includes(v));
    const plain = { logits, token: kept[0] ?? 0, position: 1, sequenceId: 1, kept: mask };
    const [checks] = await replay(5, [plain], { temperature: 1, topK: 0, topP: 1, seed: 1, ...settings });
    return checks?.filterGap ?? Number.NaN;
  };
  const mass = [0, 1, 2, 3, 4].map((v) => Math.exp(-v));
  const total = mass.reduce((sum, value) => sum + value, 0);

  test.each([
    ['the right ids of top-k', [0, 1], { topK: 2 }, 0],
    ['one too many', [0, 1, 2], { topK: 2 }, IMPOSSIBLE],
    ['one too few', [0], { topK: 2 }, IMPOSSIBLE],
    ['the second left out for the third', [0, 2], { topK: 2 }, 1],
    ['the right ids of top-p', [0, 1], { topP: 0.7 }, 0],
    ['too many: the first alone has enough', [0, 1], { topP: 0.5 }, Math.log(1 / (0.5 * total))],
    ['too few: the first has not enough', [0], { topP: 0.7 }, Math.log((0.7 * total) / 1)],
    ['top-p of the top-k: of 1 and e⁻¹, the first has 73 %', [0], { topK: 2, topP: 0.7 }, 0],
    ['both are needed for 80 %', [0, 1], { topK: 2, topP: 0.8 }, 0],
    ['only one, for 80 %', [0], { topK: 2, topP: 0.8 }, Math.log(0.8 * (1 + Math.exp(-1)))],
    ['the right ids of min-p', [0, 1], { minP: 0.2 }, 0],
    ['one that min-p drops', [0, 1, 2], { minP: 0.2 }, Math.log(0.2) + 2],
    ['one too few for min-p', [0], { minP: 0.2 }, -1 - Math.log(0.2)],
    ['no ids', [], { minP: 0.2 }, IMPOSSIBLE],
    ['all, where filters drop none', [0, 1, 2, 3, 4], { minP: 1e-9 }, 0],
    ['one too few, where filters drop none', [0, 1, 2, 3], { minP: 1e-9 }, -4 - Math.log(1e-9)],
  ] as const)('%s', async (_, kept, settings, gap) => {
    const found = await gapOf(kept, settings);
    if (gap === IMPOSSIBLE) expect(found).toBeGreaterThan(1e29);
    else expect(found).toBeCloseTo(gap, 4);
  });

  test('a token that the filters drop cannot have been drawn', async () => {
    const kept = maskOf(5, (v) => v < 2);
    const plain = { logits, token: 3, position: 1, sequenceId: 1, kept };
    const [checks] = await replay(5, [plain], { temperature: 1, topK: 2, topP: 1, seed: 1 });
    expect(checks?.margin).toBeGreaterThan(1e29);
    expect(checks?.filterGap).toBe(0);
  });
});
