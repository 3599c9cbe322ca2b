/** The loop length that a device prefers: measured without an error, or set by an option. */
import { expect, test } from 'vitest';
import { requestDevice } from '../../src/gpu/deviceOptions.ts';
import { isFaster, prefersShortLoops } from '../../src/gpu/loopLength.ts';
import { openAdapter } from '../../src/gpu/node.ts';
import { chosenVariant } from '../../src/gpu/variants.ts';
import { canBroadcast } from '../../src/kernels/matmul/broadcast.ts';
import { matmulFamily } from '../../src/kernels/matmul/index.ts';
import { openDevice } from '../device.ts';

/** Return the given times one after another, then the last one for ever. */
const telling = (...times: readonly number[]) => {
  let calls = 0;
  return async (): Promise<number> => times[Math.min(calls++, times.length - 1)] as number;
};
const slowFor = (calls: number, slow: number, then: number) => telling(...Array(calls).fill(slow), then);

test.each([
  ['short loops are faster', telling(1), telling(1.3), true],
  ['long ones are', telling(1.3), telling(1), false],
  ['both are equal, but for noise', telling(0.99), telling(1), false],
  ['something disturbs the short ones at first', slowFor(20, 1.6, 1.2), telling(1.5), true],
  ['it disturbs both', slowFor(20, 1.9, 1.2), slowFor(20, 1.8, 1.5), true],
  ['it disturbs the long ones all but once', telling(1), slowFor(15, 3, 1), false],
])('is decided when %s', async (_, short, long, preferred) => {
  expect(await isFaster(short, long)).toBe(preferred);
});

test('measuring makes no error', async () => {
  const { adapter } = await openAdapter();
  const gpu = await requestDevice(adapter, {});
  const errors: string[] = [];
  gpu.onuncapturederror = ({ error }) => errors.push(error.message);
  expect(typeof (await prefersShortLoops(gpu))).toBe('boolean');
  await gpu.queue.onSubmittedWorkDone();
  expect(errors).toEqual([]);
  gpu.destroy();
});

test.each([true, false])('a device that is told shortLoops: %s takes them', async (shortLoops) => {
  const device = await openDevice({ shortLoops });
  using _ = device.scope();
  const view = device.allocate(64 * 64 * 4);
  const { name } = chosenVariant(device, matmulFamily, { a: view, b: view, c: view, M: 64, N: 64, K: 64 });
  expect(device.shortLoops).toBe(shortLoops);
  // Wide subgroups are those of GPUs, which have other kernels.
  if (canBroadcast(device) && device.subgroupSize <= 16) {
    expect(name).toBe(shortLoops ? 'broadcast 32×2×1' : 'broadcast 32×2×2');
  }
  device.destroy();
});

test('portable kernels have loops of one length', async () => {
  const device = await openDevice({ portableKernels: true });
  expect(device.shortLoops).toBe(false);
  device.destroy();
});
