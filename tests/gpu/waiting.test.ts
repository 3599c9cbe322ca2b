/** Waiting for a software adapter does not use the CPU that it computes on. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { isSoftware } from '../../src/gpu/adapterClass.ts';
import { waitingFor } from '../../src/gpu/waiting.ts';

const info = { vendor: '', architecture: '', device: '', description: '' };
const LAVAPIPE = { ...info, description: 'llvmpipe (LLVM 19.1.7, 256 bits)' } as GPUAdapterInfo;
const HARDWARE = { ...info, description: 'NVIDIA H200' } as GPUAdapterInfo;

const turn = () => new Promise((resolve) => setImmediate(resolve));
const naps = vi.spyOn(Atomics, 'wait');
beforeEach(() => {
  naps.mockClear();
});

describe('waitingFor', () => {
  it('rests once in every turn of the event loop while a software adapter works, and not after', async () => {
    const turns = 20;
    const work = (async () => {
      for (let i = 0; i < turns; i++) await turn();
    })();
    // However many wait.
    await Promise.all(Array.from({ length: 50 }, () => waitingFor(LAVAPIPE)(work)));
    const rested = naps.mock.calls.length;
    expect(rested).toBeGreaterThanOrEqual(turns);
    expect(rested).toBeLessThanOrEqual(turns + 2);
    for (let i = 0; i < 20; i++) await turn();
    expect(naps.mock.calls.length).toBeLessThanOrEqual(rested + 1);
  });

  it('one wait after another: still once in a turn', async () => {
    for (let i = 0; i < 50; i++) await waitingFor(LAVAPIPE)(turn());
    expect(naps.mock.calls.length).toBeLessThanOrEqual(52);
  });

  it('does not rest for a hardware adapter', async () => {
    await waitingFor(HARDWARE)(turn());
    expect(naps).not.toHaveBeenCalled();
  });

  it('passes on what becomes of the work', async () => {
    await expect(waitingFor(LAVAPIPE)(Promise.resolve(7))).resolves.toBe(7);
    await expect(waitingFor(LAVAPIPE)(Promise.reject(new Error('lost')))).rejects.toThrow('lost');
  });
});

describe('isSoftware', () => {
  const info = { vendor: '', architecture: '', device: '', description: '', isFallbackAdapter: false };
  it.each([
    ['llvmpipe: Mesa 25.0.7-2 (LLVM 15.0.6)', true],
    ['SwiftShader driver 5.0.0', true],
    ['Microsoft Basic Render Driver', true],
    ['NVIDIA: 580.159.04', false],
    ['Apple M1 Max', false],
  ])('%s: %s', (description, software) => {
    expect(isSoftware({ ...info, description } as GPUAdapterInfo)).toBe(software);
  });
});
