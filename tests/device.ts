/** Open the adapter under test, once per file. `MATHFORMER_ADAPTER` chooses it. */
import { test } from 'vitest';
import { Device, type DeviceOptions } from '../src/gpu/device.ts';
import { openAdapter } from '../src/gpu/node.ts';

const { MATHFORMER_ADAPTER: name } = process.env;

/** Options of a device, or one of `VARIANTS`. */
type TestOptions = DeviceOptions & { readonly variant?: string };

export async function openDevice({ variant: _, ...options }: TestOptions = {}): Promise<Device> {
  const { adapter } = await openAdapter(name === undefined ? {} : { name });
  return Device.open(adapter, options);
}

/** The variants that every kernel test runs: the fastest of the adapter, and the portable one. */
export const VARIANTS = [
  { variant: 'fastest', portableKernels: false },
  { variant: 'portable', portableKernels: true },
] as const;

/** True on the adapter that interprets kernels to check them. */
export const isInterpreted = name?.startsWith('wasm-checked') ?? false;

/** Declare a test of sizes for which an interpreter takes too long. Smaller ones run the same code. */
export const largeTest = test.skipIf(isInterpreted);
