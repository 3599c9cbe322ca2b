/** Devices that are tuned by themselves: how `openDevice({ tune })` keeps choices of kernels, for `tuneFor`. */
import { isSoftware, isWebAssembly } from './adapterClass.ts';
import { Device } from './device.ts';
import type { DeviceOptions } from './deviceOptions.ts';
import type { KernelChoices } from './kernelChoices.ts';

/** Choice whether a device is tuned. `auto`: on GPUs. `always`: on any adapter. `never`: it has the defaults. */
export type Tuning = 'auto' | 'always' | 'never';
export const TUNING: readonly Tuning[] = ['auto', 'always', 'never'];

/** The place where choices are kept for later: files in Node, IndexedDB in a browser. */
export interface KeptChoices {
  read(): Promise<KernelChoices>;
  add(choices: KernelChoices): Promise<void>;
}

const places = new WeakMap<Device, KeptChoices>();

/** Return the place that keeps the choices of a device; undefined if it is not tuned by itself. */
export const keptChoicesOf = (device: Device): KeptChoices | undefined => places.get(device);

/**
 * Open a device with the choices that were kept for the adapter, if it is to be tuned. Choices in the options, as from an earlier
 * run, are taken instead, and the device is not tuned: they hold for the whole run.
 */
export async function openTuned(
  adapter: GPUAdapter,
  { tune = 'never', ...options }: DeviceOptions & { readonly tune?: Tuning },
  kept: KeptChoices,
): Promise<Device> {
  const { info } = adapter;
  const isGpu = !isSoftware(info) && !isWebAssembly(info);
  const wanted = tune === 'always' || (tune === 'auto' && isGpu);
  if (!wanted || options.kernelChoices || options.portableKernels) return Device.open(adapter, options);
  const device = await Device.open(adapter, { ...options, kernelChoices: await kept.read() });
  places.set(device, kept);
  return device;
}
