/** Recordings repeat the same commands, need little memory, and never write to other buffers. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BufferView } from '../../src/gpu/buffers.ts';
import type { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { openDevice } from '../device.ts';
import { seeded } from '../oracle/random.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const kernel = defineKernel({
  name: 'scaled sum',
  params: { s: 'f32' },
  reads: { a: 'array<f32>', b: 'array<f32>' },
  writes: { y: 'array<f32>' },
  code: '@compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { y[i] = a[i] + params.s * b[i]; }',
});
const scaledSum = (a: BufferView, b: BufferView, y: BufferView, s: number | (() => number)): void =>
  device.launch(kernel, { a, b, y }, { s }, [1]);

function upload(values: readonly number[]): BufferView {
  const view = device.allocate(values.length * 4);
  device.upload(view, Float32Array.from(values));
  return view;
}
const read = async (view: BufferView): Promise<number[]> => [
  ...new Float32Array(await device.read(view)).slice(0, 4),
];

describe('a recording', () => {
  test('uploads, clears and copies again in every replay', async () => {
    using _ = device.scope();
    const [total, copy] = [upload([1, 1, 1, 1]), upload([0, 0, 0, 0])];
    using recording = device.record(() => {
      const constant = upload([1, 2, 3, 4]);
      const zero = device.allocate(16);
      device.clear(zero);
      const sum = device.allocate(16);
      scaledSum(total, constant, sum, 1);
      device.copy(sum, total, 16);
      scaledSum(zero, sum, copy, 2);
      // The next user of its memory, or of the constant's, must not change what the next replay reads.
      const garbage = device.allocate(16);
      scaledSum(copy, copy, garbage, 7);
    });
    expect(await read(total)).toEqual([1, 1, 1, 1]);
    for (let i = 1; i <= 3; i++) {
      recording.replay();
      expect(await read(total)).toEqual([1 + i, 1 + 2 * i, 1 + 3 * i, 1 + 4 * i]);
      expect(await read(copy)).toEqual([2 + 2 * i, 2 + 4 * i, 2 + 6 * i, 2 + 8 * i]);
    }
  });

  test('asks for parameters that are functions in every replay, several to a batch', async () => {
    using _ = device.scope();
    const [one, y] = [upload([1, 1, 1, 1]), upload([0, 0, 0, 0])];
    let steps = 0;
    using recording = device.record(() => {
      let step = 0;
      device.onRun(() => {
        steps += 1;
        step = steps;
      });
      const next = device.allocate(16);
      scaledSum(y, one, next, () => 10 ** step);
      device.copy(next, y, 16);
    });
    for (let i = 0; i < 4; i++) recording.replay();
    expect(await read(y)).toEqual(new Array(4).fill(11_110));
    expect(steps).toBe(4);
  });

  test('of more parameters that are functions than fit one batch', async () => {
    using _ = device.scope();
    const names = Array.from({ length: 4000 }, (_unused, i) => `p${i}`);
    const many = defineKernel({
      name: 'many parameters',
      params: Object.fromEntries(names.map((name) => [name, 'f32' as const])),
      reads: {},
      writes: { y: 'array<f32>' },
      code: '@compute @workgroup_size(1) fn main() { y[0] += params.p0 + params.p3999; }',
    });
    const y = upload([0, 0, 0, 0]);
    let value = 0;
    const params = Object.fromEntries(names.map((name) => [name, () => value]));
    using recording = device.record(() => {
      for (let i = 0; i < 70; i++) device.launch(many, { y }, params, [1]);
    });
    for (value = 1; value <= 3; value++) recording.replay();
    expect(await read(y)).toEqual([2 * 70 * (1 + 2 + 3), 0, 0, 0]);
  });

  test('returns tensors with memory of their own', async () => {
    using _ = device.scope();
    const x = upload([1, 2, 3, 4]);
    let out: BufferView | undefined;
    using first = device.record(() => {
      out = device.allocate(16);
      scaledSum(x, x, out, 1);
      return [out];
    });
    using second = device.record(() => {
      let y = x;
      for (let i = 0; i < 6; i++) {
        const z = device.allocate(16);
        scaledSum(y, y, z, 0.5);
        y = z;
      }
    });
    first.replay();
    second.replay();
    upload([9, 9, 9, 9]);
    expect(await read(out as BufferView)).toEqual([2, 4, 6, 8]);
  });

  test('a chain of any length needs two buffers, shared by all recordings', () => {
    using _ = device.scope();
    const x = upload([1, 2, 3, 4]);
    const chain = (length: number) =>
      device.record(() => {
        let y = x;
        for (let i = 0; i < length; i++) {
          const z = device.allocate(16);
          scaledSum(y, y, z, 1);
          y = z;
        }
      });
    const before = device.memory().liveBytes;
    using _long = chain(100);
    const grown = device.memory().liveBytes;
    expect(grown - before).toBe(2 * 256);
    using _other = chain(50);
    expect(device.memory().liveBytes).toBe(grown);
    expect(device.memory().holders.recordings).toBe(2 * 256);
  });

  test('computes what the same commands compute at once, however lives of buffers overlap', async () => {
    // Each step sums two earlier buffers into a new one; releases in between are free to come in any order.
    const programs = fc.array(
      fc.record({ a: fc.nat(), b: fc.nat(), release: fc.option(fc.nat(), { nil: undefined }) }),
      { minLength: 1, maxLength: 40 },
    );
    const property = fc.asyncProperty(programs, async (program) => {
      using _ = device.scope();
      const x = upload([1, -2, 0.5, 3]);
      const run = (): BufferView => {
        const live = [x];
        for (const { a, b, release } of program) {
          const y = device.allocate(16);
          scaledSum(live[a % live.length] as BufferView, live[b % live.length] as BufferView, y, -0.5);
          live.push(y);
          // Neither the input nor the latest result.
          const at = release === undefined ? 0 : release % (live.length - 1);
          if (at > 0) device.release(live.splice(at, 1)[0] as BufferView);
        }
        return live.at(-1) as BufferView;
      };
      let out: BufferView | undefined;
      using recording = device.record(() => {
        out = run();
        return [out];
      });
      recording.replay();
      recording.replay();
      expect(await read(out as BufferView)).toEqual(await read(run()));
    });
    await fc.assert(property, { ...seeded, numRuns: 60 });
  });

  test('of no launches replays nothing', () => {
    using recording = device.record(() => {});
    expect(recording.dispatches).toBe(0);
    recording.replay();
  });
});

describe('memory', () => {
  test('of outputs ends with the recording: using them, or replaying, is refused', async () => {
    using _ = device.scope();
    const x = upload([1, 2, 3, 4]);
    const double = (from: BufferView): BufferView => {
      const to = device.allocate(16);
      scaledSum(from, from, to, 1);
      return to;
    };
    let out: BufferView | undefined;
    const first = device.record(() => {
      out = double(x);
      return [out];
    });
    first.replay();
    using second = device.record(() => [double(out as BufferView)]);
    second.replay();
    first[Symbol.dispose]();
    const refused = { code: 'USE_AFTER_FREE' };
    await expect(device.read(out as BufferView)).rejects.toMatchObject(refused);
    expect(() => first.replay()).toThrow(expect.objectContaining(refused));
    expect(() => second.replay()).toThrow(expect.objectContaining(refused));
    upload([9, 9, 9, 9]);
    device.emptyCache();
    expect(await read(x)).toEqual([1, 2, 3, 4]);
  });

  test('comes back when there is not enough of it', async () => {
    const small = await openDevice({ memoryLimit: 1 << 20 });
    const before = small.memory().liveBytes;
    const record = () =>
      small.record(() => {
        const views = Array.from({ length: 20 }, () => small.allocate(100_000));
        for (const view of views) small.clear(view);
        for (const view of views) small.clear(view);
        return [views[0] as BufferView];
      });
    expect(record).toThrow(expect.objectContaining({ code: 'OUT_OF_MEMORY' }));
    expect(small.memory().liveBytes).toBe(before);
    small.destroy();
  });

  test('comes back when the recording is disposed of', () => {
    using _ = device.scope();
    const x = upload([1, 2, 3, 4]);
    const before = device.memory().liveBytes;
    const recording = device.record(() => {
      const [y, out] = [device.allocate(16), device.allocate(16)];
      scaledSum(x, x, y, 1);
      scaledSum(y, y, out, 1);
      return [out];
    });
    expect(device.memory().liveBytes).toBe(before + 2 * 256);
    recording[Symbol.dispose]();
    recording[Symbol.dispose]();
    expect(device.memory().liveBytes).toBe(before);
  });

  test('of something that persists is allocated outside', async () => {
    using _ = device.scope();
    const x = upload([1, 2, 3, 4]);
    let kept: BufferView | undefined;
    using recording = device.record(() => {
      kept = device.allocatePersistent(16, 'kept');
      scaledSum(x, x, kept, 1);
    });
    expect(device.memory().holders.kept).toBe(256);
    recording.replay();
    expect(await read(kept as BufferView)).toEqual([2, 4, 6, 8]);
    device.release(kept as BufferView);
    expect(() => recording.replay()).toThrow(expect.objectContaining({ code: 'USE_AFTER_FREE' }));
  });
});

test('recordings do not nest, and the device works on after a refusal or an error', async () => {
  using _ = device.scope();
  const x = upload([1, 2, 3, 4]);
  const before = device.memory().liveBuffers;
  const nested = () => {
    device.record(() => {});
  };
  expect(() => device.record(nested)).toThrow(expect.objectContaining({ code: 'NOT_RECORDABLE' }));
  const failing = () => {
    device.allocate(16);
    throw new Error('mine');
  };
  expect(() => device.record(failing)).toThrow('mine');
  expect(device.memory().liveBuffers).toBe(before);
  const y = upload([0, 0, 0, 0]);
  scaledSum(x, x, y, 1);
  expect(await read(y)).toEqual([2, 4, 6, 8]);
});
