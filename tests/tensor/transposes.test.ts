/** Transposed weights: computed together, only after a change, with the values that each has alone. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { ATTENTION_TILE_ROWS } from '../../src/kernels/attention/index.ts';
import { defaultsOf } from '../../src/kernels/defaults.ts';
import { modelConfig } from '../../src/model/config.ts';
import { Transformer } from '../../src/model/transformer.ts';
import {
  AdamW,
  backward,
  capture,
  linear,
  noGrad,
  Parameters,
  type Scalar,
  sum,
  Tensor,
  tilesOf,
} from '../../src/tensor/index.ts';
import { transposedWeight } from '../../src/tensor/transposes.ts';
import { isInterpreted, openDevice, randomCases } from '../device.ts';
import { normals } from '../oracle/random.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const dispatchesOf = (body: () => void, on = device): number => {
  const before = on.counters().dispatches;
  body();
  return on.counters().dispatches - before;
};

/** Return xᵀ (K, N rounded up to a multiple of 4) of each (N,K) in x. */
function transposed(x: Float32Array, [N, K]: readonly [number, number]): number[] {
  const width = Math.ceil(N / 4) * 4;
  const groups = x.length / (N * K);
  return Array.from({ length: groups * K * width }, (_, i) => {
    const [group, k, n] = [Math.floor(i / (K * width)), Math.floor(i / width) % K, i % width];
    return n < N ? (x[(group * N + n) * K + k] ?? Number.NaN) : 0;
  });
}

test('all declared weights are transposed at the first use of one, those of experts too', async () => {
  const size = fc.integer({ min: 1, max: isInterpreted ? 12 : 40 });
  const shape = fc.tuple(fc.integer({ min: 0, max: 3 }), size, fc.integer({ min: 1, max: 12 }));
  await fc.assert(
    fc.asyncProperty(fc.array(shape, { minLength: 1, maxLength: 6 }), fc.nat(5), async (sizes, used) => {
      const shapes = sizes.map(([experts, N, quarter]) =>
        experts === 0 ? [N, 4 * quarter] : [experts, N, 4 * quarter],
      );
      const names = shapes.map((_, i) => `w${i}`);
      const all = new Map([
        ...names.map((name, i) => [name, shapes[i] ?? []] as const),
        ['other', [3, 8]] as const,
      ]);
      const parameters = new Parameters(device, all, { weights: names });
      const data = normals(sizes.length, parameters.size);
      parameters.set(data);
      const first = parameters.get(names[used % names.length] ?? '');
      expect(dispatchesOf(() => transposedWeight(first))).toBe(1);
      const views = names.map((name) => transposedWeight(parameters.get(name)));
      expect(dispatchesOf(() => names.map((name) => transposedWeight(parameters.get(name))))).toBe(0);
      const values = await Promise.all(views.map((view) => device.read(view)));
      for (const [i, name] of names.entries()) {
        const { shape, size } = parameters.get(name);
        const [N = 1, K = 1] = shape.slice(-2);
        const offset = parameters.offsetOf(name);
        const expected = transposed(data.slice(offset, offset + size), [N, K]);
        expect([...new Float32Array(values[i] ?? new ArrayBuffer())]).toEqual(expected);
      }
      parameters.dispose();
    }),
    { numRuns: randomCases(20) },
  );
});

