/** Decode attention in splits of positions: equal to one workgroup for all of them, with bits that the caches' room does not change. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { launchPlan } from '../../src/gpu/variants.ts';
import { decodeFamily } from '../../src/kernels/decode/index.ts';
import { SPLIT } from '../../src/kernels/decode/split.ts';
import { NO_ROW } from '../../src/kernels/rows.ts';
import { Tensor } from '../../src/tensor/index.ts';
import { isInterpreted, openDevice, randomCases } from '../device.ts';
import { expectClose } from '../oracle/compare.ts';
import { normals } from '../oracle/random.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const POSITIONS = isInterpreted ? SPLIT + 20 : 3 * SPLIT;

const cases = fc.record({
  kvHeads: fc.constantFrom(1, 2, 3),
  group: fc.constantFrom(1, 2, 4),
  headDim: fc.constantFrom(4, 12, 32, 64, 100, 256),
  alibi: fc.boolean(),
  /** The position of each sequence's newest token. */
  lengths: fc.array(
    fc.oneof(fc.constantFrom(0, SPLIT - 1, SPLIT, SPLIT + 1), fc.integer({ min: 0, max: POSITIONS - 1 })),
    { minLength: 1, maxLength: 3 },
  ),
  seed: fc.nat(1000),
});

type Case = typeof cases extends fc.Arbitrary<infer Value> ? Value : never;

/** Attend with a variant and caches of this capacity. Returns what it writes: outputs, and the newest keys and values. */
async function attended(name: string, given: Case, capacity: number) {
  using _ = device.scope();
  const { kvHeads, group, headDim, alibi, lengths, seed } = given;
  const heads = kvHeads * group;
  const slots = lengths.length;
  const cacheOf = (which: number): Tensor => {
    const cache = new Float32Array(slots * kvHeads * capacity * headDim);
    for (let slot = 0; slot < slots; slot++) {
      for (let head = 0; head < kvHeads; head++) {
        const count = Math.min(lengths[slot] ?? 0, capacity) * headDim;
        const values = normals(seed * 100 + slot * 10 + head * 2 + which, count);
        cache.set(Float32Array.from(values), (slot * kvHeads + head) * capacity * headDim);
      }
    }
    return Tensor.from(device, cache);
  };
  const words = (values: readonly number[]): Tensor => Tensor.from(device, Uint32Array.from(values));
  // An empty row comes first, so that rows and slots differ.
  const M = slots + 1;
  const columns = (heads + 2 * kvHeads) * headDim;
  const [keys, values] = [cacheOf(0), cacheOf(1)];
  const out = Tensor.from(device, new Float32Array(M * heads * headDim).fill(7));
  const views = {
    qkv: Tensor.from(device, Float32Array.from(normals(seed, M * columns))).view,
    slopes: alibi
      ? Tensor.from(
          device,
          Array.from({ length: heads }, (_, h) => 0.25 ** (h + 1)),
        ).view
      : undefined,
    slots: words(lengths.flatMap((length) => [length, 0, 0, 0])).view,
    rows: words([NO_ROW, ...lengths.keys()].flatMap((slot) => [slot, 0, 0, 0])).view,
    keys: keys.view,
    values: values.view,
    out: out.view,
  };
  const variant = decodeFamily.variants.find((each) => each.name === name);
  const options = { shape: { M, heads, kvHeads, headDim, capacity }, views };
  if (!variant) throw new Error(`no variant ${name}`);
  launchPlan(device, variant.plan(device, options));
  const appended: number[] = [];
  for (const cache of [await keys.data(), await values.data()]) {
    lengths.forEach((length, slot) => {
      for (let head = 0; head < kvHeads; head++) {
        const at = ((slot * kvHeads + head) * capacity + length) * headDim;
        appended.push(...cache.subarray(at, at + headDim));
      }
    });
  }
  return { out: await out.data(), appended };
}

test('splits equal one workgroup for all positions, to the same bits whatever room the caches have', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async (given) => {
      const needed = Math.max(...given.lengths) + 1;
      const expected = await attended('portable', given, POSITIONS);
      const tight = await attended('split', given, needed);
      expectClose(tight.out, expected.out);
      expect(tight.appended).toEqual(expected.appended);
      // Often one split against three.
      const roomy = await attended('split', given, POSITIONS);
      expect(roomy.out).toEqual(tight.out);
      expect(roomy.appended).toEqual(tight.appended);
    }),
    { numRuns: randomCases(isInterpreted ? 4 : 20) },
  );
});
