/** Waiting for a software adapter does not use the CPU that it computes on. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isSoftware } from '../../src/gpu/adapterClass.ts';
import { waitingFor } from '../../src/gpu/waiting.ts';

const info = { vendor: '', architecture: '', device: '', description: '' };
const LAVAPIPE = { ...info, description: 'llvmpipe (LLVM 19.1.7, 256 bits)' } as GPUAdapterInfo;
const HARDWARE = { ...info, description: 'NVIDIA H200' } as GPUAdapterInfo;

/** A device that takes submissions at once, or when `taken` resolves. */
const deviceOf = (
  adapterInfo: GPUAdapterInfo,
  submit = vi.fn(),
  taken: Promise<null> = Promise.resolve(null),
) => ({
  adapterInfo,
  queue: { submit },
  pushErrorScope: () => undefined,
  popErrorScope: () => taken,
});
const waitFor = (adapterInfo: GPUAdapterInfo) => waitingFor(deviceOf(adapterInfo));

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
    await Promise.all(Array.from({ length: 50 }, () => waitFor(LAVAPIPE)(work)));
    const rested = naps.mock.calls.length;
    expect(rested).toBeGreaterThanOrEqual(turns);
    expect(rested).toBeLessThanOrEqual(turns + 2);
    for (let i = 0; i < 20; i++) await turn();
    expect(naps.mock.calls.length).toBeLessThanOrEqual(rested + 1);
  });

  it('one wait after another: still once in a turn', async () => {
    for (let i = 0; i < 50; i++) await waitFor(LAVAPIPE)(turn());
    expect(naps.mock.calls.length).toBeLessThanOrEqual(52);
  });

  it('does not rest for a hardware adapter', async () => {
    await waitFor(HARDWARE)(turn());
    expect(naps).not.toHaveBeenCalled();
  });

  it('passes on what becomes of the work', async () => {
    await expect(waitFor(LAVAPIPE)(Promise.resolve(7))).resolves.toBe(7);
    await expect(waitFor(LAVAPIPE)(Promise.reject(new Error('lost')))).rejects.toThrow('lost');
  });
});

describe('waitingFor in a browser', () => {
  const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0';
  const CHROME =
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';
  const WASM = { ...info, vendor: 'mathformer', architecture: 'wasm' } as GPUAdapterInfo;
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  /** Return the number of empty submissions while two waits last 50 ms, and in the 50 ms after them. */
  async function submissions(userAgent: string, adapterInfo: GPUAdapterInfo): Promise<[number, number]> {
    vi.useFakeTimers();
    vi.stubGlobal('navigator', { userAgent });
    const submit = vi.fn();
    const wait = waitingFor(deviceOf(adapterInfo, submit));
    const work = () => new Promise((resolve) => setTimeout(resolve, 50, 7));
    const waits = Promise.all([wait(work()), wait(work())]);
    await vi.advanceTimersByTimeAsync(50);
    expect(await waits).toEqual([7, 7]);
    const during = submit.mock.calls.length;
    await vi.advanceTimersByTimeAsync(50);
    for (const call of submit.mock.calls) expect(call).toEqual([[]]);
    return [during, submit.mock.calls.length - during];
  }

  it.each([
    ['hardware', HARDWARE],
    ['software', LAVAPIPE],
  ])(
    'submits nothing in Firefox every millisecond, since it looks for finished work then: %s',
    async (_, adapter) => {
      const [during, after] = await submissions(FIREFOX, adapter);
      expect(during).toBeGreaterThanOrEqual(48);
      expect(during).toBeLessThanOrEqual(50);
      expect(after).toBe(0);
    },
  );

  it('submits nothing a second time when Firefox has taken the first one', async () => {
    vi.useFakeTimers();
    vi.stubGlobal('navigator', { userAgent: FIREFOX });
    const submit = vi.fn();
    let take = (): void => {};
    const taken = new Promise<null>((resolve) => {
      take = () => resolve(null);
    });
    const wait = waitingFor(deviceOf(LAVAPIPE, submit, taken));
    const work = wait(new Promise((resolve) => setTimeout(resolve, 100)));
    await vi.advanceTimersByTimeAsync(50);
    expect(submit).toHaveBeenCalledTimes(1);
    take();
    await vi.advanceTimersByTimeAsync(10);
    expect(submit.mock.calls.length).toBeGreaterThan(5);
    await vi.advanceTimersByTimeAsync(40);
    await work;
  });

  it.each([
    ['Chrome', CHROME, HARDWARE],
    ['the WebAssembly adapter', FIREFOX, WASM],
  ])('submits nothing for %s', async (_, userAgent, adapterInfo) => {
    expect(await submissions(userAgent, adapterInfo)).toEqual([0, 0]);
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
