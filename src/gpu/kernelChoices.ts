/** Choices of kernels: the variant of a family that a device uses for a shape class, and the shipped choices. */

/**
 * Family and shape class → the name of the variant to use. A tuned choice also has the hash of the variant's WGSL: if that has
 * changed since, the choice is dropped.
 */
export type KernelChoices = Readonly<Record<string, string | TunedChoice>>;

/** A choice that is valid as long as the kernel is unchanged. */
export interface TunedChoice {
  readonly variant: string;
  /** `sourceHash` of its kernel. */
  readonly source: string;
}

/** Adapters by the start of their description, and choices that are faster there than the defaults. */
interface Shipped {
  readonly adapter: string;
  readonly choices: KernelChoices;
}

/** Gains that `npm run tune` found on the adapters named. */
const SHIPPED: readonly Shipped[] = [
  {
    adapter: 'llvmpipe',
    choices: {
      // A tile of 64 columns would work on 128 for these 96.
      'matmul bias K32 N96 M8192': 'broadcast 32×1×4',
    },
  },
];

/** Return the shipped choices for an adapter, from the first entry that matches. */
export function shippedChoices({ description }: Pick<GPUAdapterInfo, 'description'>): KernelChoices {
  return SHIPPED.find(({ adapter }) => description.startsWith(adapter))?.choices ?? {};
}

/** Return the traits that distinguish adapters on every platform: other hardware or drivers may prefer other kernels. */
export function adapterTraits(info: GPUAdapterInfo) {
  const { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize } = info;
  return { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize };
}
