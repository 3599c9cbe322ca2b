/**
 * Decode attention against float64: prompts fill the caches of their groups, then tokens are appended one at a time.
 * Every step must equal attention over the whole sequence.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { launchPlan } from '../../src/gpu/variants.ts';
import { decodeFamily, fillCache } from '../../src/kernels/decode/index.ts';
import { slotPositions } from '../../src/kernels/positions.ts';
import { NO_ROW } from '../../src/kernels/rows.ts';
import { Tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';
import * as oracle from '../oracle/array.ts';
import { expectClose } from '../oracle/compare.ts';
import { normals } from '../oracle/random.ts';

interface Heads {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly alibi: boolean;
}

/** Attention of the last of rows (T, (heads + 2·kvHeads)·headDim) to all of them: (heads·headDim). */
function lastRow(rows: readonly Float64Array[], { heads, kvHeads, headDim }: Heads, slopes: number[]) {
  const T = rows.length;
  const qkv = oracle.array(
    rows.flatMap((row) => [...row]),
    [T, (heads + 2 * kvHeads) * headDim],
  );
  const head = (n: number) => oracle.slice(qkv, 1, n * headDim, (n + 1) * headDim);
  const all = (of: (h: number) => number) =>
    oracle.stack(
      Array.from({ length: heads }, (_, h) => head(of(h))),
      0,
    );
  const kv = (h: number): number => heads + Math.floor((h * kvHeads) / heads);
  const attended = oracle.attention(
    all((h) => h),
    all(kv),
    all((h) => kv(h) + kvHeads),
    {
      causal: true,
      slopes,
    },
  );
  return oracle.slice(attended, 1, T - 1).data;
}

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

describe.each(decodeFamily.variants)('$name', (variant) => {
  test.each<Heads>([
    { heads: 2, kvHeads: 2, headDim: 4, alibi: true },
    { heads: 4, kvHeads: 2, headDim: 8, alibi: false },
    { heads: 3, kvHeads: 1, headDim: 20, alibi: true },
    { heads: 4, kvHeads: 2, headDim: 64, alibi: false },
    { heads: 2, kvHeads: 2, headDim: 96, alibi: true },
    { heads: 4, kvHeads: 2, headDim: 96, alibi: false },
    { heads: 3, kvHeads: 1, headDim: 256, alibi: false },
  ])('$heads heads of $headDim, $kvHeads of keys, slopes $alibi', async (shape) => {
    using _ = device.scope();
    const { heads, kvHeads, headDim, alibi } = shape;
    const columns = (heads + 2 * kvHeads) * headDim;
    const slopeValues = Array.from({ length: heads }, (_, h) => (alibi ? 0.5 ** (h + 1) : 0));
    const slopes = alibi ? Tensor.from(device, slopeValues) : undefined;
    // Two prompts, each with two slots; the second is longer than a block of the wide kernel.
    const [prompts, groupSize, capacity] = [[1, 66], 2, 70] as const;
    let seed = 0;
    const randomRow = (): Float64Array => Float64Array.from(normals(seed++, columns), Math.fround);
    const prompted = prompts.map((length) => Array.from({ length }, randomRow));
    const sequences = prompted.flatMap((rows) => Array.from({ length: groupSize }, () => [...rows]));
    const upload = (rows: readonly Float64Array[]): Tensor =>
      Tensor.from(device, Float32Array.from(rows.flatMap((row) => [...row])), [rows.length, columns]);
    const words = (values: readonly number[]): Tensor => Tensor.from(device, Uint32Array.from(values));

    const [keys, values] = [0, 1].map(() =>
      Tensor.zeros(device, [sequences.length, kvHeads, capacity, headDim]),
    ) as [Tensor, Tensor];
    const caches = { keys: keys.view, values: values.view };
    const places = prompts.flatMap((length, prompt) =>
      Array.from({ length }, (_, position) => [prompt * groupSize, position]),
    );
    const R = places.length;
    const size = { heads, kvHeads, headDim, capacity };
    const prefill = { qkv: upload(prompted.flat()).view, places: words(places.flat()).view, ...caches };
    fillCache(device, prefill, { ...size, R, groupSize });

    // Rows: slot 3, none, slot 0, slot 1, which is finished.
    const rows = words([3, NO_ROW, 0, 1].flatMap((slot) => [slot, 0, 0, 0]));
    const M = 4;
    for (let step = 0; step < 3; step++) {
      const lengths = sequences.map((sequence) => sequence.length);
      const slots = words(lengths.flatMap((length, slot) => [length, 0, Number(slot === 1), 0]));
      const positions = Tensor.empty(device, [M], 'u32');
      slotPositions(device, { slots: slots.view, rows: rows.view, positions: positions.view }, M);
      expect([...(await positions.data())]).toEqual([lengths[3], 0, lengths[0], lengths[1]]);

      const appended = Array.from({ length: M }, randomRow);
      const out = Tensor.from(device, new Float32Array(M * heads * headDim).fill(7), [M, heads * headDim]);
      const views = {
        ...{ qkv: upload(appended).view, slots: slots.view, rows: rows.view, out: out.view },
        ...caches,
        slopes: slopes?.view,
      };
      const options = { shape: { M, ...size }, views };
      if (!variant.fits(device, options)) return;
      launchPlan(device, variant.plan(device, options));
      sequences[3]?.push(appended[0] as Float64Array);
      sequences[0]?.push(appended[2] as Float64Array);
      const expected = [sequences[3], undefined, sequences[0], undefined].flatMap((sequence) =>
        sequence ? [...lastRow(sequence, shape, slopeValues)] : new Array(heads * headDim).fill(7),
      );
      expectClose(await out.data(), expected);
    }

    // The caches hold the keys and values of their slots in order, and nothing of finished ones past the prompt.
    const cached = await keys.data();
    const keyOf = (slot: number, head: number, position: number): number[] => {
      const at = ((slot * kvHeads + head) * capacity + position) * headDim;
      return [...cached.subarray(at, at + headDim)];
    };
    for (let head = 0; head < kvHeads; head++) {
      const own = sequences[3]?.[68]?.subarray((heads + head) * headDim, (heads + head + 1) * headDim);
      expect(keyOf(3, head, 68)).toEqual([...(own ?? [])]);
      expect(keyOf(1, head, 1)).toEqual(new Array(headDim).fill(0));
    }
  });
});
