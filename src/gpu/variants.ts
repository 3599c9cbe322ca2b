/**
 * Kernel families: several kernels that compute the same, of which one is chosen for each adapter and shape.
 *
 * Every family has a portable variant that is right and runs everywhere. Which one a device uses is decided once for
 * each shape class, in this order: `portableKernels`, the device's table of choices (measured by the tuner, or a run's
 * own record), what the family prefers on such an adapter. A choice stays for the device's life, since another
 * variant may sum in another order.
 */
import type { BufferView } from './buffers.ts';
import type { Device } from './device.ts';
import type { Kernel, Scalar } from './kernel.ts';

/** A launch that has been decided on. */
export interface Launch {
  readonly kernel: Kernel;
  readonly buffers: Readonly<Record<string, BufferView>>;
  readonly params: Readonly<Record<string, Scalar>>;
  readonly workgroups: readonly [number, number?, number?];
}

/** One way to compute what the family computes. */
export interface Variant<Options> {
  /** Unique within its family, e.g. `broadcast 32×1`. */
  readonly name: string;
  /** Whether it rounds its operands to f16. */
  readonly half?: boolean;
  /** Whether the device's features and limits allow it, and it takes operands of this shape. */
  readonly fits: (device: Device, options: Options) => boolean;
  /** The launch that computes it. */
  readonly plan: (device: Device, options: Options) => Launch;
}

/** Variants that are interchangeable. */
export interface Family<Options> {
  readonly name: string;
  /** What a choice depends on, e.g. `bias K64 N256 M8192`. */
  readonly shapeClass: (options: Options) => string;
  readonly variants: readonly Variant<Options>[];
  /** Name of the variant that runs on every adapter. */
  readonly portable: string;
  /** Name of the variant that is likely the fastest on an adapter that has not been tuned. */
  readonly prefer: (device: Device, options: Options) => string;
}

/**
 * Family and shape class → the name of the variant to use. What the tuner measured also says of what WGSL: when that
 * has changed since, the measurement counts no more.
 */
export type KernelChoices = Readonly<Record<string, string | TunedChoice>>;

/** A choice that holds as long as the kernel is what it was. */
export interface TunedChoice {
  readonly variant: string;
  /** `sourceHash` of its kernel. */
  readonly source: string;
}

/** What a choice is filed under. */
export const choiceKey = <Options>(family: Family<Options>, options: Options): string =>
  `${family.name} ${family.shapeClass(options)}`;

/** The family's variant of that name, if it takes these operands on this device. */
export function namedVariant<Options>(
  device: Device,
  family: Family<Options>,
  options: Options,
  name: string,
): Variant<Options> | undefined {
  return family.variants.find((variant) => variant.name === name && variant.fits(device, options));
}

/** The variant that `device` uses for these operands. */
export function chosenVariant<Options>(
  device: Device,
  family: Family<Options>,
  options: Options,
): Variant<Options> {
  const key = choiceKey(family, options);
  const known = device.chosen.get(key);
  if (known) return known as Variant<Options>;
  const named = (name: string) => namedVariant(device, family, options, name);
  const chosen = (choice: string | TunedChoice | undefined): Variant<Options> | undefined => {
    if (choice === undefined || typeof choice === 'string')
      return choice === undefined ? choice : named(choice);
    const variant = named(choice.variant);
    return variant && sourceHash(variant.plan(device, options)) === choice.source ? variant : undefined;
  };
  const variant = device.portableKernels
    ? named(family.portable)
    : (chosen(device.choices[key]) ?? named(family.prefer(device, options)) ?? named(family.portable));
  if (!variant) throw new Error(`${family.name}: the portable variant does not take ${key}`);
  device.chosen.set(key, variant);
  return variant;
}

/** A 32-bit hash (FNV-1a) of the WGSL that a variant launches. */
export function sourceHash({ kernel }: Launch): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < kernel.wgsl.length; i++) {
    hash = Math.imul(hash ^ kernel.wgsl.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** Launches the variant that is chosen for these operands. */
export function launchChosen<Options>(device: Device, family: Family<Options>, options: Options): void {
  launchPlan(device, chosenVariant(device, family, options).plan(device, options));
}

/** Launches what a variant has planned. */
export function launchPlan(device: Device, { kernel, buffers, params, workgroups }: Launch): void {
  device.launch(kernel, buffers, params, workgroups);
}

/** M by powers of two: products of about as many rows are alike. */
export const sizeClass = (size: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, size)));
