/** The package's root in a browser: as `index.node.ts`, with the browser's own WebGPU or WebAssembly, and nothing of Node. */
import { expectOptions, oneOf } from './base/arguments.ts';
import { ADAPTER_OPTIONS } from './gpu/adapterOptions.ts';
import { openTuned, TUNING } from './gpu/autoTuning.ts';
import { keepKernelChoices, keptKernelChoices, openAdapter } from './gpu/browser.ts';
import type { Device } from './gpu/device.ts';
import { DEVICE_OPTIONS } from './gpu/deviceOptions.ts';
import type { OpenDeviceOptions } from './index.ts';

export { keepKernelChoices, keptKernelChoices } from './gpu/browser.ts';
export * from './index.ts';

/**
 * Opens a device on the browser's adapter, or with WebAssembly if it has none.
 * @throws {@link AdapterError} if the browser has neither
 */
export async function openDevice(options: OpenDeviceOptions = {}): Promise<Device> {
  expectOptions('openDevice', options, { ...ADAPTER_OPTIONS, ...DEVICE_OPTIONS, tune: oneOf(TUNING) });
  const { adapter: name, threads, relaxed, ...deviceOptions } = options;
  const adapter = await openAdapter({ adapter: name, threads, relaxed });
  return openTuned(adapter, deviceOptions, {
    read: () => keptKernelChoices(adapter, options.matmulPrecision),
    add: (choices) => keepKernelChoices(adapter, choices, options.matmulPrecision),
  });
}
