/** Parameters: tensors of any size in one arena, each with its gradient. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import {
  AdamW,
  add,
  backward,
  clipGradNorm,
  clipGradValue,
  mul,
  type Optimizer,
  ones,
  Parameters,
  SGD,
  type Shape,
  square,
  sum,
} from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';
import { normals } from '../oracle/random.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

test('of any size, none and one included, in any order', async () => {
  const sizes = [64, 0, 1, 3, 0, 65, 128, 0];
  const shapes = sizes.map((size, i): [string, Shape] => [`p${i}`, [size]]);
  const parameters = new Parameters(device, new Map([...shapes, ['scalar', []]]));
  expect(parameters.count()).toBe(sizes.reduce((total, size) => total + size, 1));
  const tensors = [...parameters.entries()].map(([, tensor]) => tensor);
  for (const [i, tensor] of tensors.entries()) tensor.set(normals(i, tensor.size));
  backward(tensors.map((tensor) => sum(square(tensor))).reduce(add));
  for (const [i, tensor] of tensors.entries()) {
    expect(await tensor.data()).toEqual(normals(i, tensor.size));
    expect(await tensor.grad?.data()).toEqual(normals(i, tensor.size).map((value) => 2 * value));
    expect((await sum(mul(tensor, tensor)).data()).length).toBe(1);
  }
  const optimizer = new AdamW(parameters);
  optimizer.step(0.1);
  for (const [i, tensor] of tensors.entries()) {
    const moved = (await tensor.data()).map((value, j) =>
      Math.abs(value - (normals(i, tensor.size)[j] ?? 0)),
    );
    expect(moved.every((distance) => Math.abs(distance - 0.1) < 1e-4)).toBe(true);
  }
});

test('what lies behind a short gradient does not count in its norm', async () => {
  // Fresh memory is full of NaN, and bindings are longer than three values.
  const poisoned = await openDevice({ debug: true });
  const shapes: [string, Shape][] = [1, 2, 3].map((size) => [`p${size}`, [size]]);
  const parameters = new Parameters(poisoned, new Map(shapes));
  for (const [, tensor] of parameters.entries()) tensor.set(ones(poisoned, tensor.shape));
  backward([...parameters.entries()].map(([, tensor]) => sum(square(tensor))).reduce(add));
  const optimizer = new AdamW(parameters);
  optimizer.step(0.1);
  expect(await optimizer.report()).toMatchObject({ gradNorm: Math.fround(Math.sqrt(24)), skipped: 0 });
  const arena = await parameters.data();
  expect(arena.every(Number.isFinite)).toBe(true);
  poisoned.destroy();
});

/** Optimisers by their name in tests. */
const OPTIMIZERS: [string, (parameters: Parameters) => Optimizer][] = [
  ['AdamW', (parameters) => new AdamW(parameters, { weightDecay: 0.1, gradClip: 1 })],
  ['SGD', (parameters) => new SGD(parameters, { momentum: 0.9, gradClip: 1 })],
  ['plain SGD', (parameters) => new SGD(parameters)],
];

describe('where a binding ends before the parameters', () => {
  // Parts of the sum of squares are 64 values long: arenas end inside of them, too.
  const sizes = [64, 100, 700, 3, 256, 900, 1, 512, 1024, 64];
  const shapes = new Map(sizes.map((size, i): [string, Shape] => [`p${i}`, [size]]));
  const open = (bytes: number) => openDevice({ limits: { maxStorageBufferBindingSize: bytes } });

  test.each(OPTIMIZERS)('%s over several arenas has the bits of one', async (_, create) => {
    const run = async (on: Device) => {
      using _ = on.scope();
      const parameters = new Parameters(on, shapes);
      const optimizer = create(parameters);
      for (let step = 0; step < 4; step++) {
        parameters.zeroGrad();
        for (const [i, [, { grad, size }]] of [...parameters.entries()].entries()) {
          grad?.set(normals(10 * step + i, size).fill(step === 2 ? Number.NaN : 0.25, 0, 1));
        }
        if (step === 3) clipGradValue(parameters, 1.5);
        const norm = await clipGradNorm(parameters, 20).data();
        if (step === 1) expect([...norm]).not.toEqual([0]);
        optimizer.step(0.1);
      }
      const found = { ...(await optimizer.stateDict()), report: await optimizer.report() };
      return {
        arenas: parameters.arenas.length,
        ...found,
        data: await parameters.data(),
        parameters,
        optimizer,
      };
    };
    const split = await open(4096);
    const [several, one] = [await run(split), await run(device)];
    expect([several.arenas > 3, one.arenas]).toEqual([true, 1]);
    for (const key of ['steps', 'report', 'data', 'values'] as const) expect(several[key]).toEqual(one[key]);
    expect(several.report).toMatchObject({ skipped: 1, skippedInARow: 0 });
    // The state of one is the state of the other.
    const { steps, values } = one;
    several.optimizer.loadStateDict({ steps, values });
    several.parameters.set(one.data);
    for (const { optimizer } of [several, one]) optimizer.step(0.1);
    expect(await several.parameters.data()).toEqual(await one.parameters.data());
    split.destroy();
  });

  test('a copy and a parameter at a time', async () => {
    const split = await open(4096);
    const [parameters, copy] = [new Parameters(split, shapes), new Parameters(split, shapes)];
    for (const [i, [, tensor]] of [...parameters.entries()].entries()) tensor.set(normals(i, tensor.size));
    const before = copy.version;
    copy.copyFrom(parameters);
    expect(copy.version).not.toBe(before);
    const data = await copy.data();
    expect(data.length).toBe(parameters.size);
    for (const [i, [name, tensor]] of [...copy.entries()].entries()) {
      expect(await tensor.data()).toEqual(normals(i, tensor.size));
      const start = copy.offsetOf(name);
      expect(data.slice(start, start + tensor.size)).toEqual(normals(i, tensor.size));
    }
    split.destroy();
  });

  test('a parameter that no binding holds is named', async () => {
    const split = await open(4096);
    expect(() => new Parameters(split, new Map([['wide', [2, 513]]]))).toThrow(
      /parameter 'wide' \(2,513\) has 4352 bytes; a binding of this adapter ends at 4096/,
    );
    split.destroy();
  });
});

test('none at all', () => {
  expect(new Parameters(device, new Map()).count()).toBe(0);
});
