/**
 * Kernel families: several kernels that compute the same, of which one is chosen for each adapter and shape class.
 *
 * Every family has a portable variant that runs on every adapter. A device chooses once for each shape class, in this order:
 * `portableKernels`, the device's table of choices (from the tuner, or of an earlier run), the family's preference for the
 * adapter. The choice stays as long as the device, since variants may sum in different orders.
 */
import type { Device } from './device.ts';
import type { Launch } from './kernel.ts';
import type { TunedChoice } from './kernelChoices.ts';

/** A kernel of a family. */
export interface Variant<Options> {
  /** Unique within its family, e.g. `broadcast 32×1`. */
  readonly name: string;
  /** True if it rounds its operands to f16. */
  readonly half?: boolean;
  /** Return true if the device's features and limits allow it, and it supports operands of this shape. */
  readonly fits: (device: Device, options: Options) => boolean;
  /** Return the launch for these operands. */
  readonly plan: (device: Device, options: Options) => Launch;
}

/** Variants that are interchangeable. */
export interface Family<Options, Member extends Variant<Options> = Variant<Options>> {
  readonly name: string;
  /** Return the shape class of operands, e.g. `bias K64 N256 M8192`. */
  readonly shapeClass: (options: Options) => string;
  readonly variants: readonly Member[];
  /** Name of the variant that runs on every adapter. */
  readonly portable: string;
  /** Return the name of the variant that is probably fastest on an untuned adapter. */
  readonly prefer: (device: Device, options: Options) => string;
}

/** Return the key of a choice: family and shape class. */
export const choiceKey = <Options>(family: Family<Options>, options: Options): string =>
  `${family.name} ${family.shapeClass(options)}`;

/** Return the family's variant of this name, if it supports these operands on this device. */
export function namedVariant<Options, Member extends Variant<Options>>(
  device: Device,
  family: Family<Options, Member>,
  options: Options,
  name: string,
): Member | undefined {
  return family.variants.find((variant) => variant.name === name && variant.fits(device, options));
}

/** Return the variant that `device` uses for these operands. Choose it at the first call. */
export function chosenVariant<Options, Member extends Variant<Options>>(
  device: Device,
  family: Family<Options, Member>,
  options: Options,
): Member {
  const key = choiceKey(family, options);
  const known = device.chosen.get(key);
  const variant = family.variants.find(({ name }) => name === known) ?? choose(device, family, options, key);
  if (known === undefined) device.chosen.set(key, variant.name);
  return variant;
}

function choose<Options, Member extends Variant<Options>>(
  device: Device,
  family: Family<Options, Member>,
  options: Options,
  key: string,
): Member {
  const named = (name: string) => namedVariant(device, family, options, name);
  const asAsked = (choice: string | TunedChoice): Member | undefined => {
    if (typeof choice === 'string') return named(choice);
    const variant = named(choice.variant);
    return variant && sourceHash(variant.plan(device, options)) === choice.source ? variant : undefined;
  };
  const asked = device.portableKernels ? undefined : device.choices[key];
  const variant =
    (asked === undefined ? undefined : asAsked(asked)) ??
    (device.portableKernels ? undefined : named(family.prefer(device, options))) ??
    named(family.portable);
  if (!variant) throw new Error(`${family.name}: the portable variant does not take ${key}`);
  return variant;
}

/** Return a 32-bit hash (FNV-1a) of the WGSL of a launch. */
export function sourceHash({ kernel }: Launch): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < kernel.wgsl.length; i++) {
    hash = Math.imul(hash ^ kernel.wgsl.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** Launch the chosen variant for these operands. */
export function launchChosen<Options>(device: Device, family: Family<Options>, options: Options): void {
  launchPlan(device, chosenVariant(device, family, options).plan(device, options));
}

/** Launch the plan of a variant. */
export function launchPlan(device: Device, { kernel, buffers, params, workgroups, next }: Launch): void {
  device.launch(kernel, buffers, params, workgroups);
  if (next) launchPlan(device, next);
}

/** Round up to a power of two, so that a shape class contains similar sizes. */
export const nextPowerOfTwo = (size: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, size)));
