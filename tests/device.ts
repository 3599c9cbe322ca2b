/**
 * Open the adapter under test, once per file. `MATHFORMER_ADAPTER` chooses it, and `MATHFORMER_ADAPTER_CLASS` the class whose
 * default kernels are used, e.g. `gpu` on an adapter that is none.
 */
import { test } from 'vitest';
import { ADAPTER_CLASSES } from '../src/gpu/adapterClass.ts';
import { Device, type DeviceOptions } from '../src/gpu/device.ts';
import { openAdapter } from '../src/gpu/node.ts';

const {
  MATHFORMER_ADAPTER: name,
  MATHFORMER_ADAPTER_CLASS: className,
  MATHFORMER_BRIEF_TESTS: brief,
} = process.env;
const adapterClass = ADAPTER_CLASSES.find((one) => one === className);

/** Options of a device, or one of `VARIANTS`. */
type TestOptions = DeviceOptions & { readonly variant?: string };

export async function openDevice({ variant: _, ...options }: TestOptions = {}): Promise<Device> {
  const { adapter } = await openAdapter(name === undefined ? {} : { name });
  return Device.open(adapter, { ...(adapterClass ? { adapterClass } : {}), ...options });
}

/** True on the adapter that interprets kernels to check them. */
export const isInterpreted = name?.startsWith('wasm-checked') ?? false;
/** Lanes of the interpreter's subgroups; 0 for none. What does not depend on them is tested without any. */
const interpretedLanes = Number(/^wasm-checked-(\d+)$/.exec(name ?? '')?.[1] ?? 0);

/** The variants that every kernel test runs: the fastest of the adapter, and the portable one. */
export const VARIANTS = [
  { variant: 'fastest', portableKernels: false },
  { variant: 'portable', portableKernels: true },
].filter(({ portableKernels }) => !portableKernels || (interpretedLanes === 0 && !brief));

/** WebGPU's default limits: what every adapter has. */
export const DEFAULT_LIMITS = {
  maxComputeWorkgroupStorageSize: 16_384,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
};

/** True on a driver that takes seconds to compile a kernel: only those run there that are made for it. */
const compilesSlowly = name === 'lavapipe';

/** The default kernels of a GPU that has no more than that. */
export const GPU_VARIANT = { variant: "a GPU's", adapterClass: 'gpu' as const, limits: DEFAULT_LIMITS };
/** `VARIANTS`, and those of a GPU, where they do not take too long. */
export const ALL_VARIANTS = [
  ...VARIANTS,
  ...(compilesSlowly || interpretedLanes > 0 || brief ? [] : [GPU_VARIANT]),
];

/** Return the number of random cases to test: few where each compiles its kernels for seconds, as in a page. */
export const randomCases = (wanted: number): number => (brief ? Math.min(wanted, 3) : wanted);

/** Return the variants of a family to test. */
export const variantsToTest = <V extends { readonly name: string }>(variants: readonly V[]): readonly V[] =>
  interpretedLanes > 0 || compilesSlowly
    ? variants.filter((variant) => /broadcast|subgroup/.test(variant.name))
    : variants;

/** Declare a test of sizes for which an interpreter or a page takes too long. Smaller ones run the same code. */
export const largeTest = test.skipIf(isInterpreted || brief !== undefined);
