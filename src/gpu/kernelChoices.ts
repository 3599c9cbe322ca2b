/** Choices of kernels: which variant of a family a device uses for which shapes, and the choices that the package ships. */

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

/** Adapters whose description begins so, and what is faster there than what would run untuned. */
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

/** Return what tells adapters apart on every platform: other hardware or another driver may prefer other kernels. */
export function adapterTraits(info: GPUAdapterInfo) {
  const { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize } = info;
  return { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize };
}
