/** The package's root in a browser: as `index.node.ts`, with the browser's own WebGPU or WebAssembly, and nothing of Node. */
import { expectOptions } from './base/arguments.ts';
import { ADAPTER_OPTIONS } from './gpu/adapterOptions.ts';
import { openAdapter } from './gpu/browser.ts';
import { Device } from './gpu/device.ts';
import { DEVICE_OPTIONS } from './gpu/deviceOptions.ts';
import type { OpenDeviceOptions } from './index.ts';

export { keepKernelChoices, keptKernelChoices } from './gpu/browser.ts';
export * from './index.ts';

/**
 * Opens a device on the browser's adapter, or with WebAssembly if it has none.
 * @throws {@link AdapterError} if the browser has neither
 */
export async function openDevice(options: OpenDeviceOptions = {}): Promise<Device> {
  expectOptions('openDevice', options, { ...ADAPTER_OPTIONS, ...DEVICE_OPTIONS });
  const { adapter, threads, relaxed, ...deviceOptions } = options;
  return Device.open(await openAdapter({ adapter, threads, relaxed }), deviceOptions);
}
