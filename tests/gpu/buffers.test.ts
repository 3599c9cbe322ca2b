/** The pool of buffers: size classes, scopes, reuse and accounting. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GpuError } from '../../src/base/errors.ts';
import { type BufferView, sizeClass } from '../../src/gpu/buffers.ts';
import type { Device } from '../../src/gpu/device.ts';
import { openDevice } from '../device.ts';
import { seeded } from '../oracle/random.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

describe('size classes', () => {
  test('hold what they are for, waste little, and hold themselves', () => {
    const property = fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (bytes) => {
      const capacity = sizeClass(bytes);
      expect(capacity).toBeGreaterThanOrEqual(Math.max(256, bytes));
      if (bytes > 65_536) expect(capacity).toBeLessThanOrEqual(bytes * 1.125);
      else if (bytes > 256) expect(capacity).toBeLessThan(2 * bytes);
      expect(sizeClass(capacity)).toBe(capacity);
      expect(capacity % 256).toBe(0);
    });
    fc.assert(property, { ...seeded, numRuns: 500 });
  });

  test('are few', () => {
    const classes = new Set(Array.from({ length: 20_000 }, (_, i) => sizeClass(i * 997)));
    expect(classes.size).toBeLessThan(80);
  });
});

describe('scopes', () => {
  test('release what was allocated inside, but for what is kept', () => {
    const before = device.memory();
    let kept: BufferView;
    {
      using outer = device.scope();
      const a = device.allocate(1000);
      {
        using inner = device.scope();
        const [b, c] = [device.allocate(1000), device.allocate(1000)];
        inner.keep(c);
        kept = c;
        expect(device.memory().liveBuffers).toBe(before.liveBuffers + 3);
        expect([a, b, c].every(({ buffer }) => !buffer.released)).toBe(true);
      }
      expect([a.buffer.released, kept.buffer.released]).toEqual([false, false]);
      expect(device.memory().liveBuffers).toBe(before.liveBuffers + 2);
      // What the inner scope kept now belongs to the outer one.
      outer.keep(kept);
    }
    expect(device.memory().liveBuffers).toBe(before.liveBuffers + 1);
    expect(kept.buffer.released).toBe(false);
    device.release(kept);
    expect(device.memory().liveBytes).toBe(before.liveBytes);
  });

  test('what is kept for the enclosing scope is released with it', () => {
    const before = device.memory().liveBuffers;
    {
      using _ = device.scope();
      {
        using inner = device.scope();
        inner.keep(device.allocate(10));
      }
      expect(device.memory().liveBuffers).toBe(before + 1);
    }
    expect(device.memory().liveBuffers).toBe(before);
  });

  test('persistent buffers belong to none', () => {
    let persistent: BufferView;
    {
      using _ = device.scope();
      persistent = device.allocatePersistent(100);
    }
    expect(persistent.buffer.released).toBe(false);
    device.release(persistent);
  });

  test('are left on errors too, and closing twice is harmless', () => {
    const before = device.memory().liveBuffers;
    expect(() => {
      using _ = device.scope();
      device.allocate(10);
      throw new Error('inside');
    }).toThrow('inside');
    expect(device.memory().liveBuffers).toBe(before);
    const scope = device.scope();
    scope[Symbol.dispose]();
    const outside = device.allocate(10);
    scope[Symbol.dispose]();
    expect(outside.buffer.released).toBe(false);
    device.release(outside);
  });
});

describe('reuse', () => {
  test('the same code gets the same buffers again, in the same order', () => {
    const round = () => {
      using _ = device.scope();
      return [100, 5000, 100, 100, 70_000].map((bytes) => device.allocate(bytes).buffer.id);
    };
    const first = round();
    expect(round()).toEqual(first);
    expect(new Set(first).size).toBe(5);
  });

  test('releasing twice does not take memory from its next owner', () => {
    const a = device.allocate(12_345);
    device.release(a);
    const b = device.allocate(12_345);
    expect([b.buffer.id, a.buffer.released]).toEqual([a.buffer.id, true]);
    device.release(a);
    expect(b.buffer.released).toBe(false);
    const c = device.allocate(12_345);
    expect(c.buffer.id).not.toBe(b.buffer.id);
    device.release(b);
    device.release(c);
  });

  test('any sequence of allocations and releases keeps the books straight', () => {
    const actions = fc.array(
      fc.record({ bytes: fc.integer({ min: 0, max: 300_000 }), release: fc.nat({ max: 20 }) }),
      { maxLength: 60 },
    );
    const property = fc.property(actions, (steps) => {
      const start = device.memory();
      const held: BufferView[] = [];
      for (const { bytes, release } of steps) {
        const view = device.allocate(bytes);
        expect(view.bytes).toBeGreaterThanOrEqual(Math.max(16, bytes));
        expect(view.bytes).toBeLessThanOrEqual(view.buffer.bytes);
        expect(view.bytes % 4).toBe(0);
        expect(held.some(({ buffer }) => buffer.gpu === view.buffer.gpu)).toBe(false);
        held.push(view);
        if (release < held.length) device.release(held.splice(release, 1)[0] as BufferView);
        const { liveBytes, liveBuffers, peakBytes } = device.memory();
        expect(liveBuffers - start.liveBuffers).toBe(held.length);
        expect(liveBytes - start.liveBytes).toBe(held.reduce((sum, { buffer }) => sum + buffer.bytes, 0));
        expect(peakBytes).toBeGreaterThanOrEqual(liveBytes);
      }
      for (const view of held) device.release(view);
      expect(device.memory().liveBytes).toBe(start.liveBytes);
    });
    fc.assert(property, { ...seeded, numRuns: 30 });
  });
});

test('more than an adapter can bind is refused with its limit', () => {
  const limit = device.gpu.limits.maxStorageBufferBindingSize;
  const allocate = () => device.allocate(limit + 4);
  expect(allocate).toThrow(GpuError);
  expect(allocate).toThrow(new RegExp(`${limit + 4} bytes exceeds this adapter's limit of ${limit}`));
  expect(allocate).toThrow(expect.objectContaining({ code: 'OUT_OF_MEMORY' }));
});
