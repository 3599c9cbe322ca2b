/** Every variant of the three attention kernels agrees with the portable one, which the tests of ops compare with float64. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BufferView } from '../../src/gpu/buffers.ts';
import type { Device } from '../../src/gpu/device.ts';
import { type Family, launchPlan, namedVariant } from '../../src/gpu/variants.ts';
import {
  ATTENTION_TILE_ROWS,
  type AttentionShape,
  attentionBackward,
  attentionForwardFamily,
  attentionKeyValueFamily,
  attentionQueryFamily,
} from '../../src/kernels/attention/index.ts';
import type { AttentionOptions } from '../../src/kernels/attention/shape.ts';
import { tilesOf } from '../../src/tensor/ops/packing.ts';
import { openDevice } from '../device.ts';

const LENGTHS = [1, 5, 31, 32, 33, 70];
const R = LENGTHS.reduce((sum, length) => sum + length, 0);

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

function floats(count: number, seed: number): BufferView {
  const view = device.allocate(count * 4);
  device.upload(
    view,
    Float32Array.from({ length: count }, (_, i) => Math.sin(seed + 1.7 * i) * 1.5),
  );
  return view;
}

async function run(
  family: Family<AttentionOptions>,
  name: string,
  shape: AttentionShape,
  buffers: Readonly<Record<string, BufferView>>,
  writes: readonly string[],
): Promise<Float32Array[] | undefined> {
  const options = { shape, buffers };
  const variant = namedVariant(device, family, options, name);
  if (!variant) return undefined;
  const written = writes.map((each) => buffers[each] as BufferView);
  for (const view of written) device.clear(view);
  launchPlan(device, variant.plan(device, options));
  const results: Float32Array[] = [];
  for (const view of written) results.push(new Float32Array(await device.read(view)));
  return results;
}

describe.each([
  { heads: 2, kvHeads: 2, headDim: 4, alibi: true },
  { heads: 2, kvHeads: 2, headDim: 8, alibi: true },
  { heads: 2, kvHeads: 2, headDim: 4, alibi: false },
  { heads: 2, kvHeads: 2, headDim: 16, alibi: true },
  { heads: 4, kvHeads: 2, headDim: 4, alibi: false },
  { heads: 3, kvHeads: 1, headDim: 8, alibi: true },
])('$heads heads of $headDim, $kvHeads of keys, slopes $alibi', ({ heads, kvHeads, headDim, alibi }) => {
  test('all variants agree', async () => {
    using _ = device.scope();
    const d = heads * headDim;
    const columns = d + 2 * kvHeads * headDim;
    // An empty tile at the end, as padding has it.
    const tileValues = [...tilesOf(LENGTHS, ATTENTION_TILE_ROWS), 0, 0, 0, 0];
    const tiles = device.allocate(tileValues.length * 4);
    device.upload(tiles, new Uint32Array(tileValues));
    const tileCount = tileValues.length / 4;
    const slopes = alibi ? floats(heads, 0.5) : undefined;
    const shape = { R, heads, kvHeads, headDim, slopes, tiles, tileCount };
    const [qkv, dOut] = [floats(R * columns, 1), floats(R * d, 2)];
    const [out, logSumExp, dQkv, delta] = [R * d, R * heads, R * columns, R * heads].map((count) =>
      floats(count, 3),
    ) as [BufferView, BufferView, BufferView, BufferView];
    let compared = 0;
    for (const [family, buffers, writes] of [
      [attentionForwardFamily, { qkv, out, logSumExp }, ['out', 'logSumExp']],
      [attentionQueryFamily, { qkv, out, dOut, logSumExp, dQkv, delta }, ['dQkv', 'delta']],
      [attentionKeyValueFamily, { qkv, dOut, logSumExp, delta, dQkv }, ['dQkv']],
    ] as const) {
      // Last, so that the next family reads what the portable variant wrote.
      const expected = await run(family, family.portable, shape, buffers, writes);
      for (const { name } of family.variants) {
        const found = await run(family, name, shape, buffers, writes);
        found?.forEach((values, i) => {
          const reference = expected?.[i] ?? new Float32Array();
          const off = values.reduce(
            (worst, value, at) => Math.max(worst, Math.abs(value - (reference[at] ?? 0))),
            0,
          );
          expect(off, `${family.name}, ${name}, ${writes[i]}`).toBeLessThan(2e-5);
          expect(values.some((value) => value !== 0)).toBe(true);
        });
        compared += found ? 1 : 0;
      }
      await run(family, family.portable, shape, buffers, writes);
    }
    for (const family of [attentionQueryFamily, attentionKeyValueFamily]) {
      const options = { shape, buffers: { qkv, out, dOut, logSumExp, dQkv, delta } };
      const portable = namedVariant(device, family, options, family.portable);
      if (portable) launchPlan(device, portable.plan(device, options));
    }
    const expected = new Float32Array(await device.read(dQkv));
    device.clear(dQkv);
    attentionBackward(device, shape, { qkv, out, logSumExp }, dOut, dQkv);
    const found = new Float32Array(await device.read(dQkv));
    expect(found.length).toBe(expected.length);
    found.forEach((value, at) => {
      expect(Math.abs(value - (expected[at] ?? Number.NaN)), `both passes at ${at}`).toBeLessThan(2e-5);
    });
    expect(compared).toBeGreaterThanOrEqual(3);
  });
});
