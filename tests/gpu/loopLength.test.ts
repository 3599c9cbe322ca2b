/** Which loops a device takes: measured without an error, or as it is told. */
import { expect, test } from 'vitest';
import { requestDevice } from '../../src/gpu/deviceOptions.ts';
import { prefersShortLoops } from '../../src/gpu/loopLength.ts';
import { openAdapter } from '../../src/gpu/node.ts';
import { chosenVariant } from '../../src/gpu/variants.ts';
import { canBroadcast } from '../../src/kernels/matmul/broadcast.ts';
import { matmulFamily } from '../../src/kernels/matmul/index.ts';
import { openDevice } from '../device.ts';

test('measuring makes no error, and leaves the adapter usable', async () => {
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