describe('of a model', () => {
  const config = modelConfig('tiny', { vocabSize: 57 });
  const tokens = () =>
    Tensor.from(
      device,
      Uint32Array.from({ length: 32 }, (_, i) => i),
    );
  const forward = (model: Transformer): Tensor => {
    const tiles = Tensor.from(device, Uint32Array.from(tilesOf([32], ATTENTION_TILE_ROWS)));
    return model.logits(model.hidden(tokens(), { rows: 32, tiles: () => tiles }));
  };

  test('they are transposed once after each change', () => {
    using _ = device.scope();
    const model = Transformer.create(device, config, 1);
    const copy = model.clone();
    const run = (of: Transformer): number => dispatchesOf(() => noGrad(() => forward(of)));
    const once = run(model);
    const without = run(model);
    const transposes = defaultsOf(device).products === 'tile' ? 0 : 1;
    expect(once - without).toBe(transposes);
    expect(run(model)).toBe(without);
    const changes: (() => void)[] = [
      () => new AdamW(model.parameters).step(0.1),
      () => model.parameters.copyFrom(copy.parameters),
      () => model.parameters.set(new Float32Array(model.parameters.size)),
      () => model.parameters.get('out_proj.weight').set(new Float32Array(57 * config.dModel)),
    ];
    for (const change of changes) {
      change();
      expect(run(model)).toBe(without + transposes);
      expect(run(model)).toBe(without);
    }
    // The copy has its own.
    expect(run(copy)).toBe(without + transposes);
    expect(run(copy)).toBe(without);
    model.dispose();
    copy.dispose();
  });

  test('a recording uses the values of its replay, whoever changed them', async () => {
    using _ = device.scope();
    const model = Transformer.create(device, config, 1);
    const optimizer = new AdamW(model.parameters);
    const step = (replay: boolean) =>
      capture(
        device,
        (lr: Scalar) => {
          model.parameters.zeroGrad();
          const before = forward(model);
          backward(sum(before));
          optimizer.step(lr);
          return [before.detach(), noGrad(() => forward(model))];
        },
        { replay },
      );
    using recorded = step(true);
    const [start, fresh] = [await model.parameters.data(), await optimizer.stateDict()];
    const change = (): void => model.parameters.get('out_proj.weight').set(normals(3, 57 * config.dModel));
    const course = async (run: (lr: number) => readonly Tensor[]): Promise<number[][]> => {
      model.parameters.set(start);
      optimizer.loadStateDict(fresh);
      const seen: number[][] = [];
      for (let i = 0; i < 4; i++) {
        if (i === 2) change();
        for (const logits of run(0.01)) seen.push([...(await logits.data())]);
      }
      return seen;
    };
    using eager = step(false);
    expect(await course((lr) => recorded(lr))).toEqual(await course((lr) => eager(lr)));
    optimizer.dispose();
    model.dispose();
  });

  test('they are freed with the model', () => {
    const held = () => device.memory().holders['transposed weights'] ?? 0;
    const before = held();
    const model = Transformer.create(device, config, 1);
    {
      using _ = device.scope();
      noGrad(() => forward(model));
    }
    if (defaultsOf(device).products !== 'tile') expect(held()).toBeGreaterThan(before);
    model.dispose();
    expect(held()).toBe(before);
  });
});

test('weights of several arenas, and transposes larger than a binding', async () => {
  const small = await openDevice({ limits: { maxStorageBufferBindingSize: 4096 } });
  // Each has 3 rows, which 4 columns of the transpose stand for.
  const shapes = new Map(Array.from({ length: 5 }, (_, i) => [`w${i}`, [3, 84]] as const));
  const parameters = new Parameters(small, shapes, { weights: [...shapes.keys()] });
  const data = normals(1, parameters.size);
  parameters.set(data);
  for (const [name, weight] of parameters.entries()) {
    const offset = parameters.offsetOf(name);
    const values = await small.read(transposedWeight(weight));
    expect([...new Float32Array(values)]).toEqual(transposed(data.slice(offset, offset + 252), [3, 84]));
  }
  small.destroy();
});

test('a weight that was not declared is transposed alone', () => {
  using _ = device.scope();
  const parameters = new Parameters(
    device,
    new Map([
      ['a', [4, 8]],
      ['b', [4, 8]],
    ]),
    { weights: ['a'] },
  );
  const x = Tensor.zeros(device, [2, 8]);
  const transposes = defaultsOf(device).products === 'tile' ? 0 : 1;
  for (const name of ['a', 'b']) {
    expect(dispatchesOf(() => linear(x, parameters.get(name)))).toBe(1 + transposes);
    expect(dispatchesOf(() => linear(x, parameters.get(name)))).toBe(1);
  }
  expect(() => new Parameters(device, new Map([['a', [4, 8]]]), { weights: ['c'] })).toThrow(
    /no parameter 'c'/,
  );
  parameters.dispose();
});
