/** The package's root in a browser: as `index.node.ts`, with the browser's own WebGPU and nothing of Node. */
import { expectOptions, text } from './base/arguments.ts';
import { openAdapter } from './gpu/browser.ts';
import { Device } from './gpu/device.ts';
import { DEVICE_OPTIONS } from './gpu/deviceOptions.ts';
import type { OpenDeviceOptions } from './index.ts';

export { keepKernelChoices, keptKernelChoices } from './gpu/browser.ts';
export * from './index.ts';

/**
 * Opens a device on the browser's adapter.
 * @throws {@link AdapterError} if the browser has no WebGPU, or no adapter for it
 */
export async function openDevice(options: OpenDeviceOptions = {}): Promise<Device> {
  expectOptions('openDevice', options, { ...DEVICE_OPTIONS, adapter: text });
  const { adapter: _, ...deviceOptions } = options;
  return Device.open(await openAdapter(), deviceOptions);
}
