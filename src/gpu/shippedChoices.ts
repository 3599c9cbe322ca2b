/** Choices of kernels that come with the package: gains that `npm run tune` found on the adapters named. */
import type { KernelChoices } from './variants.ts';

/** Adapters whose description begins so, and what is faster there than what would run untuned. */
interface Shipped {
  readonly adapter: string;
  readonly choices: KernelChoices;
}

const SHIPPED: readonly Shipped[] = [
  {
    adapter: 'llvmpipe',
    choices: {
      // A tile of 64 columns would work on 128 for these 96.
      'matmul bias K32 N96 M8192': 'broadcast 32×1×4',
    },
  },
];

/** The choices for an adapter, from the first entry that matches. */
export function shippedChoices({ description }: Pick<GPUAdapterInfo, 'description'>): KernelChoices {
  return SHIPPED.find(({ adapter }) => description.startsWith(adapter))?.choices ?? {};
}
