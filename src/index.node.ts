/**
 * The package's root: `openDevice`, the device, the errors, and the whole of `mathformer/tensor`. In Node a device is
 * opened on a hardware GPU through Dawn if there is one, else on the adapter `wasm`, which needs no driver.
 *
 * @module mathformer
 */
import { expectOptions, oneOf } from './base/arguments.ts';
import { ADAPTER_OPTIONS } from './gpu/adapterOptions.ts';
import { openTuned, TUNING } from './gpu/autoTuning.ts';
import type { Device } from './gpu/device.ts';
import { DEVICE_OPTIONS } from './gpu/deviceOptions.ts';
import { openAdapter } from './gpu/node.ts';
import type { OpenDeviceOptions } from './index.ts';
import { keepKernelChoices, keptKernelChoices } from './runs/tunedKernels.ts';

export * from './index.ts';
export { keepKernelChoices, keptKernelChoices } from './runs/tunedKernels.ts';

/**
 * Opens a device on the best adapter, or on the one asked for.
 * @throws {@link AdapterError} when nothing usable is found, or no adapter has the name
 */
export async function openDevice(options: OpenDeviceOptions = {}): Promise<Device> {
  expectOptions('openDevice', options, { ...ADAPTER_OPTIONS, ...DEVICE_OPTIONS, tune: oneOf(TUNING) });
  const { adapter: name, threads, relaxed, ...deviceOptions } = options;
  const matrixUnits = options.matmulPrecision === 'medium';
  const { adapter } = await openAdapter({
    ...(name === undefined ? {} : { name }),
    threads,
    relaxed,
    matrixUnits,
  });
  return openTuned(adapter, deviceOptions, {
    read: () => keptKernelChoices(adapter, options.matmulPrecision),
    add: (choices) => keepKernelChoices(adapter, choices, options.matmulPrecision),
  });
}
